// y[o] = bias_act(demod[o] * sum_i W[o,i] (*) (style[i] * x[i]), bias[o], noise): 3x3 or 1x1 on matrix units, f16.
//
// Implicit GEMM of fragments of SIDE x SIDE: a row of SIDE neighbouring pixels, times SIDE outputs, summed over inputs and taps.
// 16 input channels at a time are modulated and staged as a patch in workgroup memory, once for all taps: a tap is an offset
// into the patch. The weights follow, a row of taps at a time; the next row is on its way into registers while the units work.
// Four subgroups share a tile, DOWN x ACROSS; each holds the sums of 4 rows of pixels x COLUMNS fragments of outputs:
//
//     ACROSS 2, COLUMNS 4 (128 outputs)     ACROSS 1, COLUMNS 4 or 2 (64 or 32 outputs)
//     +--------+--------+                   +--------+
//     |  0     |  1     | 4 rows            |  0     | 4 rows of SIDE pixels
//     +--------+--------+                   +--------+
//     |  2     |  3     | 4 rows            |  1     |
//     +--------+--------+                   |  ...   | 16 rows in all
//
// Counted for 16 input channels, 3x3, SIDE 16; what it gives is not measured on hardware:
//
//     outputs   MFLOP   from L2: patch + weights    FLOP per byte   workgroup memory
//         128    4.72          5.8 + 36.9 kB              111              32.2 kB
//          64    4.72         10.4 + 18.4 kB              164              29.9 kB
//          32    2.36         10.4 +  9.2 kB              120              25.3 kB
//
// A step of 16 inputs of a subgroup loads 4 + COLUMNS fragments of 512 bytes for 4 * COLUMNS products of 8192 FLOP: 32 or 21
// FLOP per byte of workgroup memory.
//
// Every loop with a matrix in it is uniform, as the units require. What a fragment loads are 16 inputs in a row, of a pixel or of an
// output: 32 bytes, at a pitch of 48, so that neighbours lie in different banks and every fragment begins at a multiple of 16 bytes. Where
// a thread fetches from and stages to is found once: no index is divided in the loop.
struct Params {
    band: Band,
    x: Slab,
    y: Slab,
    act: BiasAct,
    style: u32,    // first group of this layer in `style` ...
    style_n: u32,  // ... and groups per image
    demod: u32,
    demod_n: u32,
}
override KERNEL: i32 = 3;
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<elem4>;          // slab [N, I, H, W]
@group(0) @binding(2) var<storage, read> w: array<Block>;          // [O/16, I/4, k, k, 4] of 4 outputs
@group(0) @binding(3) var<storage, read> style: array<vec4<f32>>;  // [N, all layers' I/4]
@group(0) @binding(4) var<storage, read> demod: array<vec4<f32>>;  // [N, all layers' O/4]
@group(0) @binding(5) var<storage, read> bias: array<vec4<f32>>;   // [O/16 * 4]
@group(0) @binding(6) var<storage, read> noise: array<vec4<f32>>;  // [N or 1, H, W]
@group(0) @binding(7) var<storage, read_write> y: array<out4>;     // slab [N, O, H, W]

override LANES: u32 = 32;   // of a subgroup
override ACROSS: u32 = 1;   // subgroups side by side, along outputs
override COLUMNS: u32 = 4;  // fragments of outputs of a subgroup: 4 or 2
override ROWS: u32 = 16 / ACROSS;  // of pixels of a tile
override OUTPUTS: u32 = ACROSS * COLUMNS * SIDE;
override THREADS: u32 = 4 * LANES;

const STAGE = 4u;                 // groups of four input channels staged at a time
const PATCH = SIDE + 2;           // pixels of a row of the patch
const X_PITCH = STAGE + 2;        // [ROWS + 2][PATCH] pixels
override X_SIZE: u32 = PIXELS * X_PITCH;
override PIXELS: u32 = (ROWS + 2) * PATCH;
const W_PITCH = STAGE + 2;        // [3 taps][OUTPUTS]
override W_SIZE: u32 = 3 * OUTPUTS * W_PITCH;
const SUM_PITCH = SIDE / 4 + 1;  // [4 subgroups][SIDE pixels] of SIDE outputs
const SUM_SIZE = 4 * SIDE * SUM_PITCH;
// A row of taps, BLOCKS of all threads. What counts up to STEPS or FETCHES is unrolled by compilers, and what it indexes stays in
// registers: up to 3 blocks and 3 pixels, 6 with subgroups of 8 lanes.
override BLOCKS: u32 = u32(KERNEL) * OUTPUTS;
override FETCHES: u32 = (BLOCKS + THREADS - 1) / THREADS;
override STEPS: u32 = (PIXELS + THREADS - 1) / THREADS;
var<private> fetched: array<Block, 6>;
var<private> block_at: array<u32, 6>;  // where this thread's blocks of the first row of taps lie
var<private> pixel_at: array<i32, 6>;  // ... and its pixels

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    begin(thread);
    let across = (p.x.width + SIDE - 1) / SIDE;
    let n = p.band.n + group.z;
    let top = i32(p.band.y + group.x / across * ROWS);
    let left = i32(group.x % across * SIDE);
    let subgroup = thread / LANES;
    let my_rows = subgroup / ACROSS * 4;
    let my_outputs = subgroup % ACROSS * COLUMNS * SIDE / 4;

    // Sums of fragments: row of pixels, column of outputs. Not in structures, which SPIR-V would lay out in memory.
    var r0c0: MatSum; var r0c1: MatSum; var r0c2: MatSum; var r0c3: MatSum;
    var r1c0: MatSum; var r1c1: MatSum; var r1c2: MatSum; var r1c3: MatSum;
    var r2c0: MatSum; var r2c1: MatSum; var r2c2: MatSum; var r2c3: MatSum;
    var r3c0: MatSum; var r3c1: MatSum; var r3c2: MatSum; var r3c3: MatSum;
    find_pixels(n, top, left, thread);
    find_weights(group.y, thread);
    fetch_weights(0, 0, thread);
    for (var stage = 0u; stage < p.x.channels; stage += STAGE) {
        for (var k = 0u; k < u32(KERNEL); k++) {
            workgroupBarrier();  // everyone has read what was staged before
            if (k == 0) { stage_patch(p.style + n * p.style_n, stage, thread); }
            stage_weights(thread);
            workgroupBarrier();
            if (k + 1 < u32(KERNEL)) {
                fetch_weights(stage, k + 1, thread);
            } else if (stage + STAGE < p.x.channels) {
                fetch_weights(stage + STAGE, 0, thread);
            }
            for (var l = 0u; l < u32(KERNEL); l++) {
                let tap_x = ((my_rows + k + 1 - u32(KERNEL) / 2) * PATCH + l + 1 - u32(KERNEL) / 2) * X_PITCH;
                for (var i = 0u; i < 16; i += SIDE) {
                    let a = tap_x + i / 4;
                    let b = (l * OUTPUTS + my_outputs * 4) * W_PITCH + i / 4;
                    let b0 = load_w(b);
                    let b1 = load_w(b + SIDE * W_PITCH);
                    let x0 = load_x(a);
                    let x1 = load_x(a + PATCH * X_PITCH);
                    let x2 = load_x(a + 2 * PATCH * X_PITCH);
                    let x3 = load_x(a + 3 * PATCH * X_PITCH);
                    multiply_row(&r0c0, &r0c1, x0, b0, b1);
                    multiply_row(&r1c0, &r1c1, x1, b0, b1);
                    multiply_row(&r2c0, &r2c1, x2, b0, b1);
                    multiply_row(&r3c0, &r3c1, x3, b0, b1);
                    if (COLUMNS == 4) {
                        let b2 = load_w(b + 2 * SIDE * W_PITCH);
                        let b3 = load_w(b + 3 * SIDE * W_PITCH);
                        multiply_row(&r0c2, &r0c3, x0, b2, b3);
                        multiply_row(&r1c2, &r1c3, x1, b2, b3);
                        multiply_row(&r2c2, &r2c3, x2, b2, b3);
                        multiply_row(&r3c2, &r3c3, x3, b2, b3);
                    }
                }
            }
        }
    }

    let lane = thread % LANES;
    let c = group.y * OUTPUTS / 4 + my_outputs + lane / SIDE;
    let place = Place(n, top + i32(my_rows), left + i32(lane % SIDE), c, subgroup * SIDE * SUM_PITCH, lane);
    finish_row(r0c0, r0c1, r0c2, r0c3, place, 0);
    finish_row(r1c0, r1c1, r1c2, r1c3, place, 1);
    finish_row(r2c0, r2c1, r2c2, r2c3, place, 2);
    finish_row(r3c0, r3c1, r3c2, r3c3, place, 3);
    zero_edges(n, group.y * OUTPUTS / 4, top, left, thread);
}

// The tile's pixels and a halo of one. Pixels beyond the band or the border repeat the last ones; they only feed pixels that are not stored.
fn find_pixels(n: u32, top: i32, left: i32, thread: u32) {
    let last = i32(min(p.x.height, p.band.y + p.band.rows));
    for (var f = 0u; f < STEPS; f++) {
        let i = f * THREADS + thread;
        pixel_at[f] = at(p.x, n, 0, min(top - 1 + i32(i / PATCH), last), min(left - 1 + i32(i % PATCH), i32(p.x.width)));
    }
}

// 16 channels of them, modulated.
fn stage_patch(styles: u32, stage: u32, thread: u32) {
    for (var f = 0u; f < STEPS; f++) {
        let i = f * THREADS + thread;
        if (i < PIXELS) { stage_pixel(i * X_PITCH, pixel_at[f] + i32(stage) * p.x.c, styles + stage); }
    }
}

// Taps of the first row, 16 inputs x OUTPUTS outputs: 4 threads read 128 bytes of a tap, 3 taps lie in a row. Blocks beyond the last
// repeat it; their sums are not stored.
fn find_weights(tile: u32, thread: u32) {
    let taps = u32(KERNEL);
    let blocks = (p.y.channels + 7) / 8 * 2;  // of 16 outputs
    for (var f = 0u; f < FETCHES; f++) {
        let i = f * THREADS + thread;
        let block = min(tile * OUTPUTS / 16 + i / (4 * taps * STAGE), blocks - 1);
        block_at[f] = ((block * p.x.channels + i / (4 * taps) % STAGE) * taps * taps + i / 4 % taps) * 4 + i % 4;
    }
}

// Row k of the taps, into registers.
fn fetch_weights(stage: u32, k: u32, thread: u32) {
    let row = (stage * u32(KERNEL) + k) * u32(KERNEL) * 4;
    for (var f = 0u; f < FETCHES; f++) {
        if (f * THREADS + thread < BLOCKS) { fetched[f] = w[block_at[f] + row]; }
    }
}

fn stage_weights(thread: u32) {
    let taps = u32(KERNEL);
    for (var f = 0u; f < FETCHES; f++) {
        let i = f * THREADS + thread;
        if (i < BLOCKS) {
            let output = i / 4 % taps * OUTPUTS + i / (4 * taps * STAGE) * 16 + i % 4 * 4;
            let at = output * W_PITCH + i / (4 * taps) % STAGE;
            stage_block(at, fetched[f]);
        }
    }
}

// Two neighbouring fragments of outputs.
fn multiply_row(sum0: ptr<function, MatSum>, sum1: ptr<function, MatSum>, a: MatX, b0: MatW, b1: MatW) {
    *sum0 = multiply_add(a, b0, *sum0);
    *sum1 = multiply_add(a, b1, *sum1);
}

// Where a lane's part of its subgroup's sums goes: a pixel, and every LANES / SIDE-th group of four outputs.
struct Place {
    n: u32,
    y: i32,
    x: i32,
    c: u32,
    scratch: u32,  // in staged_sum
    lane: u32,
}

fn finish_row(sum0: MatSum, sum1: MatSum, sum2: MatSum, sum3: MatSum, place: Place, r: i32) {
    let yy = place.y + r;
    let there = yy < i32(p.band.y + p.band.rows) && place.x < i32(p.x.width);
    let z = noise_at(place.n, min(yy, i32(p.x.height) - 1), min(place.x, i32(p.x.width) - 1), p.x.width);
    let to = at(p.y, place.n, place.c, yy, place.x);
    finish_fragment(sum0, place, there, z, to, 0);
    finish_fragment(sum1, place, there, z, to, 1);
    if (COLUMNS == 4) {
        finish_fragment(sum2, place, there, z, to, 2);
        finish_fragment(sum3, place, there, z, to, 3);
    }
}

// Through workgroup memory, since a lane cannot know which values of a fragment it holds.
fn finish_fragment(sum: MatSum, place: Place, there: bool, z: f32, to: i32, column: u32) {
    workgroupBarrier();
    store_sum(place.scratch, sum);
    workgroupBarrier();
    for (var i = 0u; i < SIDE * SIDE / 4; i += LANES) {
        let next = column * SIDE / 4 + i / SIDE;
        let c = place.c + next;
        if (there && place.lane + i < SIDE * SIDE / 4 && c < p.y.channels) {
            let v = sum_at(place.scratch + place.lane % SIDE * SUM_PITCH + place.lane / SIDE + i / SIDE);
            y[to + i32(next) * p.y.c] = narrow(bias_act(p.act, v * demod[p.demod + place.n * p.demod_n + c], bias[c], z));
        }
    }
}

// The border beside a tile at an edge, once all of it is stored: of 16 stores of fragments each with its own, the code was most of it.
fn zero_edges(n: u32, outputs: u32, top: i32, left: i32, thread: u32) {
    let bottom = min(top + i32(ROWS), i32(p.band.y + p.band.rows));
    if (top > 0 && left > 0 && bottom < i32(p.x.height) && left + i32(SIDE) < i32(p.x.width)) { return; }
    for (var i = thread; i < ROWS * SIDE * OUTPUTS / 4; i += THREADS) {
        let yy = top + i32(i / SIDE % ROWS);
        let xx = left + i32(i % SIDE);
        let c = outputs + i / (ROWS * SIDE);
        if (yy < bottom && xx < i32(p.x.width) && c < p.y.channels) { zero_beside(n, c, yy, xx); }
    }
}

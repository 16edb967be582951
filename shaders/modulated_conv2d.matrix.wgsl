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
//         128    4.72          5.8 + 36.9 kB              111              26.8 kB
//          64    4.72         10.4 + 18.4 kB              164              27.6 kB
//          32    2.36         10.4 +  9.2 kB              120              24.5 kB
//
// A step of 16 inputs of a subgroup loads 4 + COLUMNS fragments of 512 bytes for 4 * COLUMNS products of 8192 FLOP: 32 or 21
// FLOP per byte of workgroup memory.
//
// Every loop with a matrix in it is uniform, as the units require. Pitches are padded by 16 bytes: neighbouring rows of a
// fragment lie in different banks, and every fragment begins at a multiple of 16 bytes.
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
// Two inputs to 4 outputs: a load of 16 bytes.
struct Pair { a: vec4<f16>, b: vec4<f16> }
override KERNEL: i32 = 3;
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<elem4>;          // slab [N, I, H, W]
@group(0) @binding(2) var<storage, read> w: array<Pair>;           // [O/16, I/4, k, k, 4, 4 inputs] of 4 outputs
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
override X_SIZE: u32 = (ROWS + 2) * PATCH * X_PITCH;
override W_PITCH: u32 = OUTPUTS / 4 + 2;  // [3 taps][16 inputs]
override W_SIZE: u32 = 48 * W_PITCH;
const SUM_PITCH = SIDE + 4;       // [4 subgroups][SIDE pixels]
var<workgroup> staged_sum: array<f32, 4 * SIDE * SUM_PITCH>;
// The next row of weights, WEIGHTS pairs of all threads: up to 6 of each, 12 with subgroups of 8 lanes. What counts up to FETCHES is
// unrolled by compilers, and what it indexes stays in registers.
override WEIGHTS: u32 = 2 * u32(KERNEL) * OUTPUTS;
override FETCHES: u32 = (WEIGHTS + THREADS - 1) / THREADS;
var<private> fetched_a: array<vec4<f16>, 12>;
var<private> fetched_b: array<vec4<f16>, 12>;

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
    fetch_weights(group.y, 0, 0, thread);
    for (var stage = 0u; stage < p.x.channels; stage += STAGE) {
        for (var k = 0u; k < u32(KERNEL); k++) {
            workgroupBarrier();  // everyone has read what was staged before
            if (k == 0) { stage_patch(n, stage, top, left, thread); }
            stage_weights(thread);
            workgroupBarrier();
            if (k + 1 < u32(KERNEL)) {
                fetch_weights(group.y, stage, k + 1, thread);
            } else if (stage + STAGE < p.x.channels) {
                fetch_weights(group.y, stage + STAGE, 0, thread);
            }
            for (var l = 0u; l < u32(KERNEL); l++) {
                let tap_x = ((my_rows + k + 1 - u32(KERNEL) / 2) * PATCH + l + 1 - u32(KERNEL) / 2) * X_PITCH;
                for (var i = 0u; i < 16; i += SIDE) {
                    let a = tap_x + i / 4;
                    let b = (l * 16 + i) * W_PITCH + my_outputs;
                    let b0 = load_w(b);
                    let b1 = load_w(b + SIDE / 4);
                    let x0 = load_x(a);
                    let x1 = load_x(a + PATCH * X_PITCH);
                    let x2 = load_x(a + 2 * PATCH * X_PITCH);
                    let x3 = load_x(a + 3 * PATCH * X_PITCH);
                    multiply_row(&r0c0, &r0c1, x0, b0, b1);
                    multiply_row(&r1c0, &r1c1, x1, b0, b1);
                    multiply_row(&r2c0, &r2c1, x2, b0, b1);
                    multiply_row(&r3c0, &r3c1, x3, b0, b1);
                    if (COLUMNS == 4) {
                        let b2 = load_w(b + SIDE / 2);
                        let b3 = load_w(b + SIDE / 4 * 3);
                        multiply_row(&r0c2, &r0c3, x0, b2, b3);
                        multiply_row(&r1c2, &r1c3, x1, b2, b3);
                        multiply_row(&r2c2, &r2c3, x2, b2, b3);
                        multiply_row(&r3c2, &r3c3, x3, b2, b3);
                    }
                }
            }
        }
    }

    let at0 = Place(n, top + i32(my_rows), left, group.y * OUTPUTS / 4 + my_outputs, subgroup * SIDE * SUM_PITCH, thread % LANES);
    finish_row(r0c0, r0c1, r0c2, r0c3, at0, 0);
    finish_row(r1c0, r1c1, r1c2, r1c3, at0, 1);
    finish_row(r2c0, r2c1, r2c2, r2c3, at0, 2);
    finish_row(r3c0, r3c1, r3c2, r3c3, at0, 3);
}

// 16 channels of the tile's pixels and a halo of one, modulated.
fn stage_patch(n: u32, stage: u32, top: i32, left: i32, thread: u32) {
    let last = i32(min(p.x.height, p.band.y + p.band.rows));
    for (var i = thread; i < STAGE * (ROWS + 2) * PATCH; i += THREADS) {
        // Pixels beyond the band or the border repeat the last ones; they only feed pixels that are not stored.
        let pixel = i % ((ROWS + 2) * PATCH);
        let yy = min(top - 1 + i32(pixel / PATCH), last);
        let xx = min(left - 1 + i32(pixel % PATCH), i32(p.x.width));
        let c = i / ((ROWS + 2) * PATCH);
        let v = widen(x[at(p.x, n, stage + c, yy, xx)]) * style[p.style + n * p.style_n + stage + c];
        stage_x(pixel * X_PITCH + c, vec4<f16>(v));
    }
}

// Row k of the taps, 16 inputs x OUTPUTS outputs, into registers: 8 threads load 128 bytes of a tap, 3 taps lie in a row. Blocks
// beyond the last repeat it; their sums are not stored.
fn fetch_weights(tile: u32, stage: u32, k: u32, thread: u32) {
    let taps = u32(KERNEL);
    let blocks = (p.y.channels + 7) / 8 * 2;  // of 16 outputs
    for (var f = 0u; f < FETCHES; f++) {
        let i = f * THREADS + thread;
        if (i < WEIGHTS) {
            let l = i / 8 % taps;
            let c = i / (8 * taps) % STAGE;
            let block = min(tile * OUTPUTS / 16 + i / (8 * taps * STAGE), blocks - 1);
            let weights = w[(((block * p.x.channels + stage + c) * taps + k) * taps + l) * 8 + i % 8];
            fetched_a[f] = weights.a;
            fetched_b[f] = weights.b;
        }
    }
}

fn stage_weights(thread: u32) {
    let taps = u32(KERNEL);
    for (var f = 0u; f < FETCHES; f++) {
        let i = f * THREADS + thread;
        if (i < WEIGHTS) {
            let row = i / 8 % taps * 16 + i / (8 * taps) % STAGE * 4 + i % 2 * 2;
            let at = row * W_PITCH + i / (8 * taps * STAGE) * 4 + i % 8 / 2;
            stage_w(at, fetched_a[f]);
            stage_w(at + W_PITCH, fetched_b[f]);
        }
    }
}

// Two neighbouring fragments of outputs.
fn multiply_row(sum0: ptr<function, MatSum>, sum1: ptr<function, MatSum>, a: MatX, b0: MatW, b1: MatW) {
    *sum0 = multiply_add(a, b0, *sum0);
    *sum1 = multiply_add(a, b1, *sum1);
}

// Where a subgroup's sums go.
struct Place {
    n: u32,
    y: i32,
    x: i32,
    c: u32,        // group of four outputs
    scratch: u32,  // in staged_sum
    lane: u32,
}

fn finish_row(sum0: MatSum, sum1: MatSum, sum2: MatSum, sum3: MatSum, place: Place, r: i32) {
    finish_fragment(sum0, place, r, 0);
    finish_fragment(sum1, place, r, 1);
    if (COLUMNS == 4) {
        finish_fragment(sum2, place, r, 2);
        finish_fragment(sum3, place, r, 3);
    }
}

// Through workgroup memory, since a lane cannot know which values of a fragment it holds.
fn finish_fragment(sum: MatSum, place: Place, r: i32, column: u32) {
    workgroupBarrier();
    store_sum(place.scratch, sum);
    workgroupBarrier();
    let yy = place.y + r;
    for (var i = place.lane; i < SIDE * SIDE / 4; i += LANES) {
        let xx = place.x + i32(i % SIDE);
        let c = place.c + column * SIDE / 4 + i / SIDE;
        if (yy < i32(p.band.y + p.band.rows) && xx < i32(p.x.width) && c < p.y.channels) {
            let s = place.scratch + i % SIDE * SUM_PITCH + i / SIDE * 4;
            let v = vec4(staged_sum[s], staged_sum[s + 1], staged_sum[s + 2], staged_sum[s + 3]);
            let z = noise_at(place.n, yy, xx, p.x.width);
            store(place.n, c, yy, xx, bias_act(p.act, v * demod[p.demod + place.n * p.demod_n + c], bias[c], z));
        }
    }
}

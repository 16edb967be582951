// t[o] = demod[o] * sum_i W[o,i] (x) up2(style[i] * x[i]): stride-2 transposed 3x3, [H, W] -> [2H+1, 2W+1]; matrix units, f16.
//
// Cell (cy, cx) of the input yields a 2x2 quad of t, from itself and its upper and left neighbours (4 + 2 + 2 + 1 = 9 taps):
//
//     t[2cy  ][2cx] = W00 x + W02 left + W20 up + W22 upleft      t[2cy  ][2cx+1] = W01 x + W21 up
//     t[2cy+1][2cx] = W10 x + W12 left                            t[2cy+1][2cx+1] = W11 x
//
// Implicit GEMM of fragments of SIDE x SIDE: a row of SIDE neighbouring cells, times SIDE outputs. 16 input channels at a time
// are modulated and staged as a patch in workgroup memory, with the weights of all taps: a tap is an offset into both. The next
// weights are on their way into registers while the units work. Four subgroups share a tile, DOWN x ACROSS; each holds the
// sums of 2 rows of cells x 2 fragments of outputs x 4 phases:
//
//     ACROSS 2 (64 outputs)              ACROSS 1 (32 outputs)
//     +--------+--------+                +--------+
//     |  0     |  1     | 2 rows         |  0     | 2 rows of SIDE cells
//     +--------+--------+                +--------+
//     |  2     |  3     | 2 rows         |  ...   | 8 rows in all
//     +--------+--------+                +--------+
//
// Counted for 16 input channels, SIDE 16; what it gives is not measured on hardware:
//
//     outputs   MFLOP   from L2: patch + weights    FLOP per byte   workgroup memory
//          64    1.18          2.7 + 18.4 kB               56              29.9 kB
//          32    1.18          4.9 +  9.2 kB               83              24.0 kB
struct Params {
    band: Band,    // of cells: H + 1 rows
    x: Slab,
    y: Slab,
    style: u32,    // first group of this layer in `style` ...
    style_n: u32,  // ... and groups per image
    demod: u32,
    demod_n: u32,
}
// Two inputs to 4 outputs: a load of 16 bytes.
struct Pair { a: vec4<f16>, b: vec4<f16> }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<elem4>;          // slab [N, I, H, W]
@group(0) @binding(2) var<storage, read> w: array<Pair>;           // [O/16, I/4, k, k, 4, 4 inputs] of 4 outputs
@group(0) @binding(3) var<storage, read> style: array<vec4<f32>>;  // [N, all layers' I/4]
@group(0) @binding(4) var<storage, read> demod: array<vec4<f32>>;  // [N, all layers' O/4]
@group(0) @binding(5) var<storage, read_write> y: array<out4>;     // slab [N, O, 2H+1, 2W+1]

override LANES: u32 = 32;  // of a subgroup
override ACROSS: u32 = 1;  // subgroups side by side, along outputs
override ROWS: u32 = 8 / ACROSS;  // of cells of a tile
override OUTPUTS: u32 = ACROSS * 2 * SIDE;
override THREADS: u32 = 4 * LANES;

const STAGE = 4u;            // groups of four input channels staged at a time
const PATCH = SIDE + 1;      // cells of a row of the patch
const X_PITCH = STAGE + 2;   // [ROWS + 1][PATCH] cells; 16 bytes of padding keep neighbours in different banks
override X_SIZE: u32 = (ROWS + 1) * PATCH * X_PITCH;
override W_PITCH: u32 = OUTPUTS / 4 + 2;  // [9 taps][16 inputs]
override W_SIZE: u32 = 9 * TAP;
override TAP: u32 = 16 * W_PITCH;
const SUM_PITCH = SIDE + 4;  // [4 subgroups][SIDE cells]
var<workgroup> staged_sum: array<f32, 4 * SIDE * SUM_PITCH>;
// The next weights, WEIGHTS pairs of all threads: up to 9 of each, 18 with subgroups of 8 lanes. What counts up to FETCHES is unrolled
// by compilers, and what it indexes stays in registers.
override WEIGHTS: u32 = 18 * OUTPUTS;
override FETCHES: u32 = (WEIGHTS + THREADS - 1) / THREADS;
var<private> fetched_a: array<vec4<f16>, 18>;
var<private> fetched_b: array<vec4<f16>, 18>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    begin(thread);
    let across = (p.x.width + SIDE) / SIDE;
    let n = p.band.n + group.z;
    let top = i32(p.band.y + group.x / across * ROWS);
    let left = i32(group.x % across * SIDE);
    let subgroup = thread / LANES;
    let my_rows = subgroup / ACROSS * 2;
    let my_outputs = subgroup % ACROSS * SIDE / 2;

    // Sums of fragments: phase (t[2cy][2cx], t[2cy][2cx+1], t[2cy+1][2cx], t[2cy+1][2cx+1]), row of cells, column of outputs.
    // Not in structures, which SPIR-V would lay out in memory.
    var ee00: MatSum; var ee01: MatSum; var ee10: MatSum; var ee11: MatSum;
    var eo00: MatSum; var eo01: MatSum; var eo10: MatSum; var eo11: MatSum;
    var oe00: MatSum; var oe01: MatSum; var oe10: MatSum; var oe11: MatSum;
    var oo00: MatSum; var oo01: MatSum; var oo10: MatSum; var oo11: MatSum;
    let row = PATCH * X_PITCH;
    fetch_weights(group.y, 0, thread);
    for (var stage = 0u; stage < p.x.channels; stage += STAGE) {
        workgroupBarrier();  // everyone has read what was staged before
        stage_patch(n, stage, top, left, thread);
        stage_weights(thread);
        workgroupBarrier();
        if (stage + STAGE < p.x.channels) { fetch_weights(group.y, stage + STAGE, thread); }
        for (var i = 0u; i < 16; i += SIDE) {
            let a = (my_rows + 1) * row + X_PITCH + i / 4;
            let b = i * W_PITCH + my_outputs;
            let x0 = load_x(a);
            let x1 = load_x(a + row);
            multiply_tap(&ee00, &ee01, &ee10, &ee11, x0, x1, b);
            multiply_tap(&eo00, &eo01, &eo10, &eo11, x0, x1, b + TAP);
            multiply_tap(&oe00, &oe01, &oe10, &oe11, x0, x1, b + 3 * TAP);
            multiply_tap(&oo00, &oo01, &oo10, &oo11, x0, x1, b + 4 * TAP);
            let left0 = load_x(a - X_PITCH);
            let left1 = load_x(a + row - X_PITCH);
            multiply_tap(&ee00, &ee01, &ee10, &ee11, left0, left1, b + 2 * TAP);
            multiply_tap(&oe00, &oe01, &oe10, &oe11, left0, left1, b + 5 * TAP);
            let up0 = load_x(a - row);
            multiply_tap(&ee00, &ee01, &ee10, &ee11, up0, x0, b + 6 * TAP);  // above the second row lies the first
            multiply_tap(&eo00, &eo01, &eo10, &eo11, up0, x0, b + 7 * TAP);
            multiply_tap(&ee00, &ee01, &ee10, &ee11, load_x(a - row - X_PITCH), left0, b + 8 * TAP);
        }
    }

    let place = Place(n, top + i32(my_rows), left, group.y * OUTPUTS / 4 + my_outputs, subgroup * SIDE * SUM_PITCH, thread % LANES);
    finish_phase(ee00, ee01, ee10, ee11, place, 0, 0);
    finish_phase(eo00, eo01, eo10, eo11, place, 0, 1);
    finish_phase(oe00, oe01, oe10, oe11, place, 1, 0);
    finish_phase(oo00, oo01, oo10, oo11, place, 1, 1);
}

// 16 channels of the tile's cells, their upper and their left neighbours, modulated.
fn stage_patch(n: u32, stage: u32, top: i32, left: i32, thread: u32) {
    let last = i32(min(p.x.height, p.band.y + p.band.rows - 1));
    for (var i = thread; i < STAGE * (ROWS + 1) * PATCH; i += THREADS) {
        // Cells beyond the band or the border repeat the last ones; they only feed cells that are not stored.
        let cell = i % ((ROWS + 1) * PATCH);
        let yy = min(top - 1 + i32(cell / PATCH), last);
        let xx = min(left - 1 + i32(cell % PATCH), i32(p.x.width));
        let c = i / ((ROWS + 1) * PATCH);
        let v = widen(x[at(p.x, n, stage + c, yy, xx)]) * style[p.style + n * p.style_n + stage + c];
        stage_x(cell * X_PITCH + c, vec4<f16>(v));
    }
}

// All taps, 16 inputs x OUTPUTS outputs, into registers: 72 threads load 1152 bytes in a row. Blocks beyond the last repeat it;
// their sums are not stored.
fn fetch_weights(tile: u32, stage: u32, thread: u32) {
    let blocks = (p.y.channels + 7) / 8 * 2;  // of 16 outputs
    for (var f = 0u; f < FETCHES; f++) {
        let i = f * THREADS + thread;
        if (i < WEIGHTS) {
            let block = min(tile * OUTPUTS / 16 + i / (72 * STAGE), blocks - 1);
            let weights = w[(block * p.x.channels + stage) * 72 + i % (72 * STAGE)];
            fetched_a[f] = weights.a;
            fetched_b[f] = weights.b;
        }
    }
}

fn stage_weights(thread: u32) {
    for (var f = 0u; f < FETCHES; f++) {
        let i = f * THREADS + thread;
        if (i < WEIGHTS) {
            let row = i / 8 % 9 * 16 + i / 72 % STAGE * 4 + i % 2 * 2;
            let at = row * W_PITCH + i / (72 * STAGE) * 4 + i % 8 / 2;
            stage_w(at, fetched_a[f]);
            stage_w(at + W_PITCH, fetched_b[f]);
        }
    }
}

// sum += x * W of one tap, at `b` of the staged weights.
fn multiply_tap(
    sum00: ptr<function, MatSum>, sum01: ptr<function, MatSum>, sum10: ptr<function, MatSum>, sum11: ptr<function, MatSum>,
    x0: MatX, x1: MatX, b: u32,
) {
    let b0 = load_w(b);
    let b1 = load_w(b + SIDE / 4);
    *sum00 = multiply_add(x0, b0, *sum00);
    *sum01 = multiply_add(x0, b1, *sum01);
    *sum10 = multiply_add(x1, b0, *sum10);
    *sum11 = multiply_add(x1, b1, *sum11);
}

// Where a subgroup's sums go.
struct Place {
    n: u32,
    cy: i32,
    cx: i32,
    c: u32,        // group of four outputs
    scratch: u32,  // in staged_sum
    lane: u32,
}

fn finish_phase(sum00: MatSum, sum01: MatSum, sum10: MatSum, sum11: MatSum, place: Place, dy: i32, dx: i32) {
    finish_fragment(sum00, place, dy, dx, 0, 0);
    finish_fragment(sum01, place, dy, dx, 0, 1);
    finish_fragment(sum10, place, dy, dx, 1, 0);
    finish_fragment(sum11, place, dy, dx, 1, 1);
}

// Through workgroup memory, since a lane cannot know which values of a fragment it holds.
fn finish_fragment(sum: MatSum, place: Place, dy: i32, dx: i32, row: i32, column: u32) {
    workgroupBarrier();
    store_sum(place.scratch, sum);
    workgroupBarrier();
    let cy = place.cy + row;
    for (var i = place.lane; i < SIDE * SIDE / 4; i += LANES) {
        let ty = 2 * cy + dy;
        let tx = 2 * (place.cx + i32(i % SIDE)) + dx;
        let c = place.c + column * SIDE / 4 + i / SIDE;
        // The last row and column of cells only have their even phases.
        if (cy < i32(p.band.y + p.band.rows) && ty < i32(p.y.height) && tx < i32(p.y.width) && c < p.y.channels) {
            let s = place.scratch + i % SIDE * SUM_PITCH + i / SIDE * 4;
            let v = vec4(staged_sum[s], staged_sum[s + 1], staged_sum[s + 2], staged_sum[s + 3]);
            store(place.n, c, ty, tx, v * demod[p.demod + place.n * p.demod_n + c]);
        }
    }
}

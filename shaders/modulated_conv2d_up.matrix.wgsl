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
// sums of 4 rows of cells x 1 fragment of outputs x 4 phases, so that a fragment of weights is loaded for 4 products:
//
//     ACROSS 2 (32 outputs)              ACROSS 1 (16 outputs)
//     +--------+--------+                +--------+
//     |  0     |  1     | 4 rows         |  0     | 4 rows of SIDE cells
//     +--------+--------+                +--------+
//     |  2     |  3     | 4 rows         |  ...   | 16 rows in all
//     +--------+--------+                +--------+
//
// Counted for 16 input channels, SIDE 16; what it gives is not measured on hardware:
//
//     outputs   MFLOP   from L2: patch + weights    FLOP per byte   workgroup memory
//          32    1.18          4.9 +  9.2 kB               83              26.3 kB
//          16    1.18          9.2 +  4.6 kB               85              25.9 kB
struct Params {
    band: Band,    // of cells: H + 1 rows
    x: Slab,
    y: Slab,
    style: u32,    // first group of this layer in `style` ...
    style_n: u32,  // ... and groups per image
    demod: u32,
    demod_n: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<elem4>;          // slab [N, I, H, W]
@group(0) @binding(2) var<storage, read> w: array<Block>;          // [O/16, I/4, k, k, 4] of 4 outputs
@group(0) @binding(3) var<storage, read> style: array<vec4<f32>>;  // [N, all layers' I/4]
@group(0) @binding(4) var<storage, read> demod: array<vec4<f32>>;  // [N, all layers' O/4]
@group(0) @binding(5) var<storage, read_write> y: array<out4>;     // slab [N, O, 2H+1, 2W+1]

override LANES: u32 = 32;  // of a subgroup
override ACROSS: u32 = 1;  // subgroups side by side, along outputs
override ROWS: u32 = 16 / ACROSS;  // of cells of a tile
override OUTPUTS: u32 = ACROSS * SIDE;
override THREADS: u32 = 4 * LANES;

const STAGE = 4u;           // groups of four input channels staged at a time
const PATCH = SIDE + 1;     // cells of a row of the patch
const X_PITCH = STAGE + 2;  // [ROWS + 1][PATCH] cells; 16 bytes of padding keep neighbours in different banks
override X_SIZE: u32 = CELLS * X_PITCH;
override CELLS: u32 = (ROWS + 1) * PATCH;
const W_PITCH = STAGE + 2;  // [9 taps][OUTPUTS]
override W_SIZE: u32 = 9 * TAP;
override TAP: u32 = OUTPUTS * W_PITCH;
const SUM_PITCH = SIDE / 4 + 1;  // [4 subgroups][SIDE cells] of SIDE outputs
const SUM_SIZE = 4 * SIDE * SUM_PITCH;
// The next weights, BLOCKS of all threads, and the cells. What counts up to FETCHES or STEPS is unrolled by compilers, and what it indexes
// stays in registers: up to 3 cells and 3 blocks, 9 with subgroups of 8 lanes.
override BLOCKS: u32 = 9 * OUTPUTS;
override FETCHES: u32 = (BLOCKS + THREADS - 1) / THREADS;
override STEPS: u32 = (CELLS + THREADS - 1) / THREADS;
var<private> fetched: array<Block, 9>;
var<private> block_at: array<u32, 9>;  // where this thread's blocks of the first inputs lie
var<private> cell_at: array<i32, 3>;   // ... and its cells

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    begin(thread);
    let across = (p.x.width + SIDE) / SIDE;
    let n = p.band.n + group.z;
    let top = i32(p.band.y + group.x / across * ROWS);
    let left = i32(group.x % across * SIDE);
    let subgroup = thread / LANES;
    let my_rows = subgroup / ACROSS * 4;
    let my_outputs = subgroup % ACROSS * SIDE;

    // Sums of fragments: phase (t[2cy][2cx], t[2cy][2cx+1], t[2cy+1][2cx], t[2cy+1][2cx+1]), row of cells.
    // Not in structures, which SPIR-V would lay out in memory.
    var ee0: MatSum; var ee1: MatSum; var ee2: MatSum; var ee3: MatSum;
    var eo0: MatSum; var eo1: MatSum; var eo2: MatSum; var eo3: MatSum;
    var oe0: MatSum; var oe1: MatSum; var oe2: MatSum; var oe3: MatSum;
    var oo0: MatSum; var oo1: MatSum; var oo2: MatSum; var oo3: MatSum;
    let row = PATCH * X_PITCH;
    find_cells(n, top, left, thread);
    find_weights(group.y, thread);
    fetch_weights(0, thread);
    for (var stage = 0u; stage < p.x.channels; stage += STAGE) {
        workgroupBarrier();  // everyone has read what was staged before
        stage_patch(p.style + n * p.style_n, stage, thread);
        stage_weights(thread);
        workgroupBarrier();
        if (stage + STAGE < p.x.channels) { fetch_weights(stage + STAGE, thread); }
        for (var i = 0u; i < 16; i += SIDE) {
            let a = (my_rows + 1) * row + X_PITCH + i / 4;
            let b = my_outputs * W_PITCH + i / 4;
            let x0 = load_x(a);
            let x1 = load_x(a + row);
            let x2 = load_x(a + 2 * row);
            let x3 = load_x(a + 3 * row);
            multiply_tap(&ee0, &ee1, &ee2, &ee3, x0, x1, x2, x3, b);
            multiply_tap(&eo0, &eo1, &eo2, &eo3, x0, x1, x2, x3, b + TAP);
            multiply_tap(&oe0, &oe1, &oe2, &oe3, x0, x1, x2, x3, b + 3 * TAP);
            multiply_tap(&oo0, &oo1, &oo2, &oo3, x0, x1, x2, x3, b + 4 * TAP);
            let up = load_x(a - row);  // above the second row lies the first
            multiply_tap(&ee0, &ee1, &ee2, &ee3, up, x0, x1, x2, b + 6 * TAP);
            multiply_tap(&eo0, &eo1, &eo2, &eo3, up, x0, x1, x2, b + 7 * TAP);
            let left0 = load_x(a - X_PITCH);
            let left1 = load_x(a + row - X_PITCH);
            let left2 = load_x(a + 2 * row - X_PITCH);
            let left3 = load_x(a + 3 * row - X_PITCH);
            multiply_tap(&ee0, &ee1, &ee2, &ee3, left0, left1, left2, left3, b + 2 * TAP);
            multiply_tap(&oe0, &oe1, &oe2, &oe3, left0, left1, left2, left3, b + 5 * TAP);
            multiply_tap(&ee0, &ee1, &ee2, &ee3, load_x(a - row - X_PITCH), left0, left1, left2, b + 8 * TAP);
        }
    }

    let lane = thread % LANES;
    let c = (group.y * OUTPUTS + my_outputs) / 4 + lane / SIDE;
    let place = Place(n, top + i32(my_rows), left + i32(lane % SIDE), c, subgroup * SIDE * SUM_PITCH, lane);
    finish_phase(ee0, ee1, ee2, ee3, place, 0, 0);
    finish_phase(eo0, eo1, eo2, eo3, place, 0, 1);
    finish_phase(oe0, oe1, oe2, oe3, place, 1, 0);
    finish_phase(oo0, oo1, oo2, oo3, place, 1, 1);
    zero_edges(n, group.y * OUTPUTS / 4, top, left, thread);
}

// The tile's cells, their upper and their left neighbours. Cells beyond the band or the border repeat the last ones; they only feed cells
// that are not stored.
fn find_cells(n: u32, top: i32, left: i32, thread: u32) {
    let last = i32(min(p.x.height, p.band.y + p.band.rows - 1));
    for (var f = 0u; f < STEPS; f++) {
        let i = f * THREADS + thread;
        cell_at[f] = at(p.x, n, 0, min(top - 1 + i32(i / PATCH), last), min(left - 1 + i32(i % PATCH), i32(p.x.width)));
    }
}

// 16 channels of them, modulated.
fn stage_patch(styles: u32, stage: u32, thread: u32) {
    for (var f = 0u; f < STEPS; f++) {
        let i = f * THREADS + thread;
        if (i < CELLS) { stage_pixel(i * X_PITCH, cell_at[f] + i32(stage) * p.x.c, styles + stage); }
    }
}

// All taps, 16 inputs x OUTPUTS outputs: 36 threads read 1152 bytes in a row. Blocks beyond the last repeat it; their sums are not stored.
fn find_weights(tile: u32, thread: u32) {
    let blocks = (p.y.channels + 7) / 8 * 2;  // of 16 outputs
    for (var f = 0u; f < FETCHES; f++) {
        let i = f * THREADS + thread;
        let block = min((tile * OUTPUTS + i / (36 * STAGE) * 16) / 16, blocks - 1);
        block_at[f] = block * p.x.channels * 36 + i % (36 * STAGE);
    }
}

// Those of a stage, into registers.
fn fetch_weights(stage: u32, thread: u32) {
    for (var f = 0u; f < FETCHES; f++) {
        if (f * THREADS + thread < BLOCKS) { fetched[f] = w[block_at[f] + stage * 36]; }
    }
}

fn stage_weights(thread: u32) {
    for (var f = 0u; f < FETCHES; f++) {
        let i = f * THREADS + thread;
        if (i < BLOCKS) {
            let output = i / (36 * STAGE) * 16 + i % 4 * 4;
            let at = i / 4 % 9 * TAP + output * W_PITCH + i / 36 % STAGE;
            stage_block(at, fetched[f]);
        }
    }
}

// sum += x * W of one tap, at `b` of the staged weights.
fn multiply_tap(
    sum0: ptr<function, MatSum>, sum1: ptr<function, MatSum>, sum2: ptr<function, MatSum>, sum3: ptr<function, MatSum>,
    x0: MatX, x1: MatX, x2: MatX, x3: MatX, b: u32,
) {
    let weights = load_w(b);
    *sum0 = multiply_add(x0, weights, *sum0);
    *sum1 = multiply_add(x1, weights, *sum1);
    *sum2 = multiply_add(x2, weights, *sum2);
    *sum3 = multiply_add(x3, weights, *sum3);
}

// Where a lane's part of its subgroup's sums goes: a cell, and every LANES / SIDE-th group of four outputs.
struct Place {
    n: u32,
    cy: i32,
    cx: i32,
    c: u32,
    scratch: u32,  // in staged_sum
    lane: u32,
}

fn finish_phase(sum0: MatSum, sum1: MatSum, sum2: MatSum, sum3: MatSum, place: Place, dy: i32, dx: i32) {
    finish_fragment(sum0, place, dy, dx, 0);
    finish_fragment(sum1, place, dy, dx, 1);
    finish_fragment(sum2, place, dy, dx, 2);
    finish_fragment(sum3, place, dy, dx, 3);
}

// Through workgroup memory, since a lane cannot know which values of a fragment it holds.
fn finish_fragment(sum: MatSum, place: Place, dy: i32, dx: i32, row: i32) {
    workgroupBarrier();
    store_sum(place.scratch, sum);
    workgroupBarrier();
    let cy = place.cy + row;
    let ty = 2 * cy + dy;
    let tx = 2 * place.cx + dx;
    // The last row and column of cells only have their even phases.
    let there = cy < i32(p.band.y + p.band.rows) && ty < i32(p.y.height) && tx < i32(p.y.width);
    let to = at(p.y, place.n, place.c, ty, tx);
    for (var i = 0u; i < SIDE * SIDE / 4; i += LANES) {
        let c = place.c + i / SIDE;
        if (there && place.lane + i < SIDE * SIDE / 4 && c < p.y.channels) {
            let v = sum_at(place.scratch + place.lane % SIDE * SUM_PITCH + place.lane / SIDE + i / SIDE);
            y[to + i32(i / SIDE) * p.y.c] = narrow(v * demod[p.demod + place.n * p.demod_n + c]);
        }
    }
}

// The border beside a tile at an edge, once all of it is stored: of 16 stores of fragments each with its own, the code was most of it.
fn zero_edges(n: u32, outputs: u32, top: i32, left: i32, thread: u32) {
    let bottom = min(2 * min(top + i32(ROWS), i32(p.band.y + p.band.rows)), i32(p.y.height));
    let right = min(2 * (left + i32(SIDE)), i32(p.y.width));
    if (top > 0 && left > 0 && bottom < i32(p.y.height) && right < i32(p.y.width)) { return; }
    for (var i = thread; i < ROWS * SIDE * OUTPUTS; i += THREADS) {
        let ty = 2 * top + i32(i / (2 * SIDE) % (2 * ROWS));
        let tx = 2 * left + i32(i % (2 * SIDE));
        let c = outputs + i / (4 * ROWS * SIDE);
        if (ty < bottom && tx < right && c < p.y.channels) { zero_beside(n, c, ty, tx); }
    }
}

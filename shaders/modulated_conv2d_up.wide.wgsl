// t[o] = demod[o] * sum_i W[o,i] (x) up2(style[i] * x[i]): stride-2 transposed 3x3, [H, W] -> [2H+1, 2W+1]; without matrix units.
//
// Cell (cy, cx) of the input yields a 2x2 quad of t, from itself and its upper and left neighbours (4 + 2 + 2 + 1 = 9 taps):
//
//     t[2cy  ][2cx] = W00 x + W02 left + W20 up + W22 upleft      t[2cy  ][2cx+1] = W01 x + W21 up
//     t[2cy+1][2cx] = W10 x + W12 left                            t[2cy+1][2cx+1] = W11 x
//
// Implicit GEMM. A workgroup owns 64 strips of 2 cells, counted through rows and columns as they come, and 4 outputs: tiles of the H + 1
// rows and W + 1 columns of cells would leave up to 40 % of their threads idle. The strips' cells and those above them, two
// runs of 129, are staged in workgroup memory 8 channels at a time, modulated. A thread owns 4 pixels of 2 rows of t: 8 vec4 sums.
//
//     rows of 2 S cells, S strips; the last, beyond the image,          run 1: the strips' cells and the one before
//     is zero, and lies where the left neighbour is looked for          run 0: a row up
//
// Where the weights lie is the same for all threads, as in modulated_conv2d.wide.wgsl.
struct Params {
    band: Band,    // of cells: H + 1 rows
    x: Slab,
    y: Slab,
    style: u32,    // first group of this layer in `style` ...
    style_n: u32,  // ... and groups per image
    demod: u32,
    demod_n: u32,
}
// Four inputs to 4 outputs.
struct Block { a: elem4, b: elem4, c: elem4, d: elem4 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<elem4>;          // slab [N, I, H, W]
@group(0) @binding(2) var<storage, read> w: array<Block>;          // [O/16, I/4, k, k, 4] of 4 outputs
@group(0) @binding(3) var<storage, read> style: array<vec4<f32>>;  // [N, all layers' I/4]
@group(0) @binding(4) var<storage, read> demod: array<vec4<f32>>;  // [N, all layers' O/4]
@group(0) @binding(5) var<storage, read_write> y: array<out_four>; // slab [N, O, 2H+1, 2W+1]

const RUN = 129u;      // cells of 64 strips, and the left neighbour
const CELLS = 258u;    // of both runs
const STAGE = 2u;      // groups of four input channels staged at a time
const THREADS = 64u;
const STEPS = 5u;      // CELLS / THREADS, rounded up
var<workgroup> staged: array<vec4<f32>, 516>;  // [STAGE][2][RUN]: 8.3 of the 16 KiB every device has
var<private> cell_at: array<i32, 5>;           // where this thread's cells lie

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let strips = (p.x.width + 2) / 2;  // in a row of cells
    let n = p.band.n + group.z;
    let c = group.y;  // group of four outputs
    // Blocks of 16 outputs beyond the last repeat it; their sums are not stored.
    let weights = min(c / 4, (p.y.channels + 7) / 8 * 2 - 1) * p.x.channels * 36 + c % 4;
    let styles = p.style + n * p.style_n;
    find_cells(n, group.x * THREADS, strips, thread);

    var even_even: mat2x4<f32>;  // 2 cells of phase t[2cy][2cx] ...
    var even_odd: mat2x4<f32>;   // ... t[2cy][2cx+1] ...
    var odd_even: mat2x4<f32>;
    var odd_odd: mat2x4<f32>;
    for (var stage = 0u; stage < p.x.channels; stage += STAGE) {
        let there = min(STAGE, p.x.channels - stage);
        workgroupBarrier();
        for (var i = 0u; i < there; i++) { stage_group(i, stage + i, styles, thread); }
        workgroupBarrier();
        for (var i = 0u; i < there; i++) {
            let tap = weights + (stage + i) * 36;
            let up = i * CELLS + thread * 2;
            let u0 = staged[up];
            let u1 = staged[up + 1];
            let u2 = staged[up + 2];
            multiply_add(&even_even, tap + 24, u1, u2);
            multiply_add(&even_even, tap + 32, u0, u1);
            multiply_add(&even_odd, tap + 28, u1, u2);
            let x0 = staged[up + RUN];
            let x1 = staged[up + RUN + 1];
            let x2 = staged[up + RUN + 2];
            multiply_add(&even_even, tap, x1, x2);
            multiply_add(&even_even, tap + 8, x0, x1);
            multiply_add(&even_odd, tap + 4, x1, x2);
            multiply_add(&odd_even, tap + 12, x1, x2);
            multiply_add(&odd_even, tap + 20, x0, x1);
            multiply_add(&odd_odd, tap + 16, x1, x2);
        }
    }

    let strip = group.x * THREADS + thread;
    let cy = i32(p.band.y + strip / strips);
    let cx = i32(strip % strips * 2);
    if (c >= p.y.channels || cy >= i32(p.band.y + p.band.rows)) { return; }
    let d = demod[p.demod + n * p.demod_n + c];
    finish(n, c, 2 * cy, 2 * cx, even_even, even_odd, d);
    // The last row of cells only has its even phases; so has the last column, which store4 cuts off.
    if (2 * cy + 1 < i32(p.y.height)) { finish(n, c, 2 * cy + 1, 2 * cx, odd_even, odd_odd, d); }
    zero_border(p.y, n, c, 1, 2 * cy, 2 * cx, 2, 4);
}

// The cells of both runs. What lies beyond the band or the border repeats the last; it only feeds cells that are not stored. Before the
// first strip of a band lies a zero, two rows up for run 0: any zero beside the image will do, and the row above is there.
fn find_cells(n: u32, first: u32, strips: u32, thread: u32) {
    let last = i32(min(p.x.height, p.band.y + p.band.rows - 1));
    let above = i32(p.band.y) - 1;
    for (var f = 0u; f < STEPS; f++) {
        let i = f * THREADS + thread;
        let cell = (first + strips) * 2 - 1 + i % RUN;  // a row ahead: the neighbour of the first is none
        let row = i32(p.band.y + cell / (2 * strips) + i / RUN) - 2;
        cell_at[f] = at(p.x, n, 0, clamp(row, above, last), i32(min(cell % (2 * strips), p.x.width)));
    }
}

// Group c of their channels, modulated.
fn stage_group(to: u32, c: u32, styles: u32, thread: u32) {
    let s = style[styles + c];
    for (var f = 0u; f < STEPS; f++) {
        let i = f * THREADS + thread;
        if (i < CELLS) { staged[to * CELLS + i] = widen(x[cell_at[f] + i32(c) * p.x.c]) * s; }
    }
}

// Four pixels of a row of t: even and odd ones of two cells.
fn finish(n: u32, c: u32, ty: i32, tx: i32, even: mat2x4<f32>, odd: mat2x4<f32>, d: vec4<f32>) {
    store4(p.y, four_at(p.y, n, c, ty, tx), tx, modulate4(mat4x4<f32>(even[0], odd[0], even[1], odd[1]), d));
}

// sum += W * x for 4 outputs and 2 cells.
fn multiply_add(sum: ptr<function, mat2x4<f32>>, tap: u32, x0: vec4<f32>, x1: vec4<f32>) {
    let block = w[tap];
    let m = mat4x4<f32>(widen(block.a), widen(block.b), widen(block.c), widen(block.d));
    (*sum)[0] += m * x0;
    (*sum)[1] += m * x1;
}

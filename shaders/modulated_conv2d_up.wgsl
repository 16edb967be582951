// t[o] = demod[o] * sum_i W[o,i] (x) up2(style[i] * x[i]): stride-2 transposed 3x3, [H, W] -> [2H+1, 2W+1]; every GPU.
//
// Cell (cy, cx) of the input yields a 2x2 quad of t, from itself and its upper and left neighbours (4 + 2 + 2 + 1 = 9 taps):
//
//     t[2cy  ][2cx] = W00 x + W02 left + W20 up + W22 upleft      t[2cy  ][2cx+1] = W01 x + W21 up
//     t[2cy+1][2cx] = W10 x + W12 left                            t[2cy+1][2cx+1] = W11 x
//
// Implicit GEMM. A workgroup owns 8 x 8 cells (16 x 16 pixels of t) and 16 outputs; the modulated patch of 9 x 9 cells is
// staged in workgroup memory 32 channels at a time. A thread owns 2 cells of a row, 4 pixels of 2 rows of t, and 4 outputs: 8 vec4 sums.
struct Params {
    band: Band,    // of cells: H + 1 rows
    x: Slab,
    y: Slab,
    style: u32,    // first group of this layer in `style` ...
    style_n: u32,  // ... and groups per image
    demod: u32,
    demod_n: u32,
}
// Two inputs to 4 outputs: a load of 16 bytes in f16.
struct Pair { a: elem4, b: elem4 }
const THREADS = 128u;
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<elem4>;          // slab [N, I, H, W]
@group(0) @binding(2) var<storage, read> w: array<Pair>;           // [O/16, I/4, k, k, 4, 4 inputs] of 4 outputs
@group(0) @binding(3) var<storage, read> style: array<vec4<f32>>;  // [N, all layers' I/4]
@group(0) @binding(4) var<storage, read> demod: array<vec4<f32>>;  // [N, all layers' O/4]
@group(0) @binding(5) var<storage, read_write> y: array<out_four>; // slab [N, O, 2H+1, 2W+1]

const STAGE = 8u;  // groups of four input channels staged at a time
var<workgroup> staged_x: array<vec4<f32>, 648>;  // [STAGE][9 rows][9 columns]: 10.4 of the 16 KiB every device has

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let across = (p.x.width + 8) / 8;
    let n = p.band.n + group.z;
    let top = i32(p.band.y + group.x / across * 8);
    let left = i32(group.x % across * 8);
    let strip = thread % 32;
    let c = group.y * 4 + thread / 32;  // this thread's group of four outputs
    let last = i32(min(p.x.height, p.band.y + p.band.rows - 1));
    // Blocks of 16 outputs beyond the last repeat it; their sums are not stored.
    let weights = min(c / 4, (p.y.channels + 7) / 8 * 2 - 1) * p.x.channels * 72 + c % 4 * 2;

    let corner = strip / 4 * 9 + strip % 4 * 2;  // upper left neighbour of the first cell

    var even_even: mat2x4<f32>;  // 2 cells of phase t[2cy][2cx] ...
    var even_odd: mat2x4<f32>;   // ... t[2cy][2cx+1] ...
    var odd_even: mat2x4<f32>;
    var odd_odd: mat2x4<f32>;
    for (var stage = 0u; stage < p.x.channels; stage += STAGE) {
        let staged = min(STAGE, p.x.channels - stage);
        workgroupBarrier();
        for (var i = thread; i < staged * 81; i += THREADS) {
            // Cells beyond the band or the border repeat the last ones; they only feed cells that are not stored.
            let yy = min(top - 1 + i32(i / 9 % 9), last);
            let xx = min(left - 1 + i32(i % 9), i32(p.x.width));
            let channel = stage + i / 81;
            staged_x[i] = widen(x[at(p.x, n, channel, yy, xx)]) * style[p.style + n * p.style_n + channel];
        }
        workgroupBarrier();
        for (var i = 0u; i < staged; i++) {
            let tap = weights + (stage + i) * 72;
            let up = corner + i * 81;
            let u0 = staged_x[up];
            let u1 = staged_x[up + 1];
            let u2 = staged_x[up + 2];
            multiply_add(&even_even, tap + 48, u1, u2);
            multiply_add(&even_even, tap + 64, u0, u1);
            multiply_add(&even_odd, tap + 56, u1, u2);
            let x0 = staged_x[up + 9];
            let x1 = staged_x[up + 10];
            let x2 = staged_x[up + 11];
            multiply_add(&even_even, tap, x1, x2);
            multiply_add(&even_even, tap + 16, x0, x1);
            multiply_add(&even_odd, tap + 8, x1, x2);
            multiply_add(&odd_even, tap + 24, x1, x2);
            multiply_add(&odd_even, tap + 40, x0, x1);
            multiply_add(&odd_odd, tap + 32, x1, x2);
        }
    }

    let cy = top + i32(strip / 4);
    let cx = left + i32(strip % 4 * 2);
    if (c >= p.y.channels || cy >= i32(p.band.y + p.band.rows)) { return; }
    let d = demod[p.demod + n * p.demod_n + c];
    finish(n, c, 2 * cy, 2 * cx, even_even, even_odd, d);
    // The last row of cells only has its even phases; so has the last column, which store4 cuts off.
    if (2 * cy + 1 < i32(p.y.height)) { finish(n, c, 2 * cy + 1, 2 * cx, odd_even, odd_odd, d); }
    zero_border(p.y, n, c, 1, 2 * cy, 2 * cx, 2, 4);
}

// Four pixels of a row of t: even and odd ones of two cells.
fn finish(n: u32, c: u32, ty: i32, tx: i32, even: mat2x4<f32>, odd: mat2x4<f32>, d: vec4<f32>) {
    store4(p.y, four_at(p.y, n, c, ty, tx), tx, modulate4(mat4x4<f32>(even[0], odd[0], even[1], odd[1]), d));
}

// sum += W * x for 4 outputs and 2 cells.
fn multiply_add(sum: ptr<function, mat2x4<f32>>, tap: u32, x0: vec4<f32>, x1: vec4<f32>) {
    let first = w[tap];
    let second = w[tap + 1];
    let m = mat4x4<f32>(widen(first.a), widen(first.b), widen(second.a), widen(second.b));
    (*sum)[0] += m * x0;
    (*sum)[1] += m * x1;
}

// y[o] = bias_act(demod[o] * sum_i W[o,i] (*) (style[i] * x[i]), bias[o], noise): 3x3 or 1x1, for every GPU.
//
// Implicit GEMM. A workgroup owns 8 x 16 pixels and 32 outputs; the modulated input patch is staged in workgroup memory 16 channels
// at a time, once for all taps. A thread owns 4 pixels of a row and 8 outputs: 8 vec4 sums.
//
//     16 pixels             + a halo of one          threads: 32 strips of 4 pixels x 4 groups of 8 outputs
//     +----+----+----+----+                          per tap and 4 inputs: 4 vec4 of x from workgroup memory, 8 vec4
//     | 0  | 1  | 2  | 3  |   8 rows                 of W from memory (the same for 32 threads), 32 vec4 multiply-adds
//     | 4  | 5  | 6  | 7  |
//
// Of small images there are few tiles, and one after the other they would sum 512 inputs, alone on a GPU. SLICES 8, ACROSS 1: a workgroup
// owns 8 x 4 pixels, eight threads sum an eighth of the inputs each (a multiple of 32), and the sums are added in pairs.
//
// With 8 pixels a thread and 9 taps in a row, Intel's compiler spilled 200 to 290 registers, and a tail that was a loop made NVK's keep
// the sums in memory (docs/kernels.md).
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
// Two inputs to 4 outputs: a load of 16 bytes in f16.
struct Pair { a: elem4, b: elem4 }
override KERNEL: u32 = 3;
override TAPS: u32 = KERNEL * KERNEL;
override ACROSS: u32 = 4;   // strips in a row of a tile
override SLICES: u32 = 1;   // of the inputs
override STRIPS: u32 = 8 * ACROSS;
override THREADS: u32 = 4 * STRIPS * SLICES;
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<elem4>;          // slab [N, I, H, W]
@group(0) @binding(2) var<storage, read> w: array<Pair>;           // [O/16, I/4, k, k, 4, 4 inputs] of 4 outputs
@group(0) @binding(3) var<storage, read> style: array<vec4<f32>>;  // [N, all layers' I/4]
@group(0) @binding(4) var<storage, read> demod: array<vec4<f32>>;  // [N, all layers' O/4]
@group(0) @binding(5) var<storage, read> bias: array<vec4<f32>>;   // [O/16 * 4]
@group(0) @binding(6) var<storage, read> noise: array<vec4<f32>>;  // [N or 1, H, W]
@group(0) @binding(7) var<storage, read_write> y: array<out_four>; // slab [N, O, H, W]

const ROWS = 10u;                          // 8 and the halo
override COLUMNS: u32 = 4 * ACROSS + 2;    // the pixels and the halo
override PIXELS: u32 = ROWS * COLUMNS;
override STAGE: u32 = max(4, SLICES);      // groups of four input channels staged at a time
override OWN: u32 = STAGE / SLICES;        // ... of a slice
var<workgroup> staged: array<vec4<f32>, 720>;  // [STAGE][ROWS][COLUMNS], or sums: 11.5 of the 16 KiB every device has

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let across = (p.x.width + 4 * ACROSS - 1) / (4 * ACROSS);
    let n = p.band.n + group.z;
    let top = i32(p.band.y + group.x / across * 8);
    let left = i32(group.x % across * 4 * ACROSS);
    let strip = thread % STRIPS;
    let outputs = group.y * 8 + thread / STRIPS % 4 * 2;  // first of this thread's two groups of four outputs
    let slice = select(0u, thread / (4 * STRIPS), SLICES > 1);
    let last = i32(min(p.x.height, p.band.y + p.band.rows));
    // Blocks of 16 outputs beyond the last repeat it; their sums are not stored.
    let block = min(outputs / 4, (p.y.channels + 7) / 8 * 2 - 1);
    let weights = block * p.x.channels * TAPS * 8 + outputs % 4 * 2;
    let corner = (strip / ACROSS + 1 - KERNEL / 2) * COLUMNS + strip % ACROSS * 4 + 1 - KERNEL / 2;

    var a: mat4x4<f32>;  // first group of outputs, 4 pixels
    var b: mat4x4<f32>;  // second group
    for (var stage = 0u; stage < p.x.channels; stage += STAGE) {
        let there = min(STAGE, p.x.channels - stage);
        workgroupBarrier();
        for (var i = thread; i < there * PIXELS; i += THREADS) {
            // Pixels beyond the band or the border repeat the last ones; they only feed pixels that are not stored.
            let yy = min(top - 1 + i32(i / COLUMNS % ROWS), last);
            let xx = min(left - 1 + i32(i % COLUMNS), i32(p.x.width));
            let c = stage + i / PIXELS;
            staged[i] = widen(x[at(p.x, n, c, yy, xx)]) * style[p.style + n * p.style_n + c];
        }
        workgroupBarrier();
        // One loop over inputs and taps: loops of 3 would be unrolled, and too many weights be alive at a time.
        let mine = corner + slice * OWN * PIXELS;
        let taps = weights + (stage + slice * OWN) * TAPS * 8;
        for (var i = 0u; i < select(there, OWN, SLICES > 1) * TAPS; i++) {
            let row = mine + (i / TAPS * ROWS + i / KERNEL % KERNEL) * COLUMNS + i % KERNEL;
            let tap = taps + i * 8;
            multiply_add(&a, &b, tap, staged[row], staged[row + 1], staged[row + 2], staged[row + 3]);
        }
    }
    for (var pairs = SLICES / 2; pairs > 0; pairs /= 2) {
        a += passed_on(a, pairs, slice, thread);
        b += passed_on(b, pairs, slice, thread);
    }
    if (slice > 0) { return; }

    let yy = top + i32(strip / ACROSS);
    let xx = left + i32(strip % ACROSS * 4);
    if (yy >= i32(p.band.y + p.band.rows) || xx >= i32(p.x.width)) { return; }
    let z = noise_at4(p.act, n, yy, xx, p.x.width);
    finish(n, outputs, yy, xx, a, z);
    finish(n, outputs + 1, yy, xx, b, z);
    zero_border(p.y, n, outputs, 2, yy, xx, 1, 4);
}

// What the second half of the slices has summed, for the first half.
fn passed_on(sum: mat4x4<f32>, pairs: u32, slice: u32, thread: u32) -> mat4x4<f32> {
    let i = thread % (4 * STRIPS * pairs) * 4;
    workgroupBarrier();
    if (slice >= pairs && slice < 2 * pairs) {
        staged[i] = sum[0];
        staged[i + 1] = sum[1];
        staged[i + 2] = sum[2];
        staged[i + 3] = sum[3];
    }
    workgroupBarrier();
    return mat4x4<f32>(staged[i], staged[i + 1], staged[i + 2], staged[i + 3]);
}

// sum += W * x for both groups of outputs and 4 pixels.
fn multiply_add(
    a: ptr<function, mat4x4<f32>>, b: ptr<function, mat4x4<f32>>, tap: u32,
    x0: vec4<f32>, x1: vec4<f32>, x2: vec4<f32>, x3: vec4<f32>,
) {
    let wa = matrix(w[tap], w[tap + 1]);
    (*a)[0] += wa * x0; (*a)[1] += wa * x1; (*a)[2] += wa * x2; (*a)[3] += wa * x3;
    let wb = matrix(w[tap + 2], w[tap + 3]);
    (*b)[0] += wb * x0; (*b)[1] += wb * x1; (*b)[2] += wb * x2; (*b)[3] += wb * x3;
}

// Four inputs to 4 outputs.
fn matrix(first: Pair, second: Pair) -> mat4x4<f32> {
    return mat4x4<f32>(widen(first.a), widen(first.b), widen(second.a), widen(second.b));
}

fn finish(n: u32, c: u32, py: i32, px: i32, sum: mat4x4<f32>, z: vec4<f32>) {
    if (c < p.y.channels) {
        let v = modulate4(sum, demod[p.demod + n * p.demod_n + c]);
        store4(p.y, four_at(p.y, n, c, py, px), px, bias_act4(p.act, v, bias[c], z));
    }
}

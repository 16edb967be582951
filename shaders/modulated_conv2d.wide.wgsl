// y[o] = bias_act(demod[o] * sum_i W[o,i] (*) (style[i] * x[i]), bias[o], noise): 3x3 or 1x1 of images from 32 x 32 on, without matrix units.
//
// Implicit GEMM. A workgroup owns 8 x 32 pixels and 8 outputs; the modulated input patch is staged in workgroup memory 8 channels at
// a time, once for all taps. A thread owns 4 pixels of a row and 8 outputs: 8 vec4 sums.
//
//     32 pixels                                 + a halo of one     per tap and 4 inputs: 4 vec4 of x from workgroup memory,
//     +----+----+----+----+----+----+----+----+                     32 weights that the whole workgroup shares, 32 vec4
//     | 0  | 1  | 2  | 3  | 4  | 5  | 6  | 7  |   8 rows            multiply-adds
//     | 8  | 9  | 10 |
//
// Where the weights lie is the same for all threads, and a compiler sees it: AMD's loads them into scalar registers, which
// multiply-adds read, Intel's once for all lanes. A load that each lane makes for itself returns 16 bytes a lane, and in f32 the
// way back from memory was what the other form waited for (docs/performance.md).
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
// Four inputs to 4 outputs.
struct Block { a: elem4, b: elem4, c: elem4, d: elem4 }
override KERNEL: u32 = 3;
override TAPS: u32 = KERNEL * KERNEL;
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<elem4>;          // slab [N, I, H, W]
@group(0) @binding(2) var<storage, read> w: array<Block>;          // [O/16, I/4, k, k, 4] of 4 outputs
@group(0) @binding(3) var<storage, read> style: array<vec4<f32>>;  // [N, all layers' I/4]
@group(0) @binding(4) var<storage, read> demod: array<vec4<f32>>;  // [N, all layers' O/4]
@group(0) @binding(5) var<storage, read> bias: array<vec4<f32>>;   // [O/16 * 4]
@group(0) @binding(6) var<storage, read> noise: array<vec4<f32>>;  // [N or 1, H, W]
@group(0) @binding(7) var<storage, read_write> y: array<out_four>; // slab [N, O, H, W]

const ROWS = 10u;      // 8 and the halo
const COLUMNS = 34u;   // 32 and the halo
const PIXELS = 340u;   // ROWS * COLUMNS
const STAGE = 2u;      // groups of four input channels staged at a time
const THREADS = 64u;
const STEPS = 6u;      // PIXELS / THREADS, rounded up
var<workgroup> staged_x: array<vec4<f32>, 680>;  // [STAGE][ROWS][COLUMNS]: 10.9 of the 16 KiB every device has
var<private> pixel_at: array<i32, 6>;            // where this thread's pixels of the patch lie

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let across = (p.x.width + 31) / 32;
    let n = p.band.n + group.z;
    let top = i32(p.band.y + group.x / across * 8);
    let left = i32(group.x % across * 32);
    let outputs = group.y * 2;  // the first of two groups of four
    // Blocks of 16 outputs beyond the last repeat it; their sums are not stored.
    let block = min(outputs / 4, (p.y.channels + 7) / 8 * 2 - 1);
    let weights = block * p.x.channels * TAPS * 4 + outputs % 4;
    let corner = (thread / 8 + 1 - KERNEL / 2) * COLUMNS + thread % 8 * 4 + 1 - KERNEL / 2;
    let styles = p.style + n * p.style_n;
    find_pixels(n, top, left, thread);

    var a: mat4x4<f32>;  // first group of outputs, 4 pixels
    var b: mat4x4<f32>;  // second group
    for (var stage = 0u; stage < p.x.channels; stage += STAGE) {
        workgroupBarrier();
        stage_patch(stage, styles, thread);
        workgroupBarrier();
        // One loop over inputs and taps: loops of 3 would be unrolled, and too many weights be alive at a time.
        for (var i = 0u; i < min(STAGE, p.x.channels - stage) * TAPS; i++) {
            let row = corner + (i / TAPS * ROWS + i / KERNEL % KERNEL) * COLUMNS + i % KERNEL;
            let tap = weights + (stage * TAPS + i) * 4;
            let v = mat4x4<f32>(staged_x[row], staged_x[row + 1], staged_x[row + 2], staged_x[row + 3]);
            a += matrix_of(w[tap]) * v;
            b += matrix_of(w[tap + 1]) * v;
        }
    }

    let yy = top + i32(thread / 8);
    let xx = left + i32(thread % 8 * 4);
    if (yy >= i32(p.band.y + p.band.rows) || xx >= i32(p.x.width)) { return; }
    let z = noise_at4(p.act, n, yy, xx, p.x.width);
    finish(n, outputs, yy, xx, a, z);
    finish(n, outputs + 1, yy, xx, b, z);
    zero_border(p.y, n, outputs, 2, yy, xx, 1, 4);
}

fn matrix_of(block: Block) -> mat4x4<f32> {
    return mat4x4<f32>(widen(block.a), widen(block.b), widen(block.c), widen(block.d));
}

// The tile's pixels and a halo of one. Pixels beyond the band or the border repeat the last ones; they only feed pixels that are not stored.
fn find_pixels(n: u32, top: i32, left: i32, thread: u32) {
    let last = i32(min(p.x.height, p.band.y + p.band.rows));
    for (var f = 0u; f < STEPS; f++) {
        let i = f * THREADS + thread;
        pixel_at[f] = at(p.x, n, 0, min(top - 1 + i32(i / COLUMNS), last), min(left - 1 + i32(i % COLUMNS), i32(p.x.width)));
    }
}

// STAGE groups of channels of them, modulated; one beyond the last repeats it and is not summed.
fn stage_patch(stage: u32, styles: u32, thread: u32) {
    let next = min(stage + 1, p.x.channels - 1);
    for (var f = 0u; f < STEPS; f++) {
        let i = f * THREADS + thread;
        if (i < PIXELS) {
            staged_x[i] = widen(x[pixel_at[f] + i32(stage) * p.x.c]) * style[styles + stage];
            staged_x[PIXELS + i] = widen(x[pixel_at[f] + i32(next) * p.x.c]) * style[styles + next];
        }
    }
}

// Four pixels of group c of outputs; a group beyond the last is not stored.
fn finish(n: u32, c: u32, yy: i32, xx: i32, sum: mat4x4<f32>, z: vec4<f32>) {
    if (c >= p.y.channels) { return; }
    let y4 = bias_act4(p.act, modulate4(sum, demod[p.demod + n * p.demod_n + c]), bias[c], z);
    store4(p.y, four_at(p.y, n, c, yy, xx), xx, y4);
}

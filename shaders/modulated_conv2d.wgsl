// y[o] = bias_act(demod[o] * sum_i W[o,i] (*) (style[i] * x[i]), bias[o], noise): 3x3 or 1x1, for every GPU.
//
// Implicit GEMM. A workgroup owns 8 x 16 pixels and 8 GROUPS outputs; the modulated input patch is staged in workgroup memory 16
// channels at a time, once for all taps. A thread owns 8 pixels of a row and 8 outputs: 16 vec4 sums.
//
//     16 pixels          + a halo of one             threads: 16 strips of 8 pixels x GROUPS groups of 8 outputs
//     +--------+--------+                            per tap and 4 inputs: 8 vec4 of x from workgroup memory (shared by
//     | strip 0| strip 1|   8 rows                   neighbouring taps), 8 vec4 of W from memory (the same for 16 threads),
//     |   2    |   3    |                            64 vec4 multiply-adds
//
// GROUPS 4: 32 outputs, 64 threads. GROUPS 8: 64 outputs, half the reads of x.
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
override KERNEL: i32 = 3;
override GROUPS: u32 = 4;  // of 8 outputs
override THREADS: u32 = 16 * GROUPS;
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<elem4>;          // slab [N, I, H, W]
@group(0) @binding(2) var<storage, read> w: array<Pair>;           // [O/16, I/4, k, k, 4, 4 inputs] of 4 outputs
@group(0) @binding(3) var<storage, read> style: array<vec4<f32>>;  // [N, all layers' I/4]
@group(0) @binding(4) var<storage, read> demod: array<vec4<f32>>;  // [N, all layers' O/4]
@group(0) @binding(5) var<storage, read> bias: array<vec4<f32>>;   // [O/16 * 4]
@group(0) @binding(6) var<storage, read> noise: array<vec4<f32>>;  // [N or 1, H, W]
@group(0) @binding(7) var<storage, read_write> y: array<out4>;     // slab [N, O, H, W]

const ROWS = 10;     // 8 and the halo
const COLUMNS = 18;  // 16 and the halo
const STAGE = 4u;    // groups of four input channels staged at a time
var<workgroup> staged_x: array<vec4<f32>, 720>;  // [STAGE][ROWS][COLUMNS]: 11.5 of the 16 KiB every device has

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let across = (p.x.width + 15) / 16;
    let n = p.band.n + group.z;
    let top = i32(p.band.y + group.x / across * 8);
    let left = i32(group.x % across * 16);
    let strip = thread % 16;
    let py = i32(strip / 2);
    let px = i32(strip % 2 * 8);
    let outputs = group.y * GROUPS * 2 + thread / 16 * 2;  // first of this thread's two groups of four outputs
    let last = i32(min(p.x.height, p.band.y + p.band.rows));
    // Blocks of 16 outputs beyond the last repeat it; their sums are not stored.
    let block = min(outputs / 4, (p.y.channels + 7) / 8 * 2 - 1);
    let weights = block * p.x.channels * u32(KERNEL * KERNEL) * 8 + outputs % 4 * 2;

    var a: array<vec4<f32>, 8>;  // first group of outputs, 8 pixels
    var b: array<vec4<f32>, 8>;  // second group
    for (var stage = 0u; stage < p.x.channels; stage += STAGE) {
        let staged = min(STAGE, p.x.channels - stage);
        workgroupBarrier();
        for (var i = thread; i < staged * 180; i += THREADS) {
            // Pixels beyond the band or the border repeat the last ones; they only feed pixels that are not stored.
            let yy = min(top - 1 + i32(i / 18 % 10), last);
            let xx = min(left - 1 + i32(i % 18), i32(p.x.width));
            let c = stage + i / 180;
            staged_x[i] = widen(x[at(p.x, n, c, yy, xx)]) * style[p.style + n * p.style_n + c];
        }
        workgroupBarrier();
        for (var c = 0u; c < staged; c++) {
            for (var k = 0; k < KERNEL; k++) {
                let row = (i32(c) * ROWS + py + k + 1 - KERNEL / 2) * COLUMNS + px + 1 - KERNEL / 2;
                for (var l = 0; l < KERNEL; l++) {
                    let tap = weights + (((stage + c) * u32(KERNEL) + u32(k)) * u32(KERNEL) + u32(l)) * 8;
                    let wa = matrix(w[tap], w[tap + 1]);
                    let wb = matrix(w[tap + 2], w[tap + 3]);
                    for (var j = 0; j < 8; j++) {
                        let v = staged_x[row + l + j];
                        a[j] += wa * v;
                        b[j] += wb * v;
                    }
                }
            }
        }
    }

    let yy = top + py;
    if (yy >= i32(p.band.y + p.band.rows)) { return; }
    for (var j = 0; j < 8; j++) {
        let xx = left + px + j;
        if (xx < i32(p.x.width)) {
            let z = noise_at(n, yy, xx, p.x.width);
            finish(n, outputs, yy, xx, a[j], z);
            finish(n, outputs + 1, yy, xx, b[j], z);
        }
    }
}

// Four inputs to 4 outputs.
fn matrix(first: Pair, second: Pair) -> mat4x4<f32> {
    return mat4x4<f32>(widen(first.a), widen(first.b), widen(second.a), widen(second.b));
}

fn finish(n: u32, c: u32, py: i32, px: i32, sum: vec4<f32>, z: f32) {
    if (c < p.y.channels) {
        store(n, c, py, px, bias_act(p.act, sum * demod[p.demod + n * p.demod_n + c], bias[c], z));
    }
}

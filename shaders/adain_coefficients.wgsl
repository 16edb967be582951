// (mean, (style[c] + 1) / sqrt(var + 1e-8), style[C + c]) of a plane, from the (mean, M2) of its chunks (Chan et al. 1979).
//
// A workgroup owns 4 channels of an image. Layers have up to 1,024 chunks (2048 x 2048 pixels).
struct Params {
    chunks: u32,
    chunk_rows: u32,
    height: u32,
    width: u32,
    channels: u32,  // C
    style: u32,     // first group of this layer in `style` ...
    style_n: u32,   // ... and groups per image
    pad: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> statistics: array<vec4<f32>>;          // [N, chunks, 2, C/4]
@group(0) @binding(2) var<storage, read> style: array<f32>;                     // [N, all layers' 2 C]
@group(0) @binding(3) var<storage, read_write> coefficients: array<vec4<f32>>;  // [N, 3, C/4]

var<workgroup> partial: array<vec4<f32>, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let c = group.x;
    let n = group.y;
    let quads = (p.channels + 3) / 4;
    let pixels = f32(p.height) * f32(p.width);
    let first = n * p.chunks * 2 * quads + c;

    var sum = vec4<f32>();
    for (var k = thread; k < p.chunks; k += 64u) { sum += statistics[first + k * 2 * quads] * (count(k) / pixels); }
    let mean = total(sum, thread);
    var m2 = vec4<f32>();
    for (var k = thread; k < p.chunks; k += 64u) {
        let d = statistics[first + k * 2 * quads] - mean;
        m2 += statistics[first + (k * 2 + 1) * quads] + d * d * count(k);
    }
    let variance = total(m2, thread) / pixels;
    if (thread != 0) { return; }

    // The shifts begin at C, which need not be a multiple of 4.
    let scales = (p.style + n * p.style_n) * 4 + c * 4;
    var scale = vec4<f32>();
    var shift = vec4<f32>();
    for (var i = 0u; i < 4; i++) {
        if (c * 4 + i < p.channels) {
            scale[i] = (style[scales + i] + 1.0) / sqrt(variance[i] + 1e-8);
            shift[i] = style[scales + p.channels + i];
        }
    }
    let y = n * 3 * quads + c;
    coefficients[y] = mean;
    coefficients[y + quads] = scale;
    coefficients[y + 2 * quads] = shift;
}

// Pixels of a chunk.
fn count(chunk: u32) -> f32 {
    return f32(min(p.chunk_rows, p.height - chunk * p.chunk_rows) * p.width);
}

// The sum over the workgroup.
fn total(v: vec4<f32>, thread: u32) -> vec4<f32> {
    workgroupBarrier();
    partial[thread] = v;
    for (var step = 32u; step > 0u; step /= 2u) {
        workgroupBarrier();
        if (thread < step) { partial[thread] += partial[thread + step]; }
    }
    workgroupBarrier();
    return partial[0];
}

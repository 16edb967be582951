// y = act(W x / norm + bias) * gain: a layer of the mapping network (f32 in every tier: it is 0.01 % of the work).
//
// norm is 1, or in a first layer sqrt(mean(x^2) + 1e-8), which a pass of its own would cost a dispatch.
// A workgroup owns 8 outputs of one image: 8 threads share an output's dot product, reading W in whole 128-byte lines.
struct Params {
    inputs: u32,  // groups of four
    outputs: u32,
    slope: f32,
    gain: f32,
    mean: f32,    // 1 / I in a layer that normalises x, else 0
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;  // [N, I/4]
@group(0) @binding(2) var<storage, read> w: array<vec4<f32>>;  // [O, I/4]
@group(0) @binding(3) var<storage, read> bias: array<f32>;     // [O]
@group(0) @binding(4) var<storage, read_write> y: array<f32>;  // [N, O padded to groups of four]

var<workgroup> partial: array<vec2<f32>, 64>;  // products, and squares of x

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let o = group.x * 8 + thread / 8;
    let stride = (p.outputs + 3) / 4 * 4;
    var sum = vec2<f32>();
    if (o < p.outputs) {
        for (var i = thread % 8; i < p.inputs; i += 8u) {
            let v = x[group.y * p.inputs + i];
            sum += vec2(dot(w[o * p.inputs + i], v), dot(v, v));
        }
    }
    partial[thread] = sum;
    for (var step = 4u; step > 0u; step /= 2u) {
        workgroupBarrier();
        if (thread % 8 < step) { partial[thread] += partial[thread + step]; }
    }
    if (thread % 8 == 0 && o < stride) {
        var v = 0.0;
        if (o < p.outputs) {
            let norm = select(1.0, sqrt(partial[thread].y * p.mean + 1e-8), p.mean > 0.0);
            v = partial[thread].x / norm + bias[o];
            v = select(v * p.slope, v, v >= 0.0) * p.gain;
        }
        y[group.y * stride + o] = v;
    }
}

// y = style / sqrt(mean(style^2)) within a layer: demodulation undoes the scale of a layer's styles, and f16 cannot hold every one.
//
// A workgroup owns the styles of a layer and an image; those of a layer that is not demodulated stay as they are.
struct Params {
    styles: u32,  // groups of four, per image
    pad0: u32, pad1: u32, pad2: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> style: array<vec4<f32>>;    // [N, styles]
@group(0) @binding(2) var<storage, read> layers: array<vec4<f32>>;   // [layers] of (first group, groups, channels or 0 to copy, 0)
@group(0) @binding(3) var<storage, read_write> y: array<vec4<f32>>;  // [N, styles]

var<workgroup> largest: array<f32, 64>;
var<workgroup> partial: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let layer = layers[group.x];
    let first = group.y * p.styles + u32(layer.x);
    let groups = u32(layer.y);
    var most = 0.0;
    for (var i = thread; i < groups; i += 64u) {
        let s = abs(style[first + i]);
        most = max(most, max(max(s.x, s.y), max(s.z, s.w)));
    }
    largest[thread] = most;
    for (var step = 32u; step > 0u; step /= 2u) {
        workgroupBarrier();
        if (thread < step) { largest[thread] = max(largest[thread], largest[thread + step]); }
    }
    workgroupBarrier();
    // By the largest first: squares of styles beyond 1e19 or below 1e-19 would be lost. The sum is 1 or more then, and less only where
    // all are zero, which they stay.
    let scale = 1.0 / max(largest[0], 1e-30);
    var sum = 0.0;
    for (var i = thread; i < groups; i += 64u) {
        let s = style[first + i] * scale;
        sum += dot(s, s);
    }
    partial[thread] = sum;
    for (var step = 32u; step > 0u; step /= 2u) {
        workgroupBarrier();
        if (thread < step) { partial[thread] += partial[thread + step]; }
    }
    workgroupBarrier();
    let factor = select(scale * sqrt(layer.z / max(partial[0], 1.0)), 1.0, layer.z == 0.0);
    for (var i = thread; i < groups; i += 64u) { y[first + i] = style[first + i] * factor; }
}

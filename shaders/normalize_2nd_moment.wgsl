// x = z / sqrt(mean(z^2) + 1e-8), followed by the label's embedding normalised the same way.
struct Params {
    z_len: u32,
    embed_len: u32,  // 0: unconditional
    x_stride: u32,
    jointly: u32,    // 1: one mean over both
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> z: array<f32>;        // [N, z_len]
@group(0) @binding(2) var<storage, read> embed: array<f32>;    // [N, embed_len]
@group(0) @binding(3) var<storage, read_write> x: array<f32>;  // [N, z_len + embed_len]

var<workgroup> partial: array<vec2<f32>, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let n = group.x;
    let z0 = n * ((p.z_len + 3) / 4 * 4);
    let e0 = n * ((p.embed_len + 3) / 4 * 4);
    var sum = vec2<f32>();
    for (var i = thread; i < p.z_len; i += 64u) { sum.x += z[z0 + i] * z[z0 + i]; }
    for (var i = thread; i < p.embed_len; i += 64u) { sum.y += embed[e0 + i] * embed[e0 + i]; }
    partial[thread] = sum;
    for (var step = 32u; step > 0u; step /= 2u) {
        workgroupBarrier();
        if (thread < step) { partial[thread] += partial[thread + step]; }
    }
    workgroupBarrier();
    let separate = partial[0] / vec2<f32>(max(vec2(p.z_len, p.embed_len), vec2(1u)));
    let joint = (partial[0].x + partial[0].y) / f32(p.z_len + p.embed_len);
    let scale = 1.0 / sqrt(select(separate, vec2(joint), p.jointly == 1) + 1e-8);
    for (var i = thread; i < p.x_stride; i += 64u) {
        var v = 0.0;
        if (i < p.z_len) { v = z[z0 + i] * scale.x; } else if (i < p.z_len + p.embed_len) { v = embed[e0 + i - p.z_len] * scale.y; }
        x[n * p.x_stride + i] = v;
    }
}

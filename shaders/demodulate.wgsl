// demod[r] = scale[r] / sqrt(sum_i style[i]^2 V[r,i] + 1e-8), V[r,i] = sum_k W[r,i,k]^2: all layers in one dispatch.
//
// `scale` undoes the power of two that f16 weights were divided by (1 in f32). A workgroup owns 8 rows of one image.
struct Params {
    rows: u32,    // a multiple of four
    styles: u32,  // groups of four, per image
    pad0: u32, pad1: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> style: array<vec4<f32>>;  // [N, styles]
@group(0) @binding(2) var<storage, read> v: array<vec4<f32>>;      // rows after each other, each its layer's I/4 groups
@group(0) @binding(3) var<storage, read> table: array<vec4<f32>>;  // [rows] of (scale, first style group, groups, first group of V)
@group(0) @binding(4) var<storage, read_write> demod: array<f32>;  // [N, rows]

var<workgroup> partial: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let r = group.x * 8 + thread / 8;
    let n = group.y;
    var sum = 0.0;
    if (r < p.rows) {
        let s0 = n * p.styles + u32(table[r].y);
        for (var i = thread % 8; i < u32(table[r].z); i += 8u) {
            let s = style[s0 + i];
            sum += dot(v[u32(table[r].w) + i], s * s);
        }
    }
    partial[thread] = sum;
    for (var step = 4u; step > 0u; step /= 2u) {
        workgroupBarrier();
        if (thread % 8 < step) { partial[thread] += partial[thread + step]; }
    }
    if (thread % 8 == 0 && r < p.rows) { demod[n * p.rows + r] = table[r].x / sqrt(partial[thread] + 1e-8); }
}

// style[r] = A[r] ws[slot[r]] + a[r]: the style affines of all layers in one dispatch (gains are folded into A and a).
//
// A workgroup owns 8 rows of one image: 8 threads share a row's dot product.
struct Params {
    w_dim: u32,  // groups of four
    num_ws: u32,
    rows: u32,   // a multiple of four
    pad: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> ws: array<vec4<f32>>;      // [N * num_ws, w_dim/4]
@group(0) @binding(2) var<storage, read> a: array<vec4<f32>>;       // [rows, w_dim/4]
@group(0) @binding(3) var<storage, read> table: array<vec4<f32>>;   // [rows] of (bias, slot, 0, 0)
@group(0) @binding(4) var<storage, read_write> style: array<f32>;   // [N, rows]

var<workgroup> partial: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let r = group.x * 8 + thread / 8;
    let n = group.y;
    var sum = 0.0;
    if (r < p.rows) {
        let w = (n * p.num_ws + u32(table[r].y)) * p.w_dim;
        for (var i = thread % 8; i < p.w_dim; i += 8u) { sum += dot(a[r * p.w_dim + i], ws[w + i]); }
    }
    partial[thread] = sum;
    for (var step = 4u; step > 0u; step /= 2u) {
        workgroupBarrier();
        if (thread % 8 < step) { partial[thread] += partial[thread + step]; }
    }
    if (thread % 8 == 0 && r < p.rows) { style[n * p.rows + r] = partial[thread] + table[r].x; }
}

// ws[r] = a + psi (w - a) + d: a row of w truncated towards the average a and moved by d; table[r] says which w, which a, and psi.
struct Params {
    w_dim: u32,  // groups of four
    rows: u32,
    sources: u32,
    averages: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> w: array<vec4<f32>>;           // [M, w_dim/4]
@group(0) @binding(2) var<storage, read> w_avg: array<vec4<f32>>;       // [A, w_dim/4]
@group(0) @binding(3) var<storage, read> table: array<vec4<f32>>;       // [rows] of (row of w, row of w_avg, psi, 0)
@group(0) @binding(4) var<storage, read> direction: array<vec4<f32>>;   // [rows, w_dim/4]
@group(0) @binding(5) var<storage, read_write> ws: array<vec4<f32>>;    // [rows, w_dim/4]

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let index = (group.x + group.y * groups.x) * 64 + thread;
    if (index >= p.rows * p.w_dim) { return; }
    let i = index % p.w_dim;
    let row = table[index / p.w_dim];
    let value = w[min(u32(row.x), p.sources - 1) * p.w_dim + i];
    let average = w_avg[min(u32(row.y), p.averages - 1) * p.w_dim + i];
    // A psi of 1 changes no bit.
    ws[index] = select(average + row.z * (value - average), value, row.z == 1.0) + direction[index];
}

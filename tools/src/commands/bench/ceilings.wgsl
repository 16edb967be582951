// What the device can do at most: copying memory, and multiply-adds from registers. Two entry points, one number each.
//
// `Vector` is vec4<f32> or vec4<f16>, an alias put before this file.
struct Params {
    rounds: u32,
    factor: f32,  // from a uniform, so that no compiler works the sums out
    addend: f32,
    length: u32,  // elements of src and dst
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> src: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read_write> dst: array<vec4<u32>>;

// dst = src, 4 x 16 bytes an invocation: neighbours touch neighbouring bytes, as every GPU likes it, and starting an invocation
// does not show on a CPU.
@compute @workgroup_size(256)
fn copy(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    let first = (group.x + group.y * groups.x) * 1024 + i;
    for (var at = first; at < min(first + 1024, p.length); at += 256u) { dst[at] = src[at]; }
}

// Two vectors are eight independent chains: enough for the latency of a CPU's units, and few enough for every register file.
@compute @workgroup_size(64)
fn fma_rate(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    let m = Vector(vec4<f32>(p.factor));
    let c = Vector(vec4<f32>(p.addend));
    var a = Vector(vec4<f32>(f32(i)) * 0.01);
    var b = a + c;
    for (var round = 0u; round < p.rounds; round++) {
        // 16 steps of 2 x 4 multiply-adds: 256 operations.
        a = fma(a, m, c); b = fma(b, m, c); a = fma(a, m, c); b = fma(b, m, c);
        a = fma(a, m, c); b = fma(b, m, c); a = fma(a, m, c); b = fma(b, m, c);
        a = fma(a, m, c); b = fma(b, m, c); a = fma(a, m, c); b = fma(b, m, c);
        a = fma(a, m, c); b = fma(b, m, c); a = fma(a, m, c); b = fma(b, m, c);
        a = fma(a, m, c); b = fma(b, m, c); a = fma(a, m, c); b = fma(b, m, c);
        a = fma(a, m, c); b = fma(b, m, c); a = fma(a, m, c); b = fma(b, m, c);
        a = fma(a, m, c); b = fma(b, m, c); a = fma(a, m, c); b = fma(b, m, c);
        a = fma(a, m, c); b = fma(b, m, c); a = fma(a, m, c); b = fma(b, m, c);
    }
    // Never true, which no compiler knows.
    if (f32(dot(a, b)) == 12345.0) { dst[0] = vec4<u32>(group.x); }
}

// y = (lrelu(x + strength * noise + bias) - mean) * scale + shift: adaptive instance normalisation (paper, equation 1).
//
// The activation is computed a second time instead of stored: a pass over memory costs more than four operations a value. A
// thread owns 4 pixels of a row and 4 channels.
struct Params {
    band: Band,
    x: Slab,
    y: Slab,
    act: NoiseAct,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<elem4>;                 // slab [N or 1, C, R, R]
@group(0) @binding(2) var<storage, read> strength: array<vec4<f32>>;      // [C/4]
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;          // [C/4]
@group(0) @binding(4) var<storage, read> noise: array<vec4<f32>>;   // [N or 1, R, R]
@group(0) @binding(5) var<storage, read> coefficients: array<vec4<f32>>;  // [N, 3, C/4]: mean, scale, shift
@group(0) @binding(6) var<storage, read_write> y: array<out4>;            // slab [N, C, R, R]

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let quads = (p.y.width + 3) / 4;
    let index = (group.x + group.y * groups.x) * 64 + thread;
    if (index >= quads * p.y.channels * p.band.rows) { return; }
    let px = i32(index % quads) * 4;
    let c = index / quads % p.y.channels;
    let py = i32(p.band.y + index / (quads * p.y.channels));
    let n = p.band.n + group.z;
    let k = n * 3 * p.y.channels + c;
    let mean = coefficients[k];
    let scale = coefficients[k + p.y.channels];
    let shift = coefficients[k + 2 * p.y.channels];
    for (var j = 0; j < min(4, i32(p.y.width) - px); j++) {
        store(n, c, py, px + j, (noise_act(n, c, py, px + j) - mean) * scale + shift);
    }
}

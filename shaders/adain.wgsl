// y = (lrelu(x + strength * noise + bias) - mean) * scale + shift: adaptive instance normalisation (paper, equation 1).
//
// The activation is computed a second time instead of stored: a pass over memory costs more than four operations a value. A
// thread owns 4 pixels of ROWS rows and 4 channels, and reads what the channels have in common once.
struct Params {
    band: Band,
    x: Slab,
    y: Slab,
    act: NoiseAct,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<four>;                  // slab [N or 1, C, R, R]
@group(0) @binding(2) var<storage, read> strength: array<vec4<f32>>;      // [C/4]
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;          // [C/4]
@group(0) @binding(4) var<storage, read> noise: array<vec4<f32>>;         // [N or 1, R, R]
@group(0) @binding(5) var<storage, read> coefficients: array<vec4<f32>>;  // [N, 3, C/4]: mean, scale, shift
@group(0) @binding(6) var<storage, read_write> y: array<out_four>;        // slab [N, C, R, R]

override ROWS: i32 = 2;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    // Parameters are read here, once: behind a condition or in a loop, a processor reads them for every lane.
    let xs = p.x;
    let ys = p.y;
    let act = p.act;
    let band = p.band;
    let quads = (ys.width + 3) / 4;
    let index = (group.x + group.y * groups.x) * 64 + thread;
    if (index >= quads * ys.channels * ((band.rows + u32(ROWS) - 1) / u32(ROWS))) { return; }
    let px = i32(index % quads) * 4;
    let c = index / quads % ys.channels;
    let py = i32(band.y + index / (quads * ys.channels) * u32(ROWS));
    let end = min(py + ROWS, i32(band.y + band.rows));
    let n = band.n + group.z;

    let k = n * 3 * ys.channels + c;
    let mean = coefficients[k];
    let scale = coefficients[k + ys.channels];
    let shift = coefficients[k + 2 * ys.channels];
    let b = bias[c];
    let s = strength[c];
    var i = four_at(xs, n, c, py, px);
    var o = four_at(ys, n, c, py, px);
    for (var row = py; row < end; row++) {
        let v = noise_act4(act, widen4(x[i]), s, b, noise_at4(act, n, row, px, ys.width));
        store4(ys, o, px, mat4x4<f32>(
            (v[0] - mean) * scale + shift, (v[1] - mean) * scale + shift,
            (v[2] - mean) * scale + shift, (v[3] - mean) * scale + shift,
        ));
        i += xs.y >> 2u;
        o += ys.y >> 2u;
    }
    zero_border(ys, n, c, 1, py, px, end - py, 4);
}

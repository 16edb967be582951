// y = [1,2,1]/4 (*) [1,1] (*) t on each axis: the low-pass filter after StyleGAN1's up-sampling convolution.
//
// The convolution of the image doubled by nearest neighbours is c[i] = t[i] + t[i+1] with t the stride-2 transposed one, and the
// blur y[j] = (c[j-1] + 2 c[j] + c[j+1]) / 4 = (t[j-1] + 3 t[j] + 3 t[j+1] + t[j+2]) / 4. The original cuts c to 2H x 2W before
// it blurs: c is zero outside, which is a t that continues beyond its edges with the sign turned. A thread owns 4 pixels of a
// row and 4 channels.
struct Params {
    band: Band,
    t: Slab,
    y: Slab,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> t: array<elem4>;       // slab [N, O, 2H+1, 2W+1]
@group(0) @binding(2) var<storage, read_write> y: array<out4>;  // slab [N, O, 2H, 2W]

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let quads = (p.y.width + 3) / 4;
    let index = (group.x + group.y * groups.x) * 64 + thread;
    if (index >= quads * p.y.channels * p.band.rows) { return; }
    let px = i32(index % quads) * 4;
    let c = index / quads % p.y.channels;
    let py = i32(p.band.y + index / (quads * p.y.channels));
    let n = p.band.n + group.z;

    var sum: array<vec4<f32>, 4>;
    for (var k = 0; k < 4; k++) {
        let ty = clamp(py - 1 + k, 0, i32(p.t.height) - 1);
        var line: array<vec4<f32>, 7>;
        for (var l = 0; l < 7; l++) {
            let tx = clamp(px - 1 + l, 0, i32(p.t.width) - 1);
            let v = widen(t[at(p.t, n, c, ty, tx)]);
            line[l] = select(v, -v, (tx != px - 1 + l) != (ty != py - 1 + k));
        }
        let f = select(1.0, 3.0, k == 1 || k == 2) / 16.0;
        for (var j = 0; j < 4; j++) { sum[j] += (line[j] + 3.0 * (line[j + 1] + line[j + 2]) + line[j + 3]) * f; }
    }
    for (var j = 0; j < 4; j++) {
        if (px + j < i32(p.y.width)) { store(n, c, py, px + j, sum[j]); }
    }
}

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

    // Not arrays: what a loop variable indexes lives in memory, and the sums must stay in registers.
    var s0 = vec4<f32>();
    var s1 = vec4<f32>();
    var s2 = vec4<f32>();
    var s3 = vec4<f32>();
    for (var k = 0; k < 4; k++) {
        let ty = clamp(py - 1 + k, 0, i32(p.t.height) - 1);
        let row = at(p.t, n, c, ty, 0);
        let v0 = column(row, px - 1);
        let v1 = column(row, px);
        let v2 = column(row, px + 1);
        let v3 = column(row, px + 2);
        let v4 = column(row, px + 3);
        let v5 = column(row, px + 4);
        let v6 = column(row, px + 5);
        let f = select(1.0, 3.0, k == 1 || k == 2) * select(0.0625, -0.0625, ty != py - 1 + k);
        s0 += (v0 + 3.0 * (v1 + v2) + v3) * f;
        s1 += (v1 + 3.0 * (v2 + v3) + v4) * f;
        s2 += (v2 + 3.0 * (v3 + v4) + v5) * f;
        s3 += (v3 + 3.0 * (v4 + v5) + v6) * f;
    }
    finish(n, c, py, px, s0);
    finish(n, c, py, px + 1, s1);
    finish(n, c, py, px + 2, s2);
    finish(n, c, py, px + 3, s3);
}

// The value in a column of t; beyond its edges the last one with the sign turned.
fn column(row: i32, px: i32) -> vec4<f32> {
    let tx = clamp(px, 0, i32(p.t.width) - 1);
    let v = widen(t[row + tx * p.t.x]);
    return select(v, -v, tx != px);
}

fn finish(n: u32, c: u32, py: i32, px: i32, v: vec4<f32>) {
    if (px < i32(p.y.width)) { store(n, c, py, px, v); }
}

// y = inverse Haar transform of style * x: C channels to C/4 of twice the size (MobileStyleGAN, section 3.1).
//
// Channel c of y comes from x's channel c (the average) and C/4 + 3c + 0, 1, 2 (the details):
//
//     y[2r][2q] = (a + d0 + d1 + d2) / 2        y[2r][2q+1] = (a + d0 - d1 - d2) / 2
//     y[2r+1][2q] = (a - d0 + d1 - d2) / 2      y[2r+1][2q+1] = (a - d0 - d1 + d2) / 2
//
// A thread owns 4 pixels of x and 4 channels of y.
struct Params {
    band: Band,     // of x's rows
    x: Slab,
    y: Slab,
    style: u32,     // first group of this layer in `style` ...
    style_n: u32,   // ... and groups per image
    channels: u32,  // of y
    pad: u32,
}
override WHOLE: bool = true;  // y has whole groups of four channels
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<four>;           // slab [N, C, H, W]
@group(0) @binding(2) var<storage, read> style: array<vec4<f32>>;  // [N, all layers' C/4]
@group(0) @binding(3) var<storage, read_write> y: array<out_four>; // slab [N, C/4, 2H, 2W]

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    // Parameters are read here, once: behind a condition or in a loop, a processor reads them for every lane.
    let xs = p.x;
    let ys = p.y;
    let band = p.band;
    let outputs = p.channels;
    let n = band.n + group.z;
    let styles = p.style + n * p.style_n;
    let quads = (xs.width + 3) / 4;
    let index = (group.x + group.y * groups.x) * 64 + thread;
    if (index >= quads * ys.channels * band.rows) { return; }
    let px = i32(index % quads) * 4;
    let c = index / quads % ys.channels;
    let py = i32(band.y + index / (quads * ys.channels));
    let line = four_at(xs, n, 0, py, px);  // of channel 0
    let step = xs.c >> 2u;

    // Of each pixel of x, four of y.
    var q0: mat4x4<f32>;
    var q1: mat4x4<f32>;
    var q2: mat4x4<f32>;
    var q3: mat4x4<f32>;
    if (WHOLE) {
        // The twelve details of four channels are three whole groups, interleaved.
        let first = outputs / 4 + 3 * c;
        let a = modulated(line, step, styles, c);
        let u = modulated(line, step, styles, first);
        let v = modulated(line, step, styles, first + 1);
        let w = modulated(line, step, styles, first + 2);
        q0 = interleaved(a[0], u[0], v[0], w[0]);
        q1 = interleaved(a[1], u[1], v[1], w[1]);
        q2 = interleaved(a[2], u[2], v[2], w[2]);
        q3 = interleaved(a[3], u[3], v[3], w[3]);
    } else {
        for (var k = 0u; k < min(4u, outputs - 4 * c); k++) {
            let a = channel(line, step, styles, 4 * c + k);
            let first = outputs + 12 * c + 3 * k;
            let d0 = channel(line, step, styles, first);
            let d1 = channel(line, step, styles, first + 1);
            let d2 = channel(line, step, styles, first + 2);
            let m = wavelet(a, d0, d1, d2);
            for (var j = 0; j < 4; j++) {
                q0[j][k] = m[j].x;
                q1[j][k] = m[j].y;
                q2[j][k] = m[j].z;
                q3[j][k] = m[j].w;
            }
        }
    }
    let upper = four_at(ys, n, c, 2 * py, 2 * px);
    let lower = four_at(ys, n, c, 2 * py + 1, 2 * px);
    store4(ys, upper, 2 * px, mat4x4<f32>(q0[0], q0[1], q1[0], q1[1]));
    store4(ys, upper + 1, 2 * px + 4, mat4x4<f32>(q2[0], q2[1], q3[0], q3[1]));
    store4(ys, lower, 2 * px, mat4x4<f32>(q0[2], q0[3], q1[2], q1[3]));
    store4(ys, lower + 1, 2 * px + 4, mat4x4<f32>(q2[2], q2[3], q3[2], q3[3]));
    zero_border(ys, n, c, 1, 2 * py, 2 * px, 2, 8);
}

fn interleaved(a: vec4<f32>, u: vec4<f32>, v: vec4<f32>, w: vec4<f32>) -> mat4x4<f32> {
    return wavelet(a, vec4(u.x, u.w, v.z, w.y), vec4(u.y, v.x, v.w, w.z), vec4(u.z, v.y, w.x, w.w));
}

// Upper left, upper right, lower left, lower right.
fn wavelet(a: vec4<f32>, d0: vec4<f32>, d1: vec4<f32>, d2: vec4<f32>) -> mat4x4<f32> {
    return 0.5 * mat4x4<f32>(a + d0 + d1 + d2, a + d0 - d1 - d2, a - d0 + d1 - d2, a - d0 - d1 + d2);
}

// Four pixels of a group of channels times their style.
fn modulated(line: i32, step: i32, styles: u32, c: u32) -> mat4x4<f32> {
    return modulate4(widen4(x[line + i32(c) * step]), style[styles + c]);
}

// Four pixels of a channel times its style.
fn channel(line: i32, step: i32, styles: u32, c: u32) -> vec4<f32> {
    let m = widen4(x[line + i32(c / 4) * step]);
    let k = c % 4;
    return vec4<f32>(m[0][k], m[1][k], m[2][k], m[3][k]) * style[styles + c / 4][k];
}

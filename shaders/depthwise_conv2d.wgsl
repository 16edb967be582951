// y[c] = style[c] * W[c] (*) x[c]: modulated depthwise 3x3 convolution (MobileStyleGAN, section 3.2).
//
// A thread owns 4 pixels of ROWS rows and 4 channels, and walks down: a row of x is the last of the output above it, the middle one
// of its own and the first of the one below.
//
//     |       x0|x1 x2 x3 x4|x5       |    a row of x, in fours of pixels
//               |y1 y2 y3 y4|
struct Params {
    band: Band,
    x: Slab,
    y: Slab,
    style: u32,    // first group of this layer in `style` ...
    style_n: u32,  // ... and groups per image
    pad0: u32, pad1: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<four>;           // slab [N, C, H, W]
@group(0) @binding(2) var<storage, read> w: array<vec4<f32>>;      // [C/4, 3, 3]
@group(0) @binding(3) var<storage, read> style: array<vec4<f32>>;  // [N, all layers' C/4]
@group(0) @binding(4) var<storage, read_write> y: array<out_four>; // slab [N, C, H, W]

override ROWS: i32 = 4;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    // Parameters are read here, once: behind a condition or in a loop, a processor reads them for every lane.
    let xs = p.x;
    let ys = p.y;
    let band = p.band;
    let quads = (xs.width + 3) / 4;
    let index = (group.x + group.y * groups.x) * 64 + thread;
    let styles = p.style + (band.n + group.z) * p.style_n;
    if (index >= quads * xs.channels * ((band.rows + u32(ROWS) - 1) / u32(ROWS))) { return; }
    let px = i32(index % quads) * 4;
    let c = index / quads % xs.channels;
    let py = i32(band.y + index / (quads * xs.channels) * u32(ROWS));
    let end = min(py + ROWS, i32(band.y + band.rows));
    let n = band.n + group.z;

    let s = style[styles + c];
    let w00 = w[c * 9] * s;     let w01 = w[c * 9 + 1] * s; let w02 = w[c * 9 + 2] * s;
    let w10 = w[c * 9 + 3] * s; let w11 = w[c * 9 + 4] * s; let w12 = w[c * 9 + 5] * s;
    let w20 = w[c * 9 + 6] * s; let w21 = w[c * 9 + 7] * s; let w22 = w[c * 9 + 8] * s;
    var above: mat4x4<f32>;  // sums of the row above: two of its rows are in
    var here: mat4x4<f32>;   // ... and of this one: its first is in
    var i = four_at(xs, n, c, py - 1, px);
    var o = four_at(ys, n, c, py, px) - 2 * (ys.y >> 2u);
    for (var r = py - 1; r <= end; r++) {
        let x0 = widen(x[i - 1][3]);
        let m = widen4(x[i]);
        let x5 = widen(x[i + 1][0]);
        if (r > py) { store4(ys, o, px, above + along(x0, m, x5, w20, w21, w22)); }
        above = here + along(x0, m, x5, w10, w11, w12);
        here = along(x0, m, x5, w00, w01, w02);
        i += xs.y >> 2u;
        o += ys.y >> 2u;
    }
    zero_border(ys, n, c, 1, py, px, end - py, 4);
}

// A row of taps along a row of x.
fn along(x0: vec4<f32>, m: mat4x4<f32>, x5: vec4<f32>, w0: vec4<f32>, w1: vec4<f32>, w2: vec4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(
        x0 * w0 + m[0] * w1 + m[1] * w2, m[0] * w0 + m[1] * w1 + m[2] * w2,
        m[1] * w0 + m[2] * w1 + m[3] * w2, m[2] * w0 + m[3] * w1 + x5 * w2,
    );
}

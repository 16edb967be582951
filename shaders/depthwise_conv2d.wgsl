// y[c] = style[c] * W[c] (*) x[c]: modulated depthwise 3x3 convolution (MobileStyleGAN, section 3.2).
//
// A thread owns 4 pixels of ROWS rows and 4 channels, and walks down: a row of x is the last of the output above it, the middle one
// of its own and the first of the one below. 36 reads of x and 9 of W for 16 outputs.
struct Params {
    band: Band,
    x: Slab,
    y: Slab,
    style: u32,    // first group of this layer in `style` ...
    style_n: u32,  // ... and groups per image
    pad0: u32, pad1: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<elem4>;          // slab [N, C, H, W]
@group(0) @binding(2) var<storage, read> w: array<vec4<f32>>;      // [C/4, 3, 3]
@group(0) @binding(3) var<storage, read> style: array<vec4<f32>>;  // [N, all layers' C/4]
@group(0) @binding(4) var<storage, read_write> y: array<out4>;     // slab [N, C, H, W]

const ROWS = 4u;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let quads = (p.x.width + 3) / 4;
    let index = (group.x + group.y * groups.x) * 64 + thread;
    if (index >= quads * p.x.channels * ((p.band.rows + ROWS - 1) / ROWS)) { return; }
    let px = i32(index % quads) * 4;
    let c = index / quads % p.x.channels;
    let py = i32(p.band.y + index / (quads * p.x.channels) * ROWS);
    let end = min(py + i32(ROWS), i32(p.band.y + p.band.rows));
    let n = p.band.n + group.z;

    let s = style[p.style + n * p.style_n + c];
    let w00 = w[c * 9];     let w01 = w[c * 9 + 1]; let w02 = w[c * 9 + 2];
    let w10 = w[c * 9 + 3]; let w11 = w[c * 9 + 4]; let w12 = w[c * 9 + 5];
    let w20 = w[c * 9 + 6]; let w21 = w[c * 9 + 7]; let w22 = w[c * 9 + 8];
    // Sums of the row above (two of its rows are in) and of this one (its first is in). Not arrays, which would live in memory.
    var a0: vec4<f32>; var a1: vec4<f32>; var a2: vec4<f32>; var a3: vec4<f32>;
    var b0: vec4<f32>; var b1: vec4<f32>; var b2: vec4<f32>; var b3: vec4<f32>;
    // Columns past the right border repeat it; they only feed pixels that are not stored.
    let edge = i32(p.x.width) - px + 1;
    for (var r = py - 1; r <= end; r++) {
        let row = at(p.x, n, c, r, px - 1);
        let x0 = widen(x[row]);
        let x1 = widen(x[row + p.x.x]);
        let x2 = widen(x[row + min(2, edge) * p.x.x]);
        let x3 = widen(x[row + min(3, edge) * p.x.x]);
        let x4 = widen(x[row + min(4, edge) * p.x.x]);
        let x5 = widen(x[row + min(5, edge) * p.x.x]);
        if (r > py) {
            finish(n, c, r - 1, px, a0 + x0 * w20 + x1 * w21 + x2 * w22, s);
            finish(n, c, r - 1, px + 1, a1 + x1 * w20 + x2 * w21 + x3 * w22, s);
            finish(n, c, r - 1, px + 2, a2 + x2 * w20 + x3 * w21 + x4 * w22, s);
            finish(n, c, r - 1, px + 3, a3 + x3 * w20 + x4 * w21 + x5 * w22, s);
        }
        a0 = b0 + x0 * w10 + x1 * w11 + x2 * w12;
        a1 = b1 + x1 * w10 + x2 * w11 + x3 * w12;
        a2 = b2 + x2 * w10 + x3 * w11 + x4 * w12;
        a3 = b3 + x3 * w10 + x4 * w11 + x5 * w12;
        b0 = x0 * w00 + x1 * w01 + x2 * w02;
        b1 = x1 * w00 + x2 * w01 + x3 * w02;
        b2 = x2 * w00 + x3 * w01 + x4 * w02;
        b3 = x3 * w00 + x4 * w01 + x5 * w02;
    }
}

fn finish(n: u32, c: u32, py: i32, px: i32, sum: vec4<f32>, s: vec4<f32>) {
    if (px < i32(p.x.width)) { store(n, c, py, px, sum * s); }
}

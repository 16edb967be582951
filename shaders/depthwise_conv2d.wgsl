// y[c] = style[c] * W[c] (*) x[c]: modulated depthwise 3x3 convolution (MobileStyleGAN, section 3.2).
//
// A thread owns 4 pixels of a row and 4 channels: 18 reads for 4 outputs.
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

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let quads = (p.x.width + 3) / 4;
    let index = (group.x + group.y * groups.x) * 64 + thread;
    if (index >= quads * p.x.channels * p.band.rows) { return; }
    let px = i32(index % quads) * 4;
    let c = index / quads % p.x.channels;
    let py = i32(p.band.y + index / (quads * p.x.channels));
    let n = p.band.n + group.z;

    let edge = i32(p.x.width);
    var sum: array<vec4<f32>, 4>;
    for (var k = 0; k < 3; k++) {
        let row = at(p.x, n, c, py + k - 1, px - 1);
        let wl = w[c * 9 + u32(k) * 3];
        let wc = w[c * 9 + u32(k) * 3 + 1];
        let wr = w[c * 9 + u32(k) * 3 + 2];
        // Columns past the right border repeat it; they only feed pixels that are not stored.
        let x0 = widen(x[row]);
        let x1 = widen(x[row + p.x.x]);
        let x2 = widen(x[row + min(2, edge - px + 1) * p.x.x]);
        let x3 = widen(x[row + min(3, edge - px + 1) * p.x.x]);
        let x4 = widen(x[row + min(4, edge - px + 1) * p.x.x]);
        let x5 = widen(x[row + min(5, edge - px + 1) * p.x.x]);
        sum[0] += x0 * wl + x1 * wc + x2 * wr;
        sum[1] += x1 * wl + x2 * wc + x3 * wr;
        sum[2] += x2 * wl + x3 * wc + x4 * wr;
        sum[3] += x3 * wl + x4 * wc + x5 * wr;
    }
    let s = style[p.style + n * p.style_n + c];
    // A copy: what a loop variable indexes lives in memory, and the sums must stay in registers.
    var result = sum;
    for (var j = 0; j < 4; j++) {
        if (px + j < edge) { store(n, c, py, px + j, result[j] * s); }
    }
}

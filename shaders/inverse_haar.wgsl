// y = inverse Haar transform of style * x: C channels to C/4 of twice the size (MobileStyleGAN, section 3.1).
//
// Channel c of y comes from x's channel c (the average) and C/4 + 3c + 0, 1, 2 (the details):
//
//     y[2r][2q] = (a + d0 + d1 + d2) / 2        y[2r][2q+1] = (a + d0 - d1 - d2) / 2
//     y[2r+1][2q] = (a - d0 + d1 - d2) / 2      y[2r+1][2q+1] = (a - d0 - d1 + d2) / 2
//
// A thread owns a pixel of x and 4 channels of y.
struct Params {
    band: Band,     // of x's rows
    x: Slab,
    y: Slab,
    style: u32,     // first group of this layer in `style` ...
    style_n: u32,   // ... and groups per image
    channels: u32,  // of y
    pad: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<elem4>;          // slab [N, C, H, W]
@group(0) @binding(2) var<storage, read> style: array<vec4<f32>>;  // [N, all layers' C/4]
@group(0) @binding(3) var<storage, read_write> y: array<out4>;     // slab [N, C/4, 2H, 2W]

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let index = (group.x + group.y * groups.x) * 64 + thread;
    if (index >= p.x.width * p.y.channels * p.band.rows) { return; }
    let px = i32(index % p.x.width);
    let c = index / p.x.width % p.y.channels;
    let py = i32(p.band.y + index / (p.x.width * p.y.channels));
    let n = p.band.n + group.z;

    var a: vec4<f32>;
    var d0: vec4<f32>;
    var d1: vec4<f32>;
    var d2: vec4<f32>;
    if (p.channels % 4 == 0) {
        // The twelve details of four channels are three whole groups, interleaved.
        a = modulated(n, c, py, px);
        let first = p.channels / 4 + 3 * c;
        let u = modulated(n, first, py, px);
        let v = modulated(n, first + 1, py, px);
        let w = modulated(n, first + 2, py, px);
        d0 = vec4(u.x, u.w, v.z, w.y);
        d1 = vec4(u.y, v.x, v.w, w.z);
        d2 = vec4(u.z, v.y, w.x, w.w);
    } else {
        for (var i = 0u; i < 4; i++) {
            let channel = c * 4 + i;
            if (channel < p.channels) {
                a[i] = single(n, channel, py, px);
                d0[i] = single(n, p.channels + 3 * channel, py, px);
                d1[i] = single(n, p.channels + 3 * channel + 1, py, px);
                d2[i] = single(n, p.channels + 3 * channel + 2, py, px);
            }
        }
    }
    store(n, c, 2 * py, 2 * px, (a + d0 + d1 + d2) * 0.5);
    store(n, c, 2 * py, 2 * px + 1, (a + d0 - d1 - d2) * 0.5);
    store(n, c, 2 * py + 1, 2 * px, (a - d0 + d1 - d2) * 0.5);
    store(n, c, 2 * py + 1, 2 * px + 1, (a - d0 - d1 + d2) * 0.5);
}

fn modulated(n: u32, c: u32, py: i32, px: i32) -> vec4<f32> {
    return widen(x[at(p.x, n, c, py, px)]) * style[p.style + n * p.style_n + c];
}

fn single(n: u32, channel: u32, py: i32, px: i32) -> f32 {
    return modulated(n, channel / 4, py, px)[channel % 4];
}

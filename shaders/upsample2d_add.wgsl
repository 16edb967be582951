// y = a + upsample2d(b): the sum of a residual block, its skip branch up-sampled (Karras et al. 2020, figure 7c).
//
// upsample2d on each axis: v[j] = 2 sum_k f[k] u[j + T-1 - k - c] with u[2i] = b[i], zero between, c = (T+1)/2: every other
// tap meets a sample, so a pixel reads T/2 x T/2 of b (4 for the usual 4 taps). A thread owns a pixel and 4 channels.
struct Params {
    band: Band,
    a: Slab,
    b: Slab,
    y: Slab,
    taps: array<vec4<f32>, 2>,  // 2 f, up to 8 taps
    taps_len: u32,
    pad0: u32, pad1: u32, pad2: u32,
}
override TAPS: i32 = 4;
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<elem4>;       // slab [N, C, R, R]
@group(0) @binding(2) var<storage, read> b: array<elem4>;       // slab [N, C, R/2, R/2]
@group(0) @binding(3) var<storage, read_write> y: array<out4>;  // slab [N, C, R, R]

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let index = (group.x + group.y * groups.x) * 64 + thread;
    if (index >= p.y.width * p.y.channels * p.band.rows) { return; }
    let px = i32(index % p.y.width);
    let c = index / p.y.width % p.y.channels;
    let py = i32(p.band.y + index / (p.y.width * p.y.channels));
    let n = p.band.n + group.z;
    store(n, c, py, px, widen(a[at(p.a, n, c, py, px)]) + upsample(n, c, py, px));
}

fn upsample(n: u32, c: u32, py: i32, px: i32) -> vec4<f32> {
    // Sample index before the factor of 2, for tap 0; taps of the other parity meet zeros.
    let y0 = py + TAPS - 1 - (TAPS + 1) / 2;
    let x0 = px + TAPS - 1 - (TAPS + 1) / 2;
    var sum = vec4<f32>();
    for (var k = y0 & 1; k < TAPS; k += 2) {
        var line = vec4<f32>();
        for (var l = x0 & 1; l < TAPS; l += 2) { line += widen(b[at(p.b, n, c, (y0 - k) >> 1u, (x0 - l) >> 1u)]) * tap(l); }
        sum += line * tap(k);
    }
    return sum;
}

fn tap(k: i32) -> f32 {
    return p.taps[k / 4][k % 4];
}

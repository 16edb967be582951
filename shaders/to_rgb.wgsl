// img = clamp(W (style * x) + bias) + upsample2d(skip): torgb of a block, and the image of the block below it, doubled.
//
// upsample2d on each axis: v[j] = 2 sum_k f[k] u[j + T-1 - k - a] with u[2y] = skip[y], zero between, a = (T+1)/2: every other
// tap meets a sample. A thread owns 4 pixels of a row, all channels of the image; img stays f32 whatever the activations are.
struct Params {
    band: Band,
    x: Slab,
    skip: Slab,                 // a single zero pixel when there is nothing below
    y: Slab,
    style: u32,                 // first group of this layer in `style` ...
    style_n: u32,               // ... and groups per image
    limit: f32,                 // clamp of W x + bias
    taps_len: u32,
    taps: array<vec4<f32>, 2>,  // 2 f, up to 8 taps; zeros when there is nothing below
}
override TAPS: i32 = 4;
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<elem4>;          // slab [N, I, R, R]
@group(0) @binding(2) var<storage, read> w: array<vec4<f32>>;      // [I/4, 4 inputs] of 4 outputs
@group(0) @binding(3) var<storage, read> style: array<vec4<f32>>;  // [N, all layers' I/4]
@group(0) @binding(4) var<storage, read> bias: array<vec4<f32>>;   // [1]
@group(0) @binding(5) var<storage, read> skip: array<vec4<f32>>;   // slab [N, C, R/2, R/2]
@group(0) @binding(6) var<storage, read_write> y: array<out4>;  // slab [N, C, R, R]

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let quads = (p.x.width + 3) / 4;
    let index = (group.x + group.y * groups.x) * 64 + thread;
    if (index >= quads * p.band.rows) { return; }
    let n = p.band.n + group.z;
    let py = i32(p.band.y + index / quads);
    let px = i32(index % quads) * 4;

    let edge = i32(p.x.width);
    let row = at(p.x, n, 0, py, px);
    var sum: array<vec4<f32>, 4>;
    for (var i = 0u; i < p.x.channels; i++) {
        let s = style[p.style + n * p.style_n + i];
        let m = mat4x4<f32>(w[i * 4] * s.x, w[i * 4 + 1] * s.y, w[i * 4 + 2] * s.z, w[i * 4 + 3] * s.w);
        let c = row + i32(i) * p.x.c;
        sum[0] += m * widen(x[c]);
        sum[1] += m * widen(x[c + min(1, edge - px) * p.x.x]);
        sum[2] += m * widen(x[c + min(2, edge - px) * p.x.x]);
        sum[3] += m * widen(x[c + min(3, edge - px) * p.x.x]);
    }
    // A copy: what a loop variable indexes lives in memory, and the sums must stay in registers.
    var result = sum;
    for (var j = 0; j < 4; j++) {
        if (px + j < edge) {
            store(n, 0, py, px + j, clamp(result[j] + bias[0], vec4(-p.limit), vec4(p.limit)) + upsample(n, py, px + j));
        }
    }
}

fn upsample(n: u32, py: i32, px: i32) -> vec4<f32> {
    // Sample index before the factor of 2, for tap 0; taps of the other parity meet zeros.
    let y0 = py + TAPS - 1 - (TAPS + 1) / 2;
    let x0 = px + TAPS - 1 - (TAPS + 1) / 2;
    var sum = vec4<f32>();
    for (var k = y0 & 1; k < TAPS; k += 2) {
        var line = vec4<f32>();
        for (var l = x0 & 1; l < TAPS; l += 2) { line += skip[at(p.skip, n, 0, (y0 - k) >> 1u, (x0 - l) >> 1u)] * tap(l); }
        sum += line * tap(k);
    }
    return sum;
}

fn tap(k: i32) -> f32 {
    return p.taps[k / 4][k % 4];
}

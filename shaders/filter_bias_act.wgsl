// y = bias_act(2 f (*) 2 f (*) t, bias, noise): the low-pass filter after the transposed convolution, and the layer's tail.
//
// y[j] = 2 sum_k f[k] t[j + T/2 - k] on each axis. A thread owns 4 pixels of 2 rows and 4 channels: it reads T + 1 rows of T + 3
// groups (4.4 instead of 16 reads a pixel for the usual 4 taps), filters each along the row, and adds it to both.
struct Params {
    band: Band,
    t: Slab,
    y: Slab,
    act: BiasAct,
    taps: array<vec4<f32>, 4>,  // four zeros, 2 f of up to 8 taps, zeros
    taps_len: u32,
    pad0: u32, pad1: u32, pad2: u32,
}
override TAPS: i32 = 4;
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> t: array<elem4>;         // slab [N, O, 2H+1, 2W+1]
@group(0) @binding(2) var<storage, read> bias: array<vec4<f32>>;  // [O/4]
@group(0) @binding(3) var<storage, read> noise: array<vec4<f32>>; // [N or 1, 2H, 2W]
@group(0) @binding(4) var<storage, read_write> y: array<out4>;    // slab [N, O, 2H, 2W]

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let quads = (p.y.width + 3) / 4;
    let index = (group.x + group.y * groups.x) * 64 + thread;
    if (index >= quads * p.y.channels * ((p.band.rows + 1) / 2)) { return; }
    let px = i32(index % quads) * 4;
    let c = index / quads % p.y.channels;
    let py = i32(p.band.y + index / (quads * p.y.channels) * 2);
    let n = p.band.n + group.z;

    let first = px + TAPS / 2 - (TAPS - 1);
    // Columns past the right border and rows below the band repeat the last; they only feed pixels that are not stored.
    let last = i32(p.t.width) + p.t.border - 1 - first;
    let end = i32(p.band.y + p.band.rows);
    // Not arrays: what a loop variable indexes lives in memory, and the sums must stay in registers.
    var s0 = vec4<f32>();
    var s1 = vec4<f32>();
    var s2 = vec4<f32>();
    var s3 = vec4<f32>();
    var u0 = vec4<f32>();
    var u1 = vec4<f32>();
    var u2 = vec4<f32>();
    var u3 = vec4<f32>();
    for (var k = 0; k <= TAPS; k++) {
        let row = at(p.t, n, c, min(py + 1 - k, end - 1) + TAPS / 2, first);
        var r0 = vec4<f32>();
        var r1 = vec4<f32>();
        var r2 = vec4<f32>();
        var r3 = vec4<f32>();
        for (var l = 0; l < TAPS + 3; l++) {
            let v = widen(t[row + min(l, last) * p.t.x]);
            r0 += v * tap(TAPS - 1 - l);
            r1 += v * tap(TAPS - l);
            r2 += v * tap(TAPS + 1 - l);
            r3 += v * tap(TAPS + 2 - l);
        }
        let upper = tap(k - 1);
        s0 += r0 * upper;
        s1 += r1 * upper;
        s2 += r2 * upper;
        s3 += r3 * upper;
        let lower = tap(k);
        u0 += r0 * lower;
        u1 += r1 * lower;
        u2 += r2 * lower;
        u3 += r3 * lower;
    }
    let b = bias[c];
    finish(n, c, py, px, s0, b);
    finish(n, c, py, px + 1, s1, b);
    finish(n, c, py, px + 2, s2, b);
    finish(n, c, py, px + 3, s3, b);
    if (py + 1 < end) {
        finish(n, c, py + 1, px, u0, b);
        finish(n, c, py + 1, px + 1, u1, b);
        finish(n, c, py + 1, px + 2, u2, b);
        finish(n, c, py + 1, px + 3, u3, b);
    }
}

fn finish(n: u32, c: u32, py: i32, px: i32, sum: vec4<f32>, b: vec4<f32>) {
    if (px < i32(p.y.width)) {
        store(n, c, py, px, bias_act(p.act, sum, b, noise_at(n, py, px, p.y.width)));
    }
}

// 2 f[k]; 0 for k = -3, -2, -1 and beyond the filter.
fn tap(k: i32) -> f32 {
    return p.taps[(k + 4) / 4][(k + 4) % 4];
}

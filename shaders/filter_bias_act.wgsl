// y = bias_act(2 f (*) 2 f (*) t, bias, noise): the low-pass filter after the transposed convolution, and the layer's tail.
//
// y[j] = sum_d g[d] t[j + d] on each axis, g[d] = 2 f[T/2 - d], -3 <= d <= 4. A thread owns 4 pixels of ROWS (2 or 4) rows and 4 channels:
// it filters each of T + ROWS - 1 rows of t along the row and adds it to all of its own.
//
//     |    t-3 t-2 t-1|t0 t1 t2 t3|t4 t5 t6 t7|    a row of t, in fours of pixels; up to four taps reach from t-1 to t5
//                     |y0 y1 y2 y3|
struct Params {
    band: Band,
    t: Slab,
    y: Slab,
    act: BiasAct,
    taps: array<vec4<f32>, 3>,  // g[-3] to g[4], zeros
}
override TAPS: i32 = 4;
override ROWS: i32 = 2;
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> t: array<four>;           // slab [N, O, 2H+1, 2W+1]
@group(0) @binding(2) var<storage, read> bias: array<vec4<f32>>;   // [O/4]
@group(0) @binding(3) var<storage, read> noise: array<vec4<f32>>;  // [N or 1, 2H, 2W]
@group(0) @binding(4) var<storage, read_write> y: array<out_four>; // slab [N, O, 2H, 2W]

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    // Parameters are read here, once: behind a condition or in a loop, a processor reads them for every lane.
    let ts = p.t;
    let ys = p.y;
    let act = p.act;
    let band = p.band;
    let before = p.taps[0];
    let after = p.taps[1];
    let quads = (ys.width + 3) / 4;
    let index = (group.x + group.y * groups.x) * 64 + thread;
    if (index >= quads * ys.channels * ((band.rows + u32(ROWS) - 1) / u32(ROWS))) { return; }
    let px = i32(index % quads) * 4;
    let c = index / quads % ys.channels;
    let py = i32(band.y + index / (quads * ys.channels) * u32(ROWS));
    let end = i32(band.y + band.rows);
    let n = band.n + group.z;

    var s0: mat4x4<f32>;
    var s1: mat4x4<f32>;
    var s2: mat4x4<f32>;
    var s3: mat4x4<f32>;
    // g[r] and the coefficients of the three rows before.
    var g0 = 0.0;
    var g1 = 0.0;
    var g2 = 0.0;
    var g3 = 0.0;
    let first = TAPS / 2 - (TAPS - 1);
    var i = four_at(ts, n, c, py + first, px);
    for (var r = first; r <= TAPS / 2 + ROWS - 1; r++) {
        g3 = g2;
        g2 = g1;
        g1 = g0;
        g0 = p.taps[(r + 3) / 4][(r + 3) % 4];
        let row = along(i, before, after);
        s0 += row * g0;
        s1 += row * g1;
        s2 += row * g2;
        s3 += row * g3;
        // Below the rows that the band's last one needs, the last repeats; it only feeds rows that are not stored.
        i += select(0, ts.y >> 2u, py + r < end - 1 + TAPS / 2);
    }

    let b = bias[c];
    let o = four_at(ys, n, c, py, px);
    let step = ys.y >> 2u;
    finish(ys, act, n, o, py, px, end, s0, b);
    finish(ys, act, n, o + step, py + 1, px, end, s1, b);
    if (ROWS == 4) {
        finish(ys, act, n, o + 2 * step, py + 2, px, end, s2, b);
        finish(ys, act, n, o + 3 * step, py + 3, px, end, s3, b);
    }
    zero_border(ys, n, c, 1, py, px, min(ROWS, end - py), 4);
}

// The four pixels at i, filtered along the row.
fn along(i: i32, before: vec4<f32>, after: vec4<f32>) -> mat4x4<f32> {
    var l: mat4x4<f32>;
    let m = widen4(t[i]);
    var r: mat4x4<f32>;
    if (TAPS <= 4) {
        l[3] = widen(t[i - 1][3]);
        r[0] = widen(t[i + 1][0]);
        r[1] = widen(t[i + 1][1]);
    } else {
        l = widen4(t[i - 1]);
        r = widen4(t[i + 1]);
    }
    var sum = before.z * mat4x4<f32>(l[3], m[0], m[1], m[2]) + before.w * m
        + after.x * mat4x4<f32>(m[1], m[2], m[3], r[0]) + after.y * mat4x4<f32>(m[2], m[3], r[0], r[1]);
    if (TAPS > 4) {
        sum += before.x * mat4x4<f32>(l[1], l[2], l[3], m[0]) + before.y * mat4x4<f32>(l[2], l[3], m[0], m[1])
            + after.z * mat4x4<f32>(m[3], r[0], r[1], r[2]) + after.w * r;
    }
    return sum;
}

fn finish(s: Slab, act: BiasAct, n: u32, i: i32, py: i32, px: i32, end: i32, sum: mat4x4<f32>, b: vec4<f32>) {
    if (py < end) { store4(s, i, px, bias_act4(act, sum, b, noise_at4(act, n, py, px, s.width))); }
}

// y = [1,2,1]/4 (*) [1,1] (*) t on each axis: the low-pass filter after StyleGAN1's up-sampling convolution.
//
// The convolution of the image doubled by nearest neighbours is c[i] = t[i] + t[i+1] with t the stride-2 transposed one, and the
// blur y[j] = (c[j-1] + 2 c[j] + c[j+1]) / 4 = (t[j-1] + 3 t[j] + 3 t[j+1] + t[j+2]) / 4. The original cuts c to 2H x 2W before
// it blurs: c is zero outside, which is a t that continues beyond its edges with the sign turned. A thread owns 4 pixels of ROWS (2 or 4)
// rows and 4 channels: it filters each of ROWS + 3 rows of t along the row and adds it to all of its own.
//
//     |          t-1|t0 t1 t2 t3|t4 t5      |    a row of t, in fours of pixels
//                   |y0 y1 y2 y3|
struct Params {
    band: Band,
    t: Slab,
    y: Slab,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> t: array<four>;            // slab [N, O, 2H+1, 2W+1]
@group(0) @binding(2) var<storage, read_write> y: array<out_four>;  // slab [N, O, 2H, 2W]

override ROWS: i32 = 2;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    // Parameters are read here, once: behind a condition or in a loop, a processor reads them for every lane.
    let ts = p.t;
    let ys = p.y;
    let band = p.band;
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
    // The taps with which a row of t counts for the four rows.
    var g0 = 0.0;
    var g1 = 0.0;
    var g2 = 0.0;
    var g3 = 0.0;
    let last = i32(ts.height) - 1;
    let there = i32(ys.width) - px;
    var i = four_at(ts, n, c, max(py - 1, 0), px);
    for (var r = -1; r < ROWS + 2; r++) {
        g3 = g2;
        g2 = g1;
        g1 = g0;
        g0 = select(0.0, select(0.0625, 0.1875, r == 0 || r == 1), r < 3);
        let turned = select(1.0, -1.0, py + r < 0 || py + r > last);
        let row = along(i, px, there) * turned;
        s0 += row * g0;
        s1 += row * g1;
        s2 += row * g2;
        s3 += row * g3;
        // Beyond t's edges, and below the rows that the band's last one needs, a row repeats.
        let next = py + r + 1;
        i += select(0, ts.y >> 2u, next > 0 && next <= min(last, end + 1));
    }

    let o = four_at(ys, n, c, py, px);
    let step = ys.y >> 2u;
    finish(ys, o, py, px, end, s0);
    finish(ys, o + step, py + 1, px, end, s1);
    if (ROWS == 4) {
        finish(ys, o + 2 * step, py + 2, px, end, s2);
        finish(ys, o + 3 * step, py + 3, px, end, s3);
    }
    zero_border(ys, n, c, 1, py, px, min(ROWS, end - py), 4);
}

// The four pixels at i, of which t has one more than are there, filtered along the row.
fn along(i: i32, px: i32, there: i32) -> mat4x4<f32> {
    let left = t[select(i - 1, i, px == 0)];
    let m = widen4(t[i]);
    let right = t[select(i, i + 1, there > 3)];
    let before = select(widen(left[3]), -m[0], px == 0);
    let m3 = select(m[3], -m[2], there == 2);
    let after = widen(right[0]);
    let beyond = select(widen(right[1]), -after, there == 4);
    return mat4x4<f32>(
        before + 3.0 * (m[0] + m[1]) + m[2], m[0] + 3.0 * (m[1] + m[2]) + m3,
        m[1] + 3.0 * (m[2] + m3) + after, m[2] + 3.0 * (m3 + after) + beyond,
    );
}

fn finish(s: Slab, i: i32, py: i32, px: i32, end: i32, sum: mat4x4<f32>) {
    if (py < end) { store4(s, i, px, sum); }
}

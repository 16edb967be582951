// y = down-FIR(clamp(lrelu(up-FIR(x)) * gain)): StyleGAN3's activation at a higher sampling rate (Karras et al. 2021, section 3.2).
//
// A workgroup owns 58 columns and ROWS rows of y, four channels, and walks down the up-sampled signal, of which it keeps no more than
// two rows. A thread owns two columns of it: six rows of x, up-sampled along the row, stay in its registers. From them come two
// activated rows, which the threads exchange; a thread of the first 29 then filters its two columns of y along those rows and adds
// them to the six rows of y that they belong to, which stay in its registers, too. The oldest is finished.
//
//     up-sampled columns, two a thread     |0 1|2 3|4 5| ... |126 127|
//     columns of y, two a thread           |   0   1   |  ...  57  |    column o is under 2 o .. 2 o + 11
//
// A down-sampling filter that is not separable (config R) is a sum of PAIRS of filters that are.
struct Params {
    band: Band,
    x: Slab,
    y: Slab,
    first: vec2<i32>,  // zeros before the first sample of the up-sampled signal, along x and y; negative when it is cropped
    margin: i32,       // y has so many zeros as pixels of their own on every side
    factor: u32,       // of up-sampling, which is UP
    slope: f32,        // of the negative half
    gain: f32,
    limit: f32,        // clamp to +-limit; infinity: none
    pad: f32,
    up: array<vec4<f32>, 8>,     // [4 phases] of 6 taps, which meet the samples from the nearest on
    down: array<vec4<f32>, 72>,  // [12 pairs] of 12 taps along x and 12 along y
}
override UP: u32 = 2;
override PAIRS: u32 = 1;
override ROWS: u32 = 64;
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<elem4>;       // slab [N, C, H, W]
@group(0) @binding(2) var<storage, read_write> y: array<out4>;  // slab [N, C, H', W']

const THREADS = 64u;
const COLUMNS = 58u;
// [2 steps][2 rows][128 columns]: 8 KiB. A step writes one half while the slowest threads still read the other.
var<workgroup> activated: array<vec4<f32>, 512>;

// Two neighbouring columns.
struct Two { a: vec4<f32>, b: vec4<f32> }

// What a thread knows of its two up-sampled columns: the seven columns of x under them, and the taps these meet.
struct Columns { near: vec4<i32>, far: vec3<i32>, a0: vec4<f32>, a1: vec4<f32>, b0: vec4<f32>, b1: vec4<f32> }

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    // Parameters are read here, once: behind a condition or in a loop, a processor reads them for every lane.
    let xs = p.x;
    let ys = p.y;
    let margin = p.margin;
    let across = (ys.width + COLUMNS - 1) / COLUMNS;
    let n = p.band.n + group.z;
    let c = group.y;
    let left = i32(group.x % across * COLUMNS);
    let top = i32(p.band.y + group.x / across * ROWS);
    let end = min(top + i32(ROWS), i32(p.band.y + p.band.rows));
    let columns = columns_of(2 * (left - margin) + 2 * i32(thread), xs.width);
    let base = at(xs, n, c, 0, 0);

    // Six rows of x, the first of which is `row`, along the two columns.
    var row = nearest(2 * (top - margin), p.first.y) - 6;
    var h0: Two; var h1: Two; var h2: Two; var h3: Two; var h4: Two; var h5: Two;
    // Six rows of y, of which each step finishes the first.
    var y0: Two; var y1: Two; var y2: Two; var y3: Two; var y4: Two; var y5: Two;
    for (var step = 0; step < end - top + 5; step++) {
        let slot = u32(step & 1) * 256;
        for (var r = 0; r < 2; r++) {
            let t = 2 * (top - margin + step) + r;
            let wanted = nearest(t, p.first.y);
            for (; row < wanted; row++) {
                h0 = h1; h1 = h2; h2 = h3; h3 = h4; h4 = h5;
                h5 = Two();
                let below = row + 6;
                if (below >= 0 && below < i32(xs.height)) { h5 = along(base + below * xs.y, columns); }
            }
            let phase = phase_of(t, p.first.y);
            let u = p.up[2 * phase];
            let v = p.up[2 * phase + 1];
            let i = slot + u32(r) * 128 + 2 * thread;
            activated[i] = activate(h0.a * u.x + h1.a * u.y + h2.a * u.z + h3.a * u.w + h4.a * v.x + h5.a * v.y);
            activated[i + 1] = activate(h0.b * u.x + h1.b * u.y + h2.b * u.z + h3.b * u.w + h4.b * v.x + h5.b * v.y);
        }
        workgroupBarrier();
        if (thread < COLUMNS / 2) {
            for (var k = 0u; k < PAIRS; k++) {
                let even = filtered(slot + 4 * thread, 6 * k);
                let odd = filtered(slot + 128 + 4 * thread, 6 * k);
                let s = p.down[6 * k + 3];
                let t = p.down[6 * k + 4];
                let u = p.down[6 * k + 5];
                y0 = add(y0, even, u.z, odd, u.w);
                y1 = add(y1, even, u.x, odd, u.y);
                y2 = add(y2, even, t.z, odd, t.w);
                y3 = add(y3, even, t.x, odd, t.y);
                y4 = add(y4, even, s.z, odd, s.w);
                y5 = add(y5, even, s.x, odd, s.y);
            }
            let py = top + step - 5;
            let px = left + 2 * i32(thread);
            if (step >= 5 && px < i32(ys.width)) {
                finish(ys, n, c, py, px, y0.a);
                if (px + 1 < i32(ys.width)) { finish(ys, n, c, py, px + 1, y0.b); }
            }
            y0 = y1; y1 = y2; y2 = y3; y3 = y4; y4 = y5;
            y5 = Two();
        }
    }
}

// The first sample that meets a tap at t of the up-sampled signal: (t - first) / UP, rounded up. UP is 1, 2 or 4.
fn nearest(t: i32, first: i32) -> i32 { return (t - first + i32(UP) - 1) >> (UP >> 1u); }

// Which of the taps meet samples there.
fn phase_of(t: i32, first: i32) -> i32 { return (first - t) & (i32(UP) - 1); }

// Of the two columns from t on. Samples outside of x count as zero, by their taps; the nearest inside is read in their place.
fn columns_of(t: i32, width: u32) -> Columns {
    let n = nearest(t, p.first.x);
    let last = i32(width) - 1;
    let near = vec4(n, n + 1, n + 2, n + 3);
    let far = vec3(n + 4, n + 5, n + 6);
    let a = phase_of(t, p.first.x);
    let b = phase_of(t + 1, p.first.x);
    let there0 = select(vec4(0.0), vec4(1.0), (near >= vec4(0)) & (near <= vec4(last)));
    let there1 = select(vec3(0.0), vec3(1.0), (far >= vec3(0)) & (far <= vec3(last)));
    // The second column begins at the same sample or at the next.
    let later = nearest(t + 1, p.first.x) > n;
    let b0 = p.up[2 * b];
    let b1 = p.up[2 * b + 1];
    return Columns(
        clamp(near, vec4(0), vec4(last)), clamp(far, vec3(0), vec3(last)),
        p.up[2 * a] * there0, p.up[2 * a + 1] * vec4(there1, 0.0),
        select(b0, vec4(0.0, b0.xyz), later) * there0, select(b1, vec4(b0.w, b1.xyz), later) * vec4(there1, 0.0),
    );
}

// Both columns of the row of x that begins at i.
fn along(i: i32, c: Columns) -> Two {
    let s0 = widen(x[i + c.near.x]);
    let s1 = widen(x[i + c.near.y]);
    let s2 = widen(x[i + c.near.z]);
    let s3 = widen(x[i + c.near.w]);
    let s4 = widen(x[i + c.far.x]);
    let s5 = widen(x[i + c.far.y]);
    let s6 = widen(x[i + c.far.z]);
    return Two(
        s0 * c.a0.x + s1 * c.a0.y + s2 * c.a0.z + s3 * c.a0.w + s4 * c.a1.x + s5 * c.a1.y,
        s0 * c.b0.x + s1 * c.b0.y + s2 * c.b0.z + s3 * c.b0.w + s4 * c.b1.x + s5 * c.b1.y + s6 * c.b1.z,
    );
}

fn activate(v: vec4<f32>) -> vec4<f32> {
    return limited(select(v * p.slope, v, v >= vec4(0.0)) * p.gain, p.limit);
}

// Two columns of y along the activated row from i on, by the 12 taps at k.
fn filtered(i: u32, k: u32) -> Two {
    let f = p.down[k];
    let g = p.down[k + 1];
    let h = p.down[k + 2];
    let a0 = activated[i];
    let a1 = activated[i + 1];
    var two = Two(a0 * f.x + a1 * f.y, vec4<f32>());
    two = taken(two, i + 2, f.z, f.w, f.x, f.y);
    two = taken(two, i + 4, g.x, g.y, f.z, f.w);
    two = taken(two, i + 6, g.z, g.w, g.x, g.y);
    two = taken(two, i + 8, h.x, h.y, g.z, g.w);
    two = taken(two, i + 10, h.z, h.w, h.x, h.y);
    return taken(two, i + 12, 0.0, 0.0, h.z, h.w);
}

// ... and two activated columns more, for both of which both columns of y have taps.
fn taken(sum: Two, i: u32, a0: f32, a1: f32, b0: f32, b1: f32) -> Two {
    let u = activated[i];
    let v = activated[i + 1];
    return Two(sum.a + u * a0 + v * a1, sum.b + u * b0 + v * b1);
}

fn add(sum: Two, even: Two, a: f32, odd: Two, b: f32) -> Two {
    return Two(sum.a + even.a * a + odd.a * b, sum.b + even.b * a + odd.b * b);
}

// Stores a pixel; those of the margin are zero.
fn finish(s: Slab, n: u32, c: u32, py: i32, px: i32, v: vec4<f32>) {
    let inside = py >= p.margin && px >= p.margin && py < i32(s.height) - p.margin && px < i32(s.width) - p.margin;
    store(n, c, py, px, select(vec4<f32>(), v, inside));
}

// y = down-FIR(clamp(lrelu(up-FIR(x)) * gain)): StyleGAN3's activation at a higher sampling rate (Karras et al. 2021, section 3.2).
//
// A workgroup owns 58 columns and ROWS rows of y, four channels, and walks down the up-sampled signal, of which it keeps no more than
// two rows. A thread owns a column of it: six rows of x, up-sampled along the row, stay in its registers. From them come two activated
// rows, which the threads exchange; a thread of the first 58 then filters its column of y along those rows and adds it to the six rows
// of y that they belong to, which stay in its registers, too. The oldest is finished.
//
//     up-sampled columns, one a thread     |0|1|2|3|4|5| ... |127|
//     columns of y                         | 0 | 1 | 2 | ... |         column o is under 2 o .. 2 o + 11
//
// A down-sampling filter that is not separable (config R) is a sum of filters that are. How many is no constant: compilers unroll loops to
// one, and then keep what all filters read, more than they have registers.
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
    pairs: u32,        // how many of `down` there are
    up: array<vec4<f32>, 8>,     // [4 phases] of 6 taps, which meet the samples from the nearest on
    down: array<vec4<f32>, 72>,  // [12 pairs] of 12 taps along x and 12 along y
}
override UP: u32 = 2;
override ROWS: u32 = 64;
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<elem4>;       // slab [N, C, H, W]
@group(0) @binding(2) var<storage, read_write> y: array<out4>;  // slab [N, C, H', W']

const COLUMNS = 58u;
// [2 steps][2 rows][128 columns]: 8 KiB. A step writes one half while the slowest threads still read the other.
var<workgroup> activated: array<vec4<f32>, 512>;

// What a thread knows of its up-sampled column: the six columns of x under it, and the taps these meet.
struct Column { near: vec4<i32>, far: vec2<i32>, a: vec4<f32>, b: vec2<f32> }

@compute @workgroup_size(128)
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
    let column = column_of(2 * (left - margin) + i32(thread), xs.width);
    let base = at(xs, n, c, 0, 0);

    // Six rows of x, the first of which is `row`, along the column.
    var row = nearest(2 * (top - margin), p.first.y) - 6;
    var h0: vec4<f32>; var h1: vec4<f32>; var h2: vec4<f32>; var h3: vec4<f32>; var h4: vec4<f32>; var h5: vec4<f32>;
    // Six rows of y, of which each step finishes the first.
    var y0: vec4<f32>; var y1: vec4<f32>; var y2: vec4<f32>; var y3: vec4<f32>; var y4: vec4<f32>; var y5: vec4<f32>;
    for (var step = 0; step < end - top + 5; step++) {
        let slot = u32(step & 1) * 256;
        for (var r = 0; r < 2; r++) {
            let t = 2 * (top - margin + step) + r;
            let wanted = nearest(t, p.first.y);
            for (; row < wanted; row++) {
                h0 = h1; h1 = h2; h2 = h3; h3 = h4; h4 = h5;
                h5 = vec4<f32>();
                let below = row + 6;
                if (below >= 0 && below < i32(xs.height)) { h5 = along(base + below * xs.y, column); }
            }
            let phase = phase_of(t, p.first.y);
            let u = p.up[2 * phase];
            let v = p.up[2 * phase + 1];
            activated[slot + u32(r) * 128 + thread] = activate(h0 * u.x + h1 * u.y + h2 * u.z + h3 * u.w + h4 * v.x + h5 * v.y);
        }
        workgroupBarrier();
        if (thread < COLUMNS) {
            // Filter by filter, the even row and the odd one.
            for (var k = 0u; k < 2 * p.pairs; k++) {
                let odd = (k & 1) == 1;
                let first = 6 * (k >> 1u);
                let s = p.down[first + 3];
                let t = p.down[first + 4];
                let u = p.down[first + 5];
                let v = filtered(slot + select(0u, 128u, odd) + 2 * thread, first);
                y0 += v * select(u.z, u.w, odd);
                y1 += v * select(u.x, u.y, odd);
                y2 += v * select(t.z, t.w, odd);
                y3 += v * select(t.x, t.y, odd);
                y4 += v * select(s.z, s.w, odd);
                y5 += v * select(s.x, s.y, odd);
            }
            let px = left + i32(thread);
            if (step >= 5 && px < i32(ys.width)) { finish(ys, n, c, top + step - 5, px, y0); }
            y0 = y1; y1 = y2; y2 = y3; y3 = y4; y4 = y5;
            y5 = vec4<f32>();
        }
    }
}

// The first sample that meets a tap at t of the up-sampled signal: (t - first) / UP, rounded up. UP is 1, 2 or 4.
fn nearest(t: i32, first: i32) -> i32 { return (t - first + i32(UP) - 1) >> (UP >> 1u); }

// Which of the taps meet samples there.
fn phase_of(t: i32, first: i32) -> i32 { return (first - t) & (i32(UP) - 1); }

// Of column t. Samples outside of x count as zero, by their taps; the nearest inside is read in their place.
fn column_of(t: i32, width: u32) -> Column {
    let n = nearest(t, p.first.x);
    let last = i32(width) - 1;
    let near = vec4(n, n + 1, n + 2, n + 3);
    let far = vec2(n + 4, n + 5);
    let phase = phase_of(t, p.first.x);
    return Column(
        clamp(near, vec4(0), vec4(last)), clamp(far, vec2(0), vec2(last)),
        select(vec4(0.0), p.up[2 * phase], (near >= vec4(0)) & (near <= vec4(last))),
        select(vec2(0.0), p.up[2 * phase + 1].xy, (far >= vec2(0)) & (far <= vec2(last))),
    );
}

// The column of the row of x that begins at i.
fn along(i: i32, c: Column) -> vec4<f32> {
    return widen(x[i + c.near.x]) * c.a.x + widen(x[i + c.near.y]) * c.a.y + widen(x[i + c.near.z]) * c.a.z
        + widen(x[i + c.near.w]) * c.a.w + widen(x[i + c.far.x]) * c.b.x + widen(x[i + c.far.y]) * c.b.y;
}

fn activate(v: vec4<f32>) -> vec4<f32> {
    return limited(select(v * p.slope, v, v >= vec4(0.0)) * p.gain, p.limit);
}

// A column of y along the activated row from i on, by the 12 taps at k.
fn filtered(i: u32, k: u32) -> vec4<f32> {
    let f = p.down[k];
    let g = p.down[k + 1];
    let h = p.down[k + 2];
    return activated[i] * f.x + activated[i + 1] * f.y + activated[i + 2] * f.z + activated[i + 3] * f.w
        + activated[i + 4] * g.x + activated[i + 5] * g.y + activated[i + 6] * g.z + activated[i + 7] * g.w
        + activated[i + 8] * h.x + activated[i + 9] * h.y + activated[i + 10] * h.z + activated[i + 11] * h.w;
}

// Stores a pixel; those of the margin are zero.
fn finish(s: Slab, n: u32, c: u32, py: i32, px: i32, v: vec4<f32>) {
    let inside = py >= p.margin && px >= p.margin && py < i32(s.height) - p.margin && px < i32(s.width) - p.margin;
    store(n, c, py, px, select(vec4<f32>(), v, inside));
}

// y = down-FIR(clamp(lrelu(up-FIR(x)) * gain)): StyleGAN3's activation at a higher sampling rate, for software adapters.
//
// The walk of filtered_lrelu.wgsl with wide threads, because what is expensive there is loads: a thread owns 8 up-sampled columns, for
// which ten of x serve, and of the exchanged rows reads 18 columns for 4 of y. Sixteen threads, of which 14 have columns of y. All that
// is the same for all of them is read once, at the top; up-sampling by 2 and by 4, and up to 4 pairs of filters.
//
//     x            |s0 s1 s2 s3 s4 s5 s6 s7 s8 s9|      for 8 columns, of which the last four have the taps of the first
//     up-sampled   |0 1 2 3|4 5 6 7|                    2 (up 2) or 1 (up 4) columns of x further
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
override PAIRS: u32 = 1;
override ROWS: u32 = 64;
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<elem4>;       // slab [N, C, H, W]
@group(0) @binding(2) var<storage, read_write> y: array<out4>;  // slab [N, C, H', W']

const COLUMNS = 56u;
// [2 steps][2 rows][64 pairs of columns]: 8 KiB. A step writes one half while slower threads still read the other.
var<workgroup> activated: array<pair, 256>;

// Eight neighbouring columns.
struct Eight { a: mat4x4<f32>, b: mat4x4<f32> }

// Eight taps.
struct Taps { near: vec4<f32>, far: vec4<f32> }

// The taps of four columns: those of 0 meet the samples from the first on.
struct Four { c0: Taps, c1: Taps, c2: Taps, c3: Taps }

// Twelve taps along x and y of a pair of filters.
struct Pair { x0: vec4<f32>, x1: vec4<f32>, x2: vec4<f32>, y0: vec4<f32>, y1: vec4<f32>, y2: vec4<f32> }

// Ten columns of x: where they are, and 0 for those outside.
struct Spots { near: vec4<i32>, far: vec4<i32>, last: vec2<i32>, near_there: vec4<f32>, far_there: vec4<f32>, last_there: vec2<f32> }

// Four columns of the six rows of y that the walk is at.
struct Sums { s0: mat4x4<f32>, s1: mat4x4<f32>, s2: mat4x4<f32>, s3: mat4x4<f32>, s4: mat4x4<f32>, s5: mat4x4<f32> }

@compute @workgroup_size(16)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    // Parameters are read here, once: behind a condition or in a loop, a processor reads them for every lane.
    let xs = p.x;
    let ys = p.y;
    let margin = p.margin;
    let first = p.first;
    let act = vec3(p.slope, p.gain, p.limit);
    let across = (ys.width + COLUMNS - 1) / COLUMNS;
    let n = p.band.n + group.z;
    let c = group.y;
    let left = i32(group.x % across * COLUMNS);
    let top = i32(p.band.y + group.x / across * ROWS);
    let end = min(top + i32(ROWS), i32(p.band.y + p.band.rows));
    let base = at(xs, n, c, 0, 0);
    let height = i32(xs.height);
    let d0 = pair_of(0);
    let d1 = pair_of(1);
    let d2 = pair_of(2);
    let d3 = pair_of(3);

    // Of the columns: phases are the same for all threads, since 8 is a multiple of the factor.
    let tx = 2 * (left - margin);
    let nx = nearest(tx, first.x);
    let along = Four(
        taps(tx, first.x, 0), taps(tx + 1, first.x, nearest(tx + 1, first.x) - nx),
        taps(tx + 2, first.x, nearest(tx + 2, first.x) - nx), taps(tx + 3, first.x, nearest(tx + 3, first.x) - nx),
    );
    let spots = spots_of(nx + i32(thread * 8 / UP), i32(xs.width));

    // Of the rows: two steps have the taps of all phases.
    let ty = 2 * (top - margin);
    let ny = nearest(ty, first.y);
    let ny2 = nearest(ty + 2, first.y);
    let even0 = taps(ty, first.y, 0);
    let even1 = taps(ty + 1, first.y, nearest(ty + 1, first.y) - ny);
    let odd0 = taps(ty + 2, first.y, 0);
    let odd1 = taps(ty + 3, first.y, nearest(ty + 3, first.y) - ny2);
    let even_advance = ny2 - ny;
    let odd_advance = nearest(ty + 4, first.y) - ny2;

    // Seven rows of x, up-sampled along the row, of which `row` is the first.
    var row = ny - 7;
    var h0: Eight; var h1: Eight; var h2: Eight; var h3: Eight; var h4: Eight; var h5: Eight; var h6: Eight;
    for (var i = 0; i < 7; i++) {
        h0 = h1; h1 = h2; h2 = h3; h3 = h4; h4 = h5; h5 = h6;
        row += 1;
        h6 = line(base, xs.y, row + 6, height, spots, along);
    }
    var sums: Sums;
    for (var step = 0; step < end - top + 5; step++) {
        let odd = (step & 1) == 1;
        let slot = u32(step & 1) * 128 + thread * 4;
        let t0 = Taps(select(even0.near, odd0.near, odd), select(even0.far, odd0.far, odd));
        let t1 = Taps(select(even1.near, odd1.near, odd), select(even1.far, odd1.far, odd));
        exchange(slot, down_rows(h0, h1, h2, h3, h4, h5, h6, t0), act);
        exchange(slot + 64, down_rows(h0, h1, h2, h3, h4, h5, h6, t1), act);
        workgroupBarrier();
        if (thread < COLUMNS / 4) {
            let e = u32(step & 1) * 128 + thread * 4;
            sums = added(sums, e, d0, d1, d2, d3);
            let py = top + step - 5;
            let px = left + 4 * i32(thread);
            if (step >= 5) {
                finish(ys, margin, n, c, py, px, sums.s0[0]);
                finish(ys, margin, n, c, py, px + 1, sums.s0[1]);
                finish(ys, margin, n, c, py, px + 2, sums.s0[2]);
                finish(ys, margin, n, c, py, px + 3, sums.s0[3]);
            }
            sums = Sums(sums.s1, sums.s2, sums.s3, sums.s4, sums.s5, mat4x4<f32>());
        }
        // Up-sampling by 4 stays at its rows every other step: the last of them is read again then.
        let advance = select(even_advance, odd_advance, odd);
        row += advance;
        let next = line(base, xs.y, row + 6, height, spots, along);
        if (UP == 2) {
            h0 = h1; h1 = h2; h2 = h3; h3 = h4; h4 = h5; h5 = h6;
        } else {
            let on = advance == 1;
            h0 = chosen(h0, h1, on); h1 = chosen(h1, h2, on); h2 = chosen(h2, h3, on);
            h3 = chosen(h3, h4, on); h4 = chosen(h4, h5, on); h5 = chosen(h5, h6, on);
        }
        h6 = next;
    }
}

// The first sample that meets a tap at t of the up-sampled signal: (t - first) / UP, rounded up.
fn nearest(t: i32, first: i32) -> i32 { return (t - first + i32(UP) - 1) >> (UP >> 1u); }

// What the samples from `before` before the nearest one on count at t.
fn taps(t: i32, first: i32, before: i32) -> Taps {
    let phase = u32((first - t) & (i32(UP) - 1));
    let u = p.up[2 * phase];
    let v = p.up[2 * phase + 1];
    let near = select(u, vec4(0.0, u.xyz), before >= 1);
    let far = select(v, vec4(u.w, v.xyz), before >= 1);
    return Taps(select(near, vec4(0.0, near.xyz), before >= 2), select(far, vec4(near.w, far.xyz), before >= 2));
}

fn pair_of(k: u32) -> Pair {
    let i = 6 * k;
    return Pair(p.down[i], p.down[i + 1], p.down[i + 2], p.down[i + 3], p.down[i + 4], p.down[i + 5]);
}

// Ten columns from n on; those outside of x are the nearest inside, and count as zero.
fn spots_of(n: i32, width: i32) -> Spots {
    let near = vec4(n, n + 1, n + 2, n + 3);
    let far = near + vec4(4);
    let last = vec2(n + 8, n + 9);
    let end = width - 1;
    return Spots(
        clamp(near, vec4(0), vec4(end)), clamp(far, vec4(0), vec4(end)), clamp(last, vec2(0), vec2(end)),
        select(vec4(0.0), vec4(1.0), (near >= vec4(0)) & (near <= vec4(end))),
        select(vec4(0.0), vec4(1.0), (far >= vec4(0)) & (far <= vec4(end))),
        select(vec2(0.0), vec2(1.0), (last >= vec2(0)) & (last <= vec2(end))),
    );
}

// A row of x at the eight columns; zero outside.
fn line(base: i32, stride: i32, row: i32, height: i32, spots: Spots, t: Four) -> Eight {
    let i = base + clamp(row, 0, height - 1) * stride;
    let there = select(0.0, 1.0, row >= 0 && row < height);
    let near = spots.near_there * there;
    let far = spots.far_there * there;
    let s0 = widen(x[i + spots.near.x]) * near.x;
    let s1 = widen(x[i + spots.near.y]) * near.y;
    let s2 = widen(x[i + spots.near.z]) * near.z;
    let s3 = widen(x[i + spots.near.w]) * near.w;
    let s4 = widen(x[i + spots.far.x]) * far.x;
    let s5 = widen(x[i + spots.far.y]) * far.y;
    let s6 = widen(x[i + spots.far.z]) * far.z;
    let s7 = widen(x[i + spots.far.w]) * far.w;
    let s8 = widen(x[i + spots.last.x]) * (spots.last_there.x * there);
    let a = mat4x4<f32>(
        eight(s0, s1, s2, s3, s4, s5, s6, s7, t.c0), eight(s0, s1, s2, s3, s4, s5, s6, s7, t.c1),
        eight(s0, s1, s2, s3, s4, s5, s6, s7, t.c2), eight(s0, s1, s2, s3, s4, s5, s6, s7, t.c3),
    );
    if (UP == 4) {
        return Eight(a, mat4x4<f32>(
            eight(s1, s2, s3, s4, s5, s6, s7, s8, t.c0), eight(s1, s2, s3, s4, s5, s6, s7, s8, t.c1),
            eight(s1, s2, s3, s4, s5, s6, s7, s8, t.c2), eight(s1, s2, s3, s4, s5, s6, s7, s8, t.c3),
        ));
    }
    let s9 = widen(x[i + spots.last.y]) * (spots.last_there.y * there);
    return Eight(a, mat4x4<f32>(
        eight(s2, s3, s4, s5, s6, s7, s8, s9, t.c0), eight(s2, s3, s4, s5, s6, s7, s8, s9, t.c1),
        eight(s2, s3, s4, s5, s6, s7, s8, s9, t.c2), eight(s2, s3, s4, s5, s6, s7, s8, s9, t.c3),
    ));
}

fn eight(
    a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32>, e: vec4<f32>, f: vec4<f32>, g: vec4<f32>, h: vec4<f32>, t: Taps,
) -> vec4<f32> {
    return a * t.near.x + b * t.near.y + c * t.near.z + d * t.near.w + e * t.far.x + f * t.far.y + g * t.far.z + h * t.far.w;
}

// The seven rows with their taps: a row of the up-sampled signal.
fn down_rows(h0: Eight, h1: Eight, h2: Eight, h3: Eight, h4: Eight, h5: Eight, h6: Eight, t: Taps) -> Eight {
    return Eight(
        h0.a * t.near.x + h1.a * t.near.y + h2.a * t.near.z + h3.a * t.near.w + h4.a * t.far.x + h5.a * t.far.y + h6.a * t.far.z,
        h0.b * t.near.x + h1.b * t.near.y + h2.b * t.near.z + h3.b * t.near.w + h4.b * t.far.x + h5.b * t.far.y + h6.b * t.far.z,
    );
}

fn chosen(a: Eight, b: Eight, second: bool) -> Eight {
    return Eight(chosen4(a.a, b.a, second), chosen4(a.b, b.b, second));
}
fn chosen4(a: mat4x4<f32>, b: mat4x4<f32>, second: bool) -> mat4x4<f32> {
    return mat4x4<f32>(select(a[0], b[0], second), select(a[1], b[1], second), select(a[2], b[2], second), select(a[3], b[3], second));
}

// act: slope of the negative half, gain, limit.
fn activate(v: vec4<f32>, act: vec3<f32>) -> vec4<f32> {
    return limited(select(v * act.x, v, v >= vec4(0.0)) * act.y, act.z);
}

// Eight columns, activated, for the others to read.
fn exchange(i: u32, v: Eight, act: vec3<f32>) {
    activated[i] = paired(activate(v.a[0], act), activate(v.a[1], act));
    activated[i + 1] = paired(activate(v.a[2], act), activate(v.a[3], act));
    activated[i + 2] = paired(activate(v.b[0], act), activate(v.b[1], act));
    activated[i + 3] = paired(activate(v.b[2], act), activate(v.b[3], act));
}

// Eighteen activated columns.
struct Row { a: mat4x4<f32>, b: mat4x4<f32>, c: mat4x4<f32>, d: mat4x4<f32>, y: vec4<f32>, z: vec4<f32> }

fn row_at(i: u32) -> Row {
    let p0 = activated[i];
    let p1 = activated[i + 1];
    let p2 = activated[i + 2];
    let p3 = activated[i + 3];
    let p4 = activated[i + 4];
    let p5 = activated[i + 5];
    let p6 = activated[i + 6];
    let p7 = activated[i + 7];
    let p8 = activated[i + 8];
    return Row(
        mat4x4<f32>(column0(p0), column1(p0), column0(p1), column1(p1)), mat4x4<f32>(column0(p2), column1(p2), column0(p3), column1(p3)),
        mat4x4<f32>(column0(p4), column1(p4), column0(p5), column1(p5)), mat4x4<f32>(column0(p6), column1(p6), column0(p7), column1(p7)),
        column0(p8), column1(p8),
    );
}

// Four columns of y along an activated row.
fn filtered(r: Row, q: Pair) -> mat4x4<f32> {
    return mat4x4<f32>(
        r.a * q.x0 + r.b * q.x1 + r.c * q.x2,
        mat4x4<f32>(r.a[2], r.a[3], r.b[0], r.b[1]) * q.x0 + mat4x4<f32>(r.b[2], r.b[3], r.c[0], r.c[1]) * q.x1
            + mat4x4<f32>(r.c[2], r.c[3], r.d[0], r.d[1]) * q.x2,
        r.b * q.x0 + r.c * q.x1 + r.d * q.x2,
        mat4x4<f32>(r.b[2], r.b[3], r.c[0], r.c[1]) * q.x0 + mat4x4<f32>(r.c[2], r.c[3], r.d[0], r.d[1]) * q.x1
            + mat4x4<f32>(r.d[2], r.d[3], r.y, r.z) * q.x2,
    );
}

// The sums with both activated rows, the first of which begins at i.
fn added(sums: Sums, i: u32, d0: Pair, d1: Pair, d2: Pair, d3: Pair) -> Sums {
    let even = row_at(i);
    let odd = row_at(i + 64);
    var result = plus(sums, even, odd, d0);
    if (PAIRS > 1) { result = plus(result, even, odd, d1); }
    if (PAIRS > 2) { result = plus(result, even, odd, d2); }
    if (PAIRS > 3) { result = plus(result, even, odd, d3); }
    return result;
}

fn plus(s: Sums, even: Row, odd: Row, q: Pair) -> Sums {
    let e = filtered(even, q);
    let o = filtered(odd, q);
    return Sums(
        s.s0 + e * q.y2.z + o * q.y2.w, s.s1 + e * q.y2.x + o * q.y2.y, s.s2 + e * q.y1.z + o * q.y1.w,
        s.s3 + e * q.y1.x + o * q.y1.y, s.s4 + e * q.y0.z + o * q.y0.w, s.s5 + e * q.y0.x + o * q.y0.y,
    );
}

// Stores a pixel, if it is in the image; those of the margin are zero.
fn finish(s: Slab, margin: i32, n: u32, c: u32, py: i32, px: i32, v: vec4<f32>) {
    let inside = py >= margin && px >= margin && py < i32(s.height) - margin && px < i32(s.width) - margin;
    if (px < i32(s.width)) { store(n, c, py, px, select(vec4<f32>(), v, inside)); }
}

// y[o] = bias_act(demod[o] * sum_i W[o,i] (*) (style[i] * x[i]), bias[o], noise): 3x3 in f16, for software adapters.
//
// Winograd's F(4, 3) along the rows (Lavin 2016, arXiv 1509.09308, section 4.3): four neighbouring pixels of a row from six
// products instead of twelve, because a filter row and a row segment of x are polynomials whose product is known from six points:
//
//     y0 .. y3 = A sum_i,k (G w[i,k]) . (B x[i,k])        x0 .. x5 around four pixels, points 0, 1, -1, 2, -2 and infinity
//
// The sums stay in the domain of the points; A comes once, at the end. A workgroup is one subgroup of 8 lanes. A lane owns 4 pixels
// of 2 rows and 16 output channels: a row of x is transformed once for both, and the 8 lanes transform the 16 x 4 weights of a filter
// row together, times the style, and hand them around (prelude/columns.wgsl).
//
//     |       x0|x1 x2 x3 x4|x5       |    row k - 1 of the first ... | a filter row over it is shared by
//     |       x0|x1 x2 x3 x4|x5       |    ... row k - 1 of the second | both rows: 6 points x 16 outputs
struct Params {
    band: Band,
    x: Slab,
    y: Slab,
    act: BiasAct,
    style: u32,    // first group of this layer in `style` ...
    style_n: u32,  // ... and groups per image
    demod: u32,
    demod_n: u32,
}
override KERNEL: i32 = 3;
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<four>;           // slab [N, I, H, W]
@group(0) @binding(2) var<storage, read> w: array<pair>;           // [O/16, I/4, k, k, 4, 2 pairs of inputs] of 4 outputs
@group(0) @binding(3) var<storage, read> style: array<vec2<f32>>;  // [N, all layers' I/2]
@group(0) @binding(4) var<storage, read> demod: array<vec4<f32>>;  // [N, all layers' O/4]
@group(0) @binding(5) var<storage, read> bias: array<vec4<f32>>;   // [O/16 * 4]
@group(0) @binding(6) var<storage, read> noise: array<vec4<f32>>;  // [N or 1, H, W]
@group(0) @binding(7) var<storage, read_write> y: array<out_four>; // slab [N, O, H, W]

// Values at the six points.
struct Points { zero: vec4<f32>, one: vec4<f32>, minus_one: vec4<f32>, two: vec4<f32>, minus_two: vec4<f32>, infinity: vec4<f32> }

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    // Parameters are read here, once: behind a condition or in a loop, a processor reads them for every lane.
    let xs = p.x;
    let ys = p.y;
    let act = p.act;
    let quads = (xs.width + 3) / 4;
    let index = (group.x + group.z / p.band.images * groups.x) * 8 + lane;
    // Lanes beyond the end repeat the last pixels: a subgroup must stay together.
    let tile = min(index, quads * ((p.band.rows + 1) / 2) - 1);
    let n = p.band.n + group.z % p.band.images;
    let py = i32(p.band.y + tile / quads * 2);
    let px = i32(tile % quads) * 4;
    let block = group.y;
    let demods = p.demod + n * p.demod_n;

    // Rows below the band repeat the one under it; they only feed sums that are not stored.
    let end = i32(p.band.y + p.band.rows);

    var s0: array<vec4<f32>, 8>;  // at zero: [4 groups of outputs][2 rows] ...
    var s1: array<vec4<f32>, 8>;  // ... at one ...
    var s2: array<vec4<f32>, 8>;
    var s3: array<vec4<f32>, 8>;
    var s4: array<vec4<f32>, 8>;
    var s5: array<vec4<f32>, 8>;
    let channels = xs.channels;
    var column = four_at(xs, n, 0, py - 1, px);
    var factors = (p.style + n * p.style_n) * 2 + lane % 2;
    var tap = block * channels * 72 + lane;
    for (var i = 0u; i < channels; i++) {
        let s = style[factors];
        var row = column;
        var upper = pixels(row);
        for (var k = 0; k < KERNEL; k++) {
            row += select(xs.y >> 2u, 0, py + k > end);
            let lower = pixels(row);
            let w0 = w[tap];
            let w1 = w[tap + 8];
            let w2 = w[tap + 16];
            let a = weights(column0(w0) * s.x, column0(w1) * s.x, column0(w2) * s.x);
            let b = weights(column1(w0) * s.y, column1(w1) * s.y, column1(w2) * s.y);
            multiply_add(&s0, a.zero, b.zero, upper.zero, lower.zero);
            multiply_add(&s1, a.one, b.one, upper.one, lower.one);
            multiply_add(&s2, a.minus_one, b.minus_one, upper.minus_one, lower.minus_one);
            multiply_add(&s3, a.two, b.two, upper.two, lower.two);
            multiply_add(&s4, a.minus_two, b.minus_two, upper.minus_two, lower.minus_two);
            multiply_add(&s5, a.infinity, b.infinity, upper.infinity, lower.infinity);
            upper = lower;
            tap += 24u;
        }
        column += xs.c >> 2u;
        factors += 2u;
    }

    let sums = array(
        inverse(s0[0], s1[0], s2[0], s3[0], s4[0], s5[0]), inverse(s0[1], s1[1], s2[1], s3[1], s4[1], s5[1]),
        inverse(s0[2], s1[2], s2[2], s3[2], s4[2], s5[2]), inverse(s0[3], s1[3], s2[3], s3[3], s4[3], s5[3]),
        inverse(s0[4], s1[4], s2[4], s3[4], s4[4], s5[4]), inverse(s0[5], s1[5], s2[5], s3[5], s4[5], s5[5]),
        inverse(s0[6], s1[6], s2[6], s3[6], s4[6], s5[6]), inverse(s0[7], s1[7], s2[7], s3[7], s4[7], s5[7]),
    );
    finish(ys, act, demods, n, block, py, px, index == tile, end, sums);
}

// B x0 .. x5, around the four pixels at i.
fn pixels(i: i32) -> Points {
    let x0 = widen(x[i - 1][3]);
    let m = widen4(x[i]);
    let x5 = widen(x[i + 1][0]);
    let even = m[3] - 4 * m[1];
    let odd = m[2] - 4 * m[0];
    let even2 = m[3] - m[1];
    let odd2 = 2 * (m[2] - m[0]);
    return Points(4 * (x0 - m[1]) + even2, even + odd, even - odd, even2 + odd2, even2 - odd2, 4 * (m[0] - m[2]) + x5 - m[2]);
}

// A, back from the points to four pixels.
fn inverse(zero: vec4<f32>, one: vec4<f32>, minus_one: vec4<f32>, two: vec4<f32>, minus_two: vec4<f32>, infinity: vec4<f32>) -> mat4x4<f32> {
    let even = one + minus_one;
    let odd = one - minus_one;
    let even2 = two + minus_two;
    let odd2 = two - minus_two;
    return mat4x4<f32>(zero + even + even2, odd + 2 * odd2, even + 4 * even2, odd + 8 * odd2 + infinity);
}

// G w0 .. w2.
fn weights(w0: vec4<f32>, w1: vec4<f32>, w2: vec4<f32>) -> Points {
    let even = (w0 + w2) * (-1.0 / 6.0);
    let odd = w1 * (-1.0 / 6.0);
    let even2 = w0 * (1.0 / 24.0) + w2 * (1.0 / 6.0);
    let odd2 = w1 * (1.0 / 12.0);
    return Points(w0 * 0.25, even + odd, even - odd, even2 + odd2, even2 - odd2, w2);
}

// sum += W * x for 16 outputs and 2 rows.
fn multiply_add(sum: ptr<function, array<vec4<f32>, 8>>, a: vec4<f32>, b: vec4<f32>, x0: vec4<f32>, x1: vec4<f32>) {
    let w0 = columns0(a, b);
    (*sum)[0] += w0 * x0; (*sum)[1] += w0 * x1;
    let w1 = columns1(a, b);
    (*sum)[2] += w1 * x0; (*sum)[3] += w1 * x1;
    let w2 = columns2(a, b);
    (*sum)[4] += w2 * x0; (*sum)[5] += w2 * x1;
    let w3 = columns3(a, b);
    (*sum)[6] += w3 * x0; (*sum)[7] += w3 * x1;
}

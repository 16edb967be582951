// y[o] = bias_act(demod[o] * sum_i W[o,i] (*) (style[i] * x[i]), bias[o], noise): 3x3 in f16, for software adapters.
//
// Winograd's F(4, 3) along the rows (Lavin 2016, arXiv 1509.09308, section 4.3): four neighbouring pixels of a row from six
// products instead of twelve, because a filter row and a row segment of x are polynomials whose product is known from six points:
//
//     y0 .. y3 = A sum_i,k (G w[i,k]) . (B x[i,k])        x0 .. x5 around four pixels, points 0, 1, -1, 2, -2 and infinity
//
// The sums stay in the domain of the points; A comes once, at the end. A workgroup is one subgroup of 8 lanes. A lane owns 4 pixels
// of 2 rows and 16 output channels: a row of x is transformed once for both, and the 8 lanes transform the 16 x 4 weights of a filter
// row together and hand them around with subgroupBroadcast. A pair is 2 pixels, or 2 columns of weights, of 4 channels: one load.
//
//     |x0 x1|x2 x3|x4 x5|    row k - 1 of the first ... | a filter row over it is shared by
//     |x0 x1|x2 x3|x4 x5|    ... row k - 1 of the second | both rows: 6 points x 16 outputs
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
@group(0) @binding(1) var<storage, read> x: array<vec2<u64>>;      // slab [N, I, H, W], in pairs of pixels
@group(0) @binding(2) var<storage, read> w: array<vec2<u64>>;      // [O/16, I/4, k, k, 4, 2 pairs of inputs] of 4 outputs
@group(0) @binding(3) var<storage, read> style: array<vec4<f32>>;  // [N, all layers' I/4]
@group(0) @binding(4) var<storage, read> demod: array<vec4<f32>>;  // [N, all layers' O/4]
@group(0) @binding(5) var<storage, read> bias: array<vec4<f32>>;   // [O/16 * 4]
@group(0) @binding(6) var<storage, read> noise: array<f32>;        // [N or 1, H, W]
@group(0) @binding(7) var<storage, read_write> y: array<out4>;     // slab [N, O, H, W]

// Values at the six points.
struct Points { zero: vec4<f32>, one: vec4<f32>, minus_one: vec4<f32>, two: vec4<f32>, minus_two: vec4<f32>, infinity: vec4<f32> }

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let quads = p.x.width / 4;
    let index = (group.x + group.z / p.band.images * groups.x) * 8 + lane;
    // Lanes beyond the end repeat the last pixels: a subgroup must stay together.
    let tile = min(index, quads * ((p.band.rows + 1) / 2) - 1);
    let n = p.band.n + group.z % p.band.images;
    let py = i32(p.band.y + tile / quads * 2);
    let px = i32(tile % quads) * 4;
    let block = group.y;

    // Rows below the band repeat the one under it; they only feed sums that are not stored.
    let end = i32(p.band.y + p.band.rows);

    var s0: array<vec4<f32>, 8>;  // at zero: [4 groups of outputs][2 rows] ...
    var s1: array<vec4<f32>, 8>;  // ... at one ...
    var s2: array<vec4<f32>, 8>;
    var s3: array<vec4<f32>, 8>;
    var s4: array<vec4<f32>, 8>;
    var s5: array<vec4<f32>, 8>;
    let channels = p.x.channels;
    let first_style = p.style + n * p.style_n;
    let y_stride = p.x.y;
    let c_stride = p.x.c;
    var column = at(p.x, n, 0, 0, px - 1);
    var tap = block * channels * 72 + lane;
    for (var i = 0u; i < channels; i++) {
        let s = style[first_style + i];
        var upper = pixels(column + (py - 1) * y_stride, s);
        for (var k = 0; k < KERNEL; k++) {
            let lower = pixels(column + min(py + k, end) * y_stride, s);
            let w0 = w[tap];
            let w1 = w[tap + 8];
            let w2 = w[tap + 16];
            let a = weights(halves(w0.x), halves(w1.x), halves(w2.x));
            let b = weights(halves(w0.y), halves(w1.y), halves(w2.y));
            multiply_add(&s0, a.zero, b.zero, upper.zero, lower.zero);
            multiply_add(&s1, a.one, b.one, upper.one, lower.one);
            multiply_add(&s2, a.minus_one, b.minus_one, upper.minus_one, lower.minus_one);
            multiply_add(&s3, a.two, b.two, upper.two, lower.two);
            multiply_add(&s4, a.minus_two, b.minus_two, upper.minus_two, lower.minus_two);
            multiply_add(&s5, a.infinity, b.infinity, upper.infinity, lower.infinity);
            upper = lower;
            tap += 24u;
        }
        column += c_stride;
    }

    if (index != tile) { return; }
    // Copies: what a loop variable indexes lives in memory, where sums would be slow. Loops of unknown length stay loops: unrolled,
    // this tail would be most of the kernel's machine code.
    var t0 = s0; var t1 = s1; var t2 = s2; var t3 = s3; var t4 = s4; var t5 = s5;
    let rows = u32(min(2, end - py));
    var z: array<f32, 8>;
    for (var j = 0u; j < rows * 4; j++) { z[j] = noise_at(n, py + i32(j / 4), px + i32(j % 4), p.x.width); }
    for (var o = 0u; o < min(4, p.y.channels - block * 4); o++) {
        let c = block * 4 + o;
        let d = demod[p.demod + n * p.demod_n + c];
        let b = bias[c];
        for (var r = 0u; r < rows; r++) {
            let k = o * 2 + r;
            let even = t1[k] + t2[k];
            let odd = t1[k] - t2[k];
            let even2 = t3[k] + t4[k];
            let odd2 = t3[k] - t4[k];
            var v = array(t0[k] + even + even2, odd + 2 * odd2, even + 4 * even2, odd + 8 * odd2 + t5[k]);
            for (var j = 0u; j < min(4, p.y.width - u32(px)); j++) {
                store(n, c, py + i32(r), px + i32(j), bias_act(p.act, v[j] * d, b, z[r * 4 + j]));
            }
        }
    }
}

fn halves(v: u64) -> vec4<f32> { return vec4<f32>(unpack2x16float(u32(v)), unpack2x16float(u32(v >> 32u))); }

// B (s * x0 .. x5), from pixel i, which is even.
fn pixels(i: i32, s: vec4<f32>) -> Points {
    let p0 = x[i / 2];
    let p1 = x[i / 2 + 1];
    let p2 = x[i / 2 + 2];
    let x0 = halves(p0.x) * s;
    let x1 = halves(p0.y) * s;
    let x2 = halves(p1.x) * s;
    let x3 = halves(p1.y) * s;
    let x4 = halves(p2.x) * s;
    let x5 = halves(p2.y) * s;
    let even = x4 - 4 * x2;
    let odd = x3 - 4 * x1;
    let even2 = x4 - x2;
    let odd2 = 2 * (x3 - x1);
    return Points(4 * (x0 - x2) + even2, even + odd, even - odd, even2 + odd2, even2 - odd2, 4 * (x1 - x3) + x5 - x3);
}

// G w0 .. w2.
fn weights(w0: vec4<f32>, w1: vec4<f32>, w2: vec4<f32>) -> Points {
    let even = (w0 + w2) * (-1.0 / 6.0);
    let odd = w1 * (-1.0 / 6.0);
    let even2 = w0 * (1.0 / 24.0) + w2 * (1.0 / 6.0);
    let odd2 = w1 * (1.0 / 12.0);
    return Points(w0 * 0.25, even + odd, even - odd, even2 + odd2, even2 - odd2, w2);
}

// sum += W * x for 16 outputs and 2 rows; lanes 0..7 hold the 16 columns of the four matrices, the even ones in a, the odd ones in b.
fn multiply_add(sum: ptr<function, array<vec4<f32>, 8>>, a: vec4<f32>, b: vec4<f32>, x0: vec4<f32>, x1: vec4<f32>) {
    let w0 = mat4x4<f32>(subgroupBroadcast(a, 0u), subgroupBroadcast(b, 0u), subgroupBroadcast(a, 1u), subgroupBroadcast(b, 1u));
    (*sum)[0] += w0 * x0; (*sum)[1] += w0 * x1;
    let w1 = mat4x4<f32>(subgroupBroadcast(a, 2u), subgroupBroadcast(b, 2u), subgroupBroadcast(a, 3u), subgroupBroadcast(b, 3u));
    (*sum)[2] += w1 * x0; (*sum)[3] += w1 * x1;
    let w2 = mat4x4<f32>(subgroupBroadcast(a, 4u), subgroupBroadcast(b, 4u), subgroupBroadcast(a, 5u), subgroupBroadcast(b, 5u));
    (*sum)[4] += w2 * x0; (*sum)[5] += w2 * x1;
    let w3 = mat4x4<f32>(subgroupBroadcast(a, 6u), subgroupBroadcast(b, 6u), subgroupBroadcast(a, 7u), subgroupBroadcast(b, 7u));
    (*sum)[6] += w3 * x0; (*sum)[7] += w3 * x1;
}

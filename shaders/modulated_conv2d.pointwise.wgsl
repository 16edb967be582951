// y[o] = bias_act(demod[o] * sum_i W[o,i] (style[i] * x[i]), bias[o], noise): 1x1, for software adapters.
//
// Without neighbours to share, the loads decide: a lane owns 8 pixels of a row and 32 output channels, and loads four pixels at once.
// A workgroup is one subgroup of 8 lanes, which load the 32 x 4 weights of a group of inputs together, scale them by the style and hand
// them around (prelude/columns.wgsl).
//
//     |x0 x1 x2 x3|x4 x5 x6 x7|    s0 .. s7: 8 groups of 4 outputs x 8 pixels, a left and a right half each
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
override KERNEL: i32 = 1;
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<four>;           // slab [N, I, H, W]
@group(0) @binding(2) var<storage, read> w: array<pair>;           // [O/16, I/4, 1, 1, 4, 2 pairs of inputs] of 4 outputs
@group(0) @binding(3) var<storage, read> style: array<vec2<f32>>;  // [N, all layers' I/2]
@group(0) @binding(4) var<storage, read> demod: array<vec4<f32>>;  // [N, all layers' O/4]
@group(0) @binding(5) var<storage, read> bias: array<vec4<f32>>;   // [O/32 * 8]
@group(0) @binding(6) var<storage, read> noise: array<vec4<f32>>;  // [N or 1, H, W]
@group(0) @binding(7) var<storage, read_write> y: array<out_four>; // slab [N, O, H, W]

// Sums of 4 outputs and 8 pixels.
struct Sums { left: mat4x4<f32>, right: mat4x4<f32> }

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    // Parameters are read here, once: behind a condition or in a loop, a processor reads them for every lane.
    let xs = p.x;
    let ys = p.y;
    let act = p.act;
    let across = (xs.width + 7) / 8;
    let index = (group.x + group.z / p.band.images * groups.x) * 8 + lane;
    // Lanes beyond the end repeat the last pixels: a subgroup must stay together.
    let tile = min(index, across * p.band.rows - 1);
    let n = p.band.n + group.z % p.band.images;
    let py = i32(p.band.y + tile / across);
    let px = i32(tile % across) * 8;
    let block = group.y;
    let demods = p.demod + n * p.demod_n;

    var s0: Sums;  // outputs 0 to 3 ...
    var s1: Sums;  // ... 4 to 7 ...
    var s2: Sums;
    var s3: Sums;
    var s4: Sums;
    var s5: Sums;
    var s6: Sums;
    var s7: Sums;
    let channels = xs.channels;
    // Fours past the right border repeat the last; their sums are never stored.
    let right = select(0, 1, px + 4 < i32(xs.width));
    var i0 = four_at(xs, n, 0, py, px);
    var i1 = i0 + right;
    var factors = (p.style + n * p.style_n) * 2 + lane % 2;
    var tap_a = block * 2 * channels * 8 + lane;
    var tap_b = tap_a + channels * 8;
    for (var i = 0u; i < channels; i++) {
        let s = style[factors];
        let wa = w[tap_a];
        let wb = w[tap_b];
        let x0 = widen4(x[i0]);
        let x1 = widen4(x[i1]);
        let a0 = column0(wa) * s.x;
        let a1 = column1(wa) * s.y;
        let b0 = column0(wb) * s.x;
        let b1 = column1(wb) * s.y;
        multiply_add(&s0, columns0(a0, a1), x0, x1);
        multiply_add(&s1, columns1(a0, a1), x0, x1);
        multiply_add(&s2, columns2(a0, a1), x0, x1);
        multiply_add(&s3, columns3(a0, a1), x0, x1);
        multiply_add(&s4, columns0(b0, b1), x0, x1);
        multiply_add(&s5, columns1(b0, b1), x0, x1);
        multiply_add(&s6, columns2(b0, b1), x0, x1);
        multiply_add(&s7, columns3(b0, b1), x0, x1);
        i0 += xs.c >> 2u;
        i1 += xs.c >> 2u;
        factors += 2u;
        tap_a += 8u;
        tap_b += 8u;
    }

    // Neither a condition nor a loop stands around all this: what the lanes share is read once outside of them, and what a loop variable
    // indexes lives in memory.
    let z0 = noise_at4(act, n, py, px, xs.width);
    let z1 = noise_at4(act, n, py, px + right * 4, xs.width);
    // Lanes that repeat others' pixels store nothing: for them, and for outputs that are not there, the pixels lie beyond the row.
    let beyond = i32(ys.width);
    let own = select(beyond, px, index == tile);
    let there = ys.channels - block * 8;
    let o = four_at(ys, n, block * 8, py, px);
    let step = ys.c >> 2u;
    let d = demods + block * 8;
    finish(ys, act, o, own, s0, demod[d], bias[block * 8], z0, z1);
    finish(ys, act, o + step, select(beyond, own, there > 1), s1, demod[d + 1], bias[block * 8 + 1], z0, z1);
    finish(ys, act, o + 2 * step, select(beyond, own, there > 2), s2, demod[d + 2], bias[block * 8 + 2], z0, z1);
    finish(ys, act, o + 3 * step, select(beyond, own, there > 3), s3, demod[d + 3], bias[block * 8 + 3], z0, z1);
    finish(ys, act, o + 4 * step, select(beyond, own, there > 4), s4, demod[d + 4], bias[block * 8 + 4], z0, z1);
    finish(ys, act, o + 5 * step, select(beyond, own, there > 5), s5, demod[d + 5], bias[block * 8 + 5], z0, z1);
    finish(ys, act, o + 6 * step, select(beyond, own, there > 6), s6, demod[d + 6], bias[block * 8 + 6], z0, z1);
    finish(ys, act, o + 7 * step, select(beyond, own, there > 7), s7, demod[d + 7], bias[block * 8 + 7], z0, z1);
    zero_border(ys, n, block * 8, 8, py, own, 1, 8);
}

// bias_act and store of 8 pixels from px on, 4 outputs.
fn finish(s: Slab, act: BiasAct, i: i32, px: i32, sums: Sums, demod: vec4<f32>, bias: vec4<f32>, z0: vec4<f32>, z1: vec4<f32>) {
    store4(s, i, px, bias_act4(act, modulate4(sums.left, demod), bias, z0));
    store4(s, i + 1, px + 4, bias_act4(act, modulate4(sums.right, demod), bias, z1));
}

fn multiply_add(sum: ptr<function, Sums>, w: mat4x4<f32>, x0: mat4x4<f32>, x1: mat4x4<f32>) {
    (*sum).left = add_product((*sum).left, w, x0);
    (*sum).right = add_product((*sum).right, w, x1);
}

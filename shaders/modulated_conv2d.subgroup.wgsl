// y[o] = bias_act(demod[o] * sum_i W[o,i] (*) (style[i] * x[i]), bias[o], noise): 3x3 or 1x1, for software adapters.
//
// A workgroup is one subgroup of 8 lanes: no barrier, no workgroup memory. A lane owns 4 neighbouring pixels and 16 output channels; the
// 8 lanes load the 64 weights of a tap together, scale them by the style and hand them around (prelude/columns.wgsl).
//
//     |       x0|x1 x2 x3 x4|x5       |    the row segment that the three taps of a row share
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

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    // Parameters are read here, once: behind a condition or in a loop, a processor reads them for every lane.
    let xs = p.x;
    let ys = p.y;
    let act = p.act;
    let quads = (xs.width + 3) / 4;
    let index = (group.x + group.z / p.band.images * groups.x) * 8 + lane;
    // Lanes beyond the end repeat the last pixels: a subgroup must stay together.
    let quad = min(index, quads * p.band.rows - 1);
    let n = p.band.n + group.z % p.band.images;
    let py = i32(p.band.y + quad / quads);
    let px = i32(quad % quads) * 4;
    let block = group.y;
    let d = p.demod + n * p.demod_n + block * 4;

    var sum: array<mat4x4<f32>, 4>;  // 4 groups of outputs
    let channels = xs.channels;
    var column = four_at(xs, n, 0, py - KERNEL / 2, px);
    var factors = (p.style + n * p.style_n) * 2 + lane % 2;
    var tap = block * channels * u32(KERNEL * KERNEL) * 8 + lane;
    for (var i = 0u; i < channels; i++) {
        let s = style[factors];
        var row = column;
        for (var k = 0; k < KERNEL; k++) {
            let m = widen4(x[row]);
            if (KERNEL == 3) {
                multiply_add(&sum, w[tap], s, mat4x4<f32>(widen(x[row - 1][3]), m[0], m[1], m[2]));
                multiply_add(&sum, w[tap + 8], s, m);
                multiply_add(&sum, w[tap + 16], s, mat4x4<f32>(m[1], m[2], m[3], widen(x[row + 1][0])));
            } else {
                multiply_add(&sum, w[tap], s, m);
            }
            row += xs.y >> 2u;
            tap += u32(KERNEL) * 8;
        }
        column += xs.c >> 2u;
        factors += 2u;
    }

    // No condition stands around all this: what the lanes share is read once outside of them. Lanes that repeat others' pixels store
    // nothing: for them, and for outputs that are not there, px lies beyond the row.
    let z = noise_at4(act, n, py, px, xs.width);
    let beyond = i32(ys.width);
    let own = select(beyond, px, index == quad);
    let there = ys.channels - block * 4;
    let o = four_at(ys, n, block * 4, py, px);
    let step = ys.c >> 2u;
    store4(ys, o, own, bias_act4(act, modulate4(sum[0], demod[d]), bias[block * 4], z));
    store4(ys, o + step, select(beyond, own, there > 1), bias_act4(act, modulate4(sum[1], demod[d + 1]), bias[block * 4 + 1], z));
    store4(ys, o + 2 * step, select(beyond, own, there > 2), bias_act4(act, modulate4(sum[2], demod[d + 2]), bias[block * 4 + 2], z));
    store4(ys, o + 3 * step, select(beyond, own, there > 3), bias_act4(act, modulate4(sum[3], demod[d + 3]), bias[block * 4 + 3], z));
    zero_border(ys, n, block * 4, 4, py, own, 1, 4);
}

// sum += W * x for 16 outputs and 4 pixels.
fn multiply_add(sum: ptr<function, array<mat4x4<f32>, 4>>, w: pair, style: vec2<f32>, x: mat4x4<f32>) {
    let a = widen(w[0]) * style.x;
    let b = widen(w[1]) * style.y;
    (*sum)[0] += columns0(a, b) * x;
    (*sum)[1] += columns1(a, b) * x;
    (*sum)[2] += columns2(a, b) * x;
    (*sum)[3] += columns3(a, b) * x;
}

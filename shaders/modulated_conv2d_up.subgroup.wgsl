// t[o] = demod[o] * sum_i W[o,i] (x) up2(style[i] * x[i]): stride-2 transposed 3x3, [H, W] -> [2H+1, 2W+1]; software adapters.
//
// Cell (cy, cx) of the input yields a 2x2 quad of t, from itself and its upper and left neighbours (4 + 2 + 2 + 1 = 9 taps):
//
//     t[2cy  ][2cx] = W00 x + W02 left + W20 up + W22 upleft      t[2cy  ][2cx+1] = W01 x + W21 up
//     t[2cy+1][2cx] = W10 x + W12 left                            t[2cy+1][2cx+1] = W11 x
//
// A workgroup is one subgroup of 8 lanes; a lane owns 4 neighbouring cells and 16 output channels, as four phases. The 8 lanes load the
// 64 weights of a tap together, scale them by the style and hand them around (prelude/columns.wgsl).
//
//     |       u0|u1 u2 u3 u4|    the row above      t: |ee eo ee eo|ee eo ee eo|
//     |       x0|x1 x2 x3 x4|    the cells' row        |oe oo oe oo|oe oo oe oo|
struct Params {
    band: Band,    // of cells: H + 1 rows
    x: Slab,
    y: Slab,
    style: u32,    // first group of this layer in `style` ...
    style_n: u32,  // ... and groups per image
    demod: u32,
    demod_n: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<four>;           // slab [N, I, H, W]
@group(0) @binding(2) var<storage, read> w: array<pair>;           // [O/16, I/4, k, k, 4, 2 pairs of inputs] of 4 outputs
@group(0) @binding(3) var<storage, read> style: array<vec2<f32>>;  // [N, all layers' I/2]
@group(0) @binding(4) var<storage, read> demod: array<vec4<f32>>;  // [N, all layers' O/4]
@group(0) @binding(5) var<storage, read_write> y: array<out_four>; // slab [N, O, 2H+1, 2W+1]

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    // Parameters are read here, once: behind a condition or in a loop, a processor reads them for every lane.
    let xs = p.x;
    let ys = p.y;
    let quads = (xs.width + 4) / 4;
    let index = (group.x + group.z / p.band.images * groups.x) * 8 + lane;
    // Lanes beyond the end repeat the last cells: a subgroup must stay together.
    let quad = min(index, quads * p.band.rows - 1);
    let n = p.band.n + group.z % p.band.images;
    let cy = i32(p.band.y + quad / quads);
    let cx = i32(quad % quads) * 4;
    let block = group.y;
    let demods = p.demod + n * p.demod_n + block * 4;

    var ee: array<mat4x4<f32>, 4>;  // 4 groups of outputs: phase t[2cy][2cx] of 4 cells ...
    var eo: array<mat4x4<f32>, 4>;  // ... t[2cy][2cx+1] ...
    var oe: array<mat4x4<f32>, 4>;
    var oo: array<mat4x4<f32>, 4>;
    let channels = xs.channels;
    var here = four_at(xs, n, 0, cy, cx);
    var up = four_at(xs, n, 0, cy - 1, cx);
    var factors = (p.style + n * p.style_n) * 2 + lane % 2;
    var tap = block * channels * 72 + lane;
    for (var i = 0u; i < channels; i++) {
        let s = style[factors];
        let m = widen4(x[here]);
        let left = mat4x4<f32>(widen(x[here - 1][3]), m[0], m[1], m[2]);
        multiply_add(&ee, w[tap], s, m);
        multiply_add(&ee, w[tap + 16], s, left);
        multiply_add(&eo, w[tap + 8], s, m);
        multiply_add(&oe, w[tap + 24], s, m);
        multiply_add(&oe, w[tap + 40], s, left);
        multiply_add(&oo, w[tap + 32], s, m);
        let u = widen4(x[up]);
        let upleft = mat4x4<f32>(widen(x[up - 1][3]), u[0], u[1], u[2]);
        multiply_add(&ee, w[tap + 48], s, u);
        multiply_add(&ee, w[tap + 64], s, upleft);
        multiply_add(&eo, w[tap + 56], s, u);
        here += xs.c >> 2u;
        up += xs.c >> 2u;
        factors += 2u;
        tap += 72u;
    }

    // No condition stands around all this: what the lanes share is read once outside of them. Lanes that repeat others' cells store
    // nothing: for them, and for outputs and a row that are not there, the pixels lie beyond the row.
    let beyond = i32(ys.width);
    let even = select(beyond, 2 * cx, index == quad);
    let odd = select(even, beyond, 2 * cy + 1 >= i32(ys.height));
    let there = ys.channels - block * 4;
    let o = four_at(ys, n, block * 4, 2 * cy, 2 * cx);
    let below = ys.y >> 2u;
    let step = ys.c >> 2u;
    finish(ys, o, even, ee[0], eo[0], demod[demods]);
    finish(ys, o + below, odd, oe[0], oo[0], demod[demods]);
    finish(ys, o + step, select(beyond, even, there > 1), ee[1], eo[1], demod[demods + 1]);
    finish(ys, o + step + below, select(beyond, odd, there > 1), oe[1], oo[1], demod[demods + 1]);
    finish(ys, o + 2 * step, select(beyond, even, there > 2), ee[2], eo[2], demod[demods + 2]);
    finish(ys, o + 2 * step + below, select(beyond, odd, there > 2), oe[2], oo[2], demod[demods + 2]);
    finish(ys, o + 3 * step, select(beyond, even, there > 3), ee[3], eo[3], demod[demods + 3]);
    finish(ys, o + 3 * step + below, select(beyond, odd, there > 3), oe[3], oo[3], demod[demods + 3]);
    zero_border(ys, n, block * 4, 4, 2 * cy, even, 2, 8);
}

// Stores a row of 8 pixels of t from px on: even and odd ones of four cells.
fn finish(s: Slab, i: i32, px: i32, even: mat4x4<f32>, odd: mat4x4<f32>, demod: vec4<f32>) {
    store4(s, i, px, modulate4(mat4x4<f32>(even[0], odd[0], even[1], odd[1]), demod));
    store4(s, i + 1, px + 4, modulate4(mat4x4<f32>(even[2], odd[2], even[3], odd[3]), demod));
}

// sum += W * x for 16 outputs and 4 cells.
fn multiply_add(sum: ptr<function, array<mat4x4<f32>, 4>>, w: pair, style: vec2<f32>, x: mat4x4<f32>) {
    let a = column0(w) * style.x;
    let b = column1(w) * style.y;
    (*sum)[0] = add_product((*sum)[0], columns0(a, b), x);
    (*sum)[1] = add_product((*sum)[1], columns1(a, b), x);
    (*sum)[2] = add_product((*sum)[2], columns2(a, b), x);
    (*sum)[3] = add_product((*sum)[3], columns3(a, b), x);
}

// y[o] = bias_act(demod[o] * sum_i W[o,i] (*) (style[i] * x[i]), bias[o], noise): 3x3 or 1x1, for software adapters.
//
// A workgroup is one subgroup of 8 lanes: no barrier, no workgroup memory. A lane owns 4 neighbouring pixels of 2 rows and 16 output
// channels, so that rows of x and weights serve twice; the 8 lanes load the 64 weights of a tap together, scale them by the style and
// hand them around (prelude/columns.wgsl).
//
//     |       x0|x1 x2 x3 x4|x5       |    row k - 1 of the first ... | a filter row over it is shared by
//     |       x0|x1 x2 x3 x4|x5       |    ... row k - 1 of the second | both rows
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

// The pixels under the left, the middle and the right taps of a row.
struct Row { left: mat4x4<f32>, middle: mat4x4<f32>, right: mat4x4<f32> }

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
    let end = i32(p.band.y + p.band.rows);
    let demods = p.demod + n * p.demod_n;

    var sum0: array<mat4x4<f32>, 4>;  // 4 groups of outputs of the first row ...
    var sum1: array<mat4x4<f32>, 4>;  // ... and of the second
    let channels = xs.channels;
    var column = four_at(xs, n, 0, py - KERNEL / 2, px);
    var factors = (p.style + n * p.style_n) * 2 + lane % 2;
    var tap = block * channels * u32(KERNEL * KERNEL) * 8 + lane;
    for (var i = 0u; i < channels; i++) {
        let s = style[factors];
        var row = column;
        var upper = pixels(row);
        for (var k = 0; k < KERNEL; k++) {
            // Rows below those that the band's last one needs repeat the last; they only feed sums that are not stored.
            row += select(xs.y >> 2u, 0, py + k + 3 > end + KERNEL);
            let lower = pixels(row);
            if (KERNEL == 3) {
                multiply_add(&sum0, &sum1, w[tap], s, upper.left, lower.left);
                multiply_add(&sum0, &sum1, w[tap + 8], s, upper.middle, lower.middle);
                multiply_add(&sum0, &sum1, w[tap + 16], s, upper.right, lower.right);
            } else {
                multiply_add(&sum0, &sum1, w[tap], s, upper.middle, lower.middle);
            }
            upper = lower;
            tap += u32(KERNEL) * 8;
        }
        column += xs.c >> 2u;
        factors += 2u;
    }

    let sums = array(sum0[0], sum1[0], sum0[1], sum1[1], sum0[2], sum1[2], sum0[3], sum1[3]);
    finish(ys, act, demods, n, block, py, px, index == tile, end, sums);
}

fn pixels(i: i32) -> Row {
    let m = widen4(x[i]);
    if (KERNEL != 3) { return Row(m, m, m); }
    return Row(mat4x4<f32>(widen(x[i - 1][3]), m[0], m[1], m[2]), m, mat4x4<f32>(m[1], m[2], m[3], widen(x[i + 1][0])));
}

// sum += W * x for 16 outputs and 4 pixels of both rows.
fn multiply_add(
    sum0: ptr<function, array<mat4x4<f32>, 4>>, sum1: ptr<function, array<mat4x4<f32>, 4>>,
    w: pair, style: vec2<f32>, x0: mat4x4<f32>, x1: mat4x4<f32>,
) {
    let a = column0(w) * style.x;
    let b = column1(w) * style.y;
    let w0 = columns0(a, b);
    (*sum0)[0] = add_product((*sum0)[0], w0, x0); (*sum1)[0] = add_product((*sum1)[0], w0, x1);
    let w1 = columns1(a, b);
    (*sum0)[1] = add_product((*sum0)[1], w1, x0); (*sum1)[1] = add_product((*sum1)[1], w1, x1);
    let w2 = columns2(a, b);
    (*sum0)[2] = add_product((*sum0)[2], w2, x0); (*sum1)[2] = add_product((*sum1)[2], w2, x1);
    let w3 = columns3(a, b);
    (*sum0)[3] = add_product((*sum0)[3], w3, x0); (*sum1)[3] = add_product((*sum1)[3], w3, x1);
}

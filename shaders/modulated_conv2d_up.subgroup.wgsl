// t[o] = demod[o] * sum_i W[o,i] (x) up2(style[i] * x[i]): stride-2 transposed 3x3, [H, W] -> [2H+1, 2W+1]; software adapters.
//
// Cell (cy, cx) of the input yields a 2x2 quad of t, from itself and its upper and left neighbours (4 + 2 + 2 + 1 = 9 taps):
//
//     t[2cy  ][2cx] = W00 x + W02 left + W20 up + W22 upleft      t[2cy  ][2cx+1] = W01 x + W21 up
//     t[2cy+1][2cx] = W10 x + W12 left                            t[2cy+1][2cx+1] = W11 x
//
// A workgroup is one subgroup of 8 lanes; a lane owns 4 neighbouring cells and 8 output channels, as four phases. The 8 lanes
// load the 32 weights of a tap together and hand them around with subgroupBroadcast.
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
@group(0) @binding(1) var<storage, read> x: array<elem4>;          // slab [N, I, H, W]
@group(0) @binding(2) var<storage, read> w: array<elem4>;          // [O/16, I/4, k, k, 4, 4 inputs] of 4 outputs
@group(0) @binding(3) var<storage, read> style: array<vec4<f32>>;  // [N, all layers' I/4]
@group(0) @binding(4) var<storage, read> demod: array<vec4<f32>>;  // [N, all layers' O/4]
@group(0) @binding(5) var<storage, read_write> y: array<out4>;     // slab [N, O, 2H+1, 2W+1]

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let quads = (p.x.width + 4) / 4;
    let index = (group.x + group.z / p.band.images * groups.x) * 8 + lane;
    // Lanes beyond the end repeat the last cells: a subgroup must stay together.
    let quad = min(index, quads * p.band.rows - 1);
    let n = p.band.n + group.z % p.band.images;
    let cy = i32(p.band.y + quad / quads);
    let cx = i32(quad % quads) * 4;
    let block = group.y / 2;       // of 16 outputs ...
    let pair = group.y % 2;        // ... and which half of it

    // Columns past the right border repeat it; their sums are never stored.
    let edge = i32(p.x.width);
    let row0 = at(p.x, n, 0, cy, 0);
    let c0 = row0 + (cx - 1) * p.x.x;
    let c1 = row0 + cx * p.x.x;
    let c2 = row0 + min(cx + 1, edge) * p.x.x;
    let c3 = row0 + min(cx + 2, edge) * p.x.x;
    let c4 = row0 + min(cx + 3, edge) * p.x.x;

    var even_even: array<vec4<f32>, 8>;  // [2 groups of outputs][4 cells] of phase t[2cy][2cx] ...
    var even_odd: array<vec4<f32>, 8>;   // ... t[2cy][2cx+1] ...
    var odd_even: array<vec4<f32>, 8>;
    var odd_odd: array<vec4<f32>, 8>;
    for (var i = 0u; i < p.x.channels; i++) {
        let s = style[p.style + n * p.style_n + i];
        let row = i32(i) * p.x.c;
        let tap = (block * p.x.channels + i) * 144 + pair * 8 + lane;
        let x0 = widen(x[row + c0]) * s;
        let x1 = widen(x[row + c1]) * s;
        let x2 = widen(x[row + c2]) * s;
        let x3 = widen(x[row + c3]) * s;
        let x4 = widen(x[row + c4]) * s;
        multiply_add(&even_even, widen(w[tap]), x1, x2, x3, x4);
        multiply_add(&even_even, widen(w[tap + 32]), x0, x1, x2, x3);
        multiply_add(&even_odd, widen(w[tap + 16]), x1, x2, x3, x4);
        multiply_add(&odd_even, widen(w[tap + 48]), x1, x2, x3, x4);
        multiply_add(&odd_even, widen(w[tap + 80]), x0, x1, x2, x3);
        multiply_add(&odd_odd, widen(w[tap + 64]), x1, x2, x3, x4);
        let u0 = widen(x[row + c0 - p.x.y]) * s;
        let u1 = widen(x[row + c1 - p.x.y]) * s;
        let u2 = widen(x[row + c2 - p.x.y]) * s;
        let u3 = widen(x[row + c3 - p.x.y]) * s;
        let u4 = widen(x[row + c4 - p.x.y]) * s;
        multiply_add(&even_even, widen(w[tap + 96]), u1, u2, u3, u4);
        multiply_add(&even_even, widen(w[tap + 128]), u0, u1, u2, u3);
        multiply_add(&even_odd, widen(w[tap + 112]), u1, u2, u3, u4);
    }

    if (index != quad) { return; }
    // Copies: what a loop variable indexes lives in memory, and the sums must stay in registers (3 times faster).
    var ee = even_even;
    var eo = even_odd;
    var oe = odd_even;
    var oo = odd_odd;
    for (var o = 0u; o < 2; o++) {
        let c = block * 4 + pair * 2 + o;
        if (c >= p.y.channels) { break; }
        let d = demod[p.demod + n * p.demod_n + c];
        for (var j = 0; j < 4; j++) {
            if (cx + j > edge) { break; }
            let k = o * 4 + u32(j);
            finish(n, c, 2 * cy, 2 * (cx + j), ee[k] * d);
            finish(n, c, 2 * cy, 2 * (cx + j) + 1, eo[k] * d);
            finish(n, c, 2 * cy + 1, 2 * (cx + j), oe[k] * d);
            finish(n, c, 2 * cy + 1, 2 * (cx + j) + 1, oo[k] * d);
        }
    }
}

// The last row and column of cells only have their even phases.
fn finish(n: u32, c: u32, ty: i32, tx: i32, v: vec4<f32>) {
    if (ty < i32(p.y.height) && tx < i32(p.y.width)) { store(n, c, ty, tx, v); }
}

// sum += W * x for 8 outputs and 4 cells; lanes 0..7 hold the 8 columns of the two matrices.
fn multiply_add(sum: ptr<function, array<vec4<f32>, 8>>, w: vec4<f32>, x0: vec4<f32>, x1: vec4<f32>, x2: vec4<f32>, x3: vec4<f32>) {
    let w0 = mat4x4<f32>(subgroupBroadcast(w, 0u), subgroupBroadcast(w, 1u), subgroupBroadcast(w, 2u), subgroupBroadcast(w, 3u));
    (*sum)[0] += w0 * x0; (*sum)[1] += w0 * x1; (*sum)[2] += w0 * x2; (*sum)[3] += w0 * x3;
    let w1 = mat4x4<f32>(subgroupBroadcast(w, 4u), subgroupBroadcast(w, 5u), subgroupBroadcast(w, 6u), subgroupBroadcast(w, 7u));
    (*sum)[4] += w1 * x0; (*sum)[5] += w1 * x1; (*sum)[6] += w1 * x2; (*sum)[7] += w1 * x3;
}

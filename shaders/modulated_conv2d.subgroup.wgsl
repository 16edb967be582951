// y[o] = bias_act(demod[o] * sum_i W[o,i] (*) (style[i] * x[i]), bias[o], noise): 3x3 or 1x1, for software adapters.
//
// A workgroup is one subgroup of 8 lanes: no barrier, no workgroup memory. A lane owns 4 neighbouring pixels and 16 output
// channels; the 8 lanes load the 64 weights of a tap together and hand them around with subgroupBroadcast.
//
//     lane 0    lane 1    ...  lane 7            weights of one tap and 4 input channels: 16 vec4 of 4 outputs
//     |x1 x2 x3 x4|x1 x2 x3 x4|                  lane l loads [l] and [l + 8]; a mat4x4 is 4 inputs -> 4 outputs
//   x0 .. x5: the row segment that the three taps of a row share
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
@group(0) @binding(1) var<storage, read> x: array<elem4>;          // slab [N, I, H, W]
@group(0) @binding(2) var<storage, read> w: array<elem4>;          // [O/16, I/4, k, k, 4, 4 inputs] of 4 outputs
@group(0) @binding(3) var<storage, read> style: array<vec4<f32>>;  // [N, all layers' I/4]
@group(0) @binding(4) var<storage, read> demod: array<vec4<f32>>;  // [N, all layers' O/4]
@group(0) @binding(5) var<storage, read> bias: array<vec4<f32>>;   // [O/16 * 4]
@group(0) @binding(6) var<storage, read> noise: array<vec4<f32>>;  // [N or 1, H, W]
@group(0) @binding(7) var<storage, read_write> y: array<out4>;     // slab [N, O, H, W]

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let quads = (p.x.width + 3) / 4;
    let index = (group.x + group.z / p.band.images * groups.x) * 8 + lane;
    // Lanes beyond the end repeat the last pixels: a subgroup must stay together.
    let quad = min(index, quads * p.band.rows - 1);
    let n = p.band.n + group.z % p.band.images;
    let py = i32(p.band.y + quad / quads);
    let px = i32(quad % quads) * 4;
    let block = group.y;

    // Columns past the right border repeat it; their sums are never stored.
    let edge = i32(p.x.width);
    let row0 = at(p.x, n, 0, py, 0);
    let c0 = row0 + (px - 1) * p.x.x;
    let c1 = row0 + px * p.x.x;
    let c2 = row0 + min(px + 1, edge) * p.x.x;
    let c3 = row0 + min(px + 2, edge) * p.x.x;
    let c4 = row0 + min(px + 3, edge) * p.x.x;
    let c5 = row0 + min(px + 4, edge) * p.x.x;

    var sum: array<vec4<f32>, 16>;  // [4 groups of outputs][4 pixels]
    for (var i = 0u; i < p.x.channels; i++) {
        let s = style[p.style + n * p.style_n + i];
        for (var k = 0; k < KERNEL; k++) {
            let row = i32(i) * p.x.c + (k - KERNEL / 2) * p.x.y;
            let tap = ((block * p.x.channels + i) * u32(KERNEL) + u32(k)) * u32(KERNEL) * 16 + lane;
            let x1 = widen(x[row + c1]) * s;
            let x2 = widen(x[row + c2]) * s;
            let x3 = widen(x[row + c3]) * s;
            let x4 = widen(x[row + c4]) * s;
            if (KERNEL == 3) {
                let x0 = widen(x[row + c0]) * s;
                let x5 = widen(x[row + c5]) * s;
                multiply_add(&sum, widen(w[tap]), widen(w[tap + 8]), x0, x1, x2, x3);
                multiply_add(&sum, widen(w[tap + 16]), widen(w[tap + 24]), x1, x2, x3, x4);
                multiply_add(&sum, widen(w[tap + 32]), widen(w[tap + 40]), x2, x3, x4, x5);
            } else {
                multiply_add(&sum, widen(w[tap]), widen(w[tap + 8]), x1, x2, x3, x4);
            }
        }
    }

    if (index != quad) { return; }
    // A copy: what a loop variable indexes lives in memory, and the sums must stay in registers (3 times faster).
    var result = sum;
    for (var o = 0u; o < 4; o++) {
        let c = block * 4 + o;
        if (c >= p.y.channels) { break; }
        let d = demod[p.demod + n * p.demod_n + c];
        for (var j = 0; j < 4; j++) {
            if (px + j < edge) {
                let z = noise_at(n, py, px + j, p.x.width);
                store(n, c, py, px + j, bias_act(p.act, result[o * 4 + u32(j)] * d, bias[c], z));
            }
        }
    }
}

// sum += W * x for 16 outputs and 4 pixels; lanes 0..7 hold the 16 columns of the four matrices in wa and wb.
fn multiply_add(sum: ptr<function, array<vec4<f32>, 16>>, wa: vec4<f32>, wb: vec4<f32>, x0: vec4<f32>, x1: vec4<f32>, x2: vec4<f32>, x3: vec4<f32>) {
    let w0 = low_lanes(wa);
    (*sum)[0] += w0 * x0; (*sum)[1] += w0 * x1; (*sum)[2] += w0 * x2; (*sum)[3] += w0 * x3;
    let w1 = high_lanes(wa);
    (*sum)[4] += w1 * x0; (*sum)[5] += w1 * x1; (*sum)[6] += w1 * x2; (*sum)[7] += w1 * x3;
    let w2 = low_lanes(wb);
    (*sum)[8] += w2 * x0; (*sum)[9] += w2 * x1; (*sum)[10] += w2 * x2; (*sum)[11] += w2 * x3;
    let w3 = high_lanes(wb);
    (*sum)[12] += w3 * x0; (*sum)[13] += w3 * x1; (*sum)[14] += w3 * x2; (*sum)[15] += w3 * x3;
}

fn low_lanes(w: vec4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(subgroupBroadcast(w, 0u), subgroupBroadcast(w, 1u), subgroupBroadcast(w, 2u), subgroupBroadcast(w, 3u));
}

fn high_lanes(w: vec4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(subgroupBroadcast(w, 4u), subgroupBroadcast(w, 5u), subgroupBroadcast(w, 6u), subgroupBroadcast(w, 7u));
}

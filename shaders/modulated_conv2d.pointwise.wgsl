// y[o] = bias_act(demod[o] * sum_i W[o,i] (style[i] * x[i]), bias[o], noise): 1x1 in f16, for software adapters.
//
// Without neighbours to share, the loads decide: a lane owns 8 pixels of a row and 16 output channels, and reads pairs of pixels,
// 16 bytes at once. Pairs are aligned from the border on, so a tile begins one pixel to the left of a multiple of 8:
//
//     border|-1  0| 1  2| 3  4| 5  6|     tile 0, 4 pairs; its first pixel is the border's and is not stored
//
// A workgroup is one subgroup of 8 lanes, which load the 16 x 4 weights together and hand them around with subgroupBroadcast.
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
@group(0) @binding(1) var<storage, read> x: array<vec2<u64>>;      // slab [N, I, H, W], in pairs of pixels
@group(0) @binding(2) var<storage, read> w: array<vec2<u64>>;      // [O/16, I/4, 1, 1, 4, 2 pairs of inputs] of 4 outputs
@group(0) @binding(3) var<storage, read> style: array<vec4<f32>>;  // [N, all layers' I/4]
@group(0) @binding(4) var<storage, read> demod: array<vec4<f32>>;  // [N, all layers' O/4]
@group(0) @binding(5) var<storage, read> bias: array<vec4<f32>>;   // [O/16 * 4]
@group(0) @binding(6) var<storage, read> noise: array<f32>;        // [N or 1, H, W]
@group(0) @binding(7) var<storage, read_write> y: array<out4>;     // slab [N, O, H, W]

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let across = (p.x.width + 8) / 8;
    let index = (group.x + group.z / p.band.images * groups.x) * 8 + lane;
    // Lanes beyond the end repeat the last pixels: a subgroup must stay together.
    let tile = min(index, across * p.band.rows - 1);
    let n = p.band.n + group.z % p.band.images;
    let py = i32(p.band.y + tile / across);
    let px = i32(tile % across) * 8 - 1;
    let block = group.y;

    // Pairs past the right border repeat it; their sums are never stored.
    let edge = i32(p.x.width) - 1;
    var c0 = at(p.x, n, 0, py, px);
    let c1 = min(px + 2, edge) - px;
    let c2 = min(px + 4, edge) - px;
    let c3 = min(px + 6, edge) - px;

    var s0: array<vec4<f32>, 8>;  // outputs 0 to 3 of 8 pixels ...
    var s1: array<vec4<f32>, 8>;  // ... 4 to 7 ...
    var s2: array<vec4<f32>, 8>;
    var s3: array<vec4<f32>, 8>;
    let channels = p.x.channels;
    let c_stride = p.x.c;
    let first_style = p.style + n * p.style_n;
    var tap = block * channels * 8 + lane;
    for (var i = 0u; i < channels; i++) {
        let s = style[first_style + i];
        let columns = w[tap];
        let p0 = x[c0 / 2];
        let p1 = x[(c0 + c1) / 2];
        let p2 = x[(c0 + c2) / 2];
        let p3 = x[(c0 + c3) / 2];
        let a = halves(columns.x);
        let b = halves(columns.y);
        let x0 = halves(p0.x) * s;
        let x1 = halves(p0.y) * s;
        let x2 = halves(p1.x) * s;
        let x3 = halves(p1.y) * s;
        let x4 = halves(p2.x) * s;
        let x5 = halves(p2.y) * s;
        let x6 = halves(p3.x) * s;
        let x7 = halves(p3.y) * s;
        // Lanes 0..7 hold the 16 columns of the four matrices, the even ones in a, the odd ones in b.
        let w0 = mat4x4<f32>(subgroupBroadcast(a, 0u), subgroupBroadcast(b, 0u), subgroupBroadcast(a, 1u), subgroupBroadcast(b, 1u));
        multiply_add(&s0, w0, x0, x1, x2, x3, x4, x5, x6, x7);
        let w1 = mat4x4<f32>(subgroupBroadcast(a, 2u), subgroupBroadcast(b, 2u), subgroupBroadcast(a, 3u), subgroupBroadcast(b, 3u));
        multiply_add(&s1, w1, x0, x1, x2, x3, x4, x5, x6, x7);
        let w2 = mat4x4<f32>(subgroupBroadcast(a, 4u), subgroupBroadcast(b, 4u), subgroupBroadcast(a, 5u), subgroupBroadcast(b, 5u));
        multiply_add(&s2, w2, x0, x1, x2, x3, x4, x5, x6, x7);
        let w3 = mat4x4<f32>(subgroupBroadcast(a, 6u), subgroupBroadcast(b, 6u), subgroupBroadcast(a, 7u), subgroupBroadcast(b, 7u));
        multiply_add(&s3, w3, x0, x1, x2, x3, x4, x5, x6, x7);
        c0 += c_stride;
        tap += 8u;
    }

    if (index != tile) { return; }
    // Copies: what a loop variable indexes lives in memory, where sums would be slow. Loops of unknown length stay loops: unrolled,
    // this tail would be most of the kernel's machine code.
    var result = array(s0, s1, s2, s3);
    let first_pixel = max(-px, 0);
    let end_pixel = min(8, i32(p.x.width) - px);
    var z: array<f32, 8>;
    for (var j = first_pixel; j < end_pixel; j++) { z[j] = noise_at(n, py, px + j, p.x.width); }
    for (var o = 0u; o < min(4, p.y.channels - block * 4); o++) {
        let c = block * 4 + o;
        let d = demod[p.demod + n * p.demod_n + c];
        let b = bias[c];
        for (var j = first_pixel; j < end_pixel; j++) {
            store(n, c, py, px + j, bias_act(p.act, result[o][j] * d, b, z[j]));
        }
    }
}

fn halves(v: u64) -> vec4<f32> { return vec4<f32>(unpack2x16float(u32(v)), unpack2x16float(u32(v >> 32u))); }

// sum += W * x for 4 outputs and 8 pixels.
fn multiply_add(
    sum: ptr<function, array<vec4<f32>, 8>>, w: mat4x4<f32>,
    x0: vec4<f32>, x1: vec4<f32>, x2: vec4<f32>, x3: vec4<f32>, x4: vec4<f32>, x5: vec4<f32>, x6: vec4<f32>, x7: vec4<f32>,
) {
    (*sum)[0] += w * x0; (*sum)[1] += w * x1; (*sum)[2] += w * x2; (*sum)[3] += w * x3;
    (*sum)[4] += w * x4; (*sum)[5] += w * x5; (*sum)[6] += w * x6; (*sum)[7] += w * x7;
}

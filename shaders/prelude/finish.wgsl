// The tail of a tile of 2 rows x 4 pixels from (py, px) on and 16 outputs: demodulation, bias_act, store. v: [4 groups of outputs][2 rows].
//
// Neither a condition nor a loop stands around the stores: what the lanes share is read once outside of them, and what a loop variable
// indexes lives in memory. What is not there (tiles of lanes that repeat others' pixels, a row below the band, outputs beyond the last)
// is stored beyond the row, which store4 does not do.
fn finish(ys: Slab, act: BiasAct, demods: u32, n: u32, block: u32, py: i32, px: i32, there: bool, end: i32, v: array<mat4x4<f32>, 8>) {
    let rows = min(2, end - py);
    let z0 = noise_at4(act, n, py, px, ys.width);
    let z1 = noise_at4(act, n, py + rows - 1, px, ys.width);
    let beyond = i32(ys.width);
    let first = select(beyond, px, there);
    let second = select(beyond, first, rows == 2);
    let outputs = ys.channels - block * 4;
    let o = four_at(ys, n, block * 4, py, px);
    let step = ys.c >> 2u;
    let d = demods + block * 4;
    let b = block * 4;
    store_rows(ys, act, o, first, second, v[0], v[1], demod[d], bias[b], z0, z1);
    store_rows(ys, act, o + step, select(beyond, first, outputs > 1), select(beyond, second, outputs > 1), v[2], v[3], demod[d + 1], bias[b + 1], z0, z1);
    store_rows(ys, act, o + 2 * step, select(beyond, first, outputs > 2), select(beyond, second, outputs > 2), v[4], v[5], demod[d + 2], bias[b + 2], z0, z1);
    store_rows(ys, act, o + 3 * step, select(beyond, first, outputs > 3), select(beyond, second, outputs > 3), v[6], v[7], demod[d + 3], bias[b + 3], z0, z1);
    zero_border(ys, n, block * 4, 4, py, first, rows, 4);
}

// Two rows of four outputs: the first at i, from px0 on, the second from px1 on.
fn store_rows(
    s: Slab, act: BiasAct, i: i32, px0: i32, px1: i32, v0: mat4x4<f32>, v1: mat4x4<f32>,
    demod: vec4<f32>, bias: vec4<f32>, z0: vec4<f32>, z1: vec4<f32>,
) {
    store4(s, i, px0, bias_act4(act, modulate4(v0, demod), bias, z0));
    store4(s, i + (s.y >> 2u), px1, bias_act4(act, modulate4(v1, demod), bias, z1));
}

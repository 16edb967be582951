// bias_act and store of two rows of four pixels and four outputs: the first at i, from px0 on, the second from px1 on.
fn finish(
    s: Slab, act: BiasAct, i: i32, px0: i32, px1: i32, v0: mat4x4<f32>, v1: mat4x4<f32>,
    demod: vec4<f32>, bias: vec4<f32>, z0: vec4<f32>, z1: vec4<f32>,
) {
    store4(s, i, px0, bias_act4(act, modulate4(v0, demod), bias, z0));
    store4(s, i + (s.y >> 2u), px1, bias_act4(act, modulate4(v1, demod), bias, z1));
}

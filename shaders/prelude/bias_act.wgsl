// What follows a convolution: noise, bias, activation, gain, clamp (paper, figure 2c; stylegan2-ada-pytorch's bias_act).
struct BiasAct {
    noise_n: u32,         // stride of an image's noise map, in fours of pixels; 0 when one map serves the batch
    noise_strength: f32,  // 0: no noise
    slope: f32,           // of the negative half: 0.2 leaky ReLU, 0 ReLU, 1 linear
    gain: f32,
    limit: f32,           // clamp to +-limit; infinity: none
    pad0: f32, pad1: f32, pad2: f32,
}

fn bias_act(a: BiasAct, v: vec4<f32>, bias: vec4<f32>, noise: f32) -> vec4<f32> {
    let t = v + bias + noise * a.noise_strength;
    return limited(select(t * a.slope, t, t >= vec4(0.0)) * a.gain, a.limit);
}

// The same for four pixels of a row.
fn bias_act4(a: BiasAct, v: mat4x4<f32>, bias: vec4<f32>, noise: vec4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(
        bias_act(a, v[0], bias, noise.x), bias_act(a, v[1], bias, noise.y),
        bias_act(a, v[2], bias, noise.z), bias_act(a, v[3], bias, noise.w),
    );
}

// The layer's noise at a pixel of an image `width` pixels wide.
fn noise_at(n: u32, py: i32, px: i32, width: u32) -> f32 {
    if (p.act.noise_strength == 0.0) { return 0.0; }  // nothing of the right size is bound then
    return noise[n * p.act.noise_n + u32(py) * ((width + 3) / 4) + u32(px) / 4][px % 4];
}

// ... and at four pixels from px on, a multiple of 4.
fn noise_at4(a: BiasAct, n: u32, py: i32, px: i32, width: u32) -> vec4<f32> {
    if (a.noise_strength == 0.0) { return vec4<f32>(); }
    return noise[n * a.noise_n + u32(py) * ((width + 3) / 4) + u32(px) / 4];
}


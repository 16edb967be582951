// What follows a convolution of StyleGAN1 before its instance norm: noise per channel, bias, leaky ReLU (paper, figure 1b).
struct NoiseAct {
    noise_n: u32,   // stride of an image's noise map, in fours of pixels; 0 when one map serves the batch
    noise_on: u32,  // 0: no noise, nothing of the right size is bound
    slope: f32,     // of the negative half
    pad: u32,
}

// x + strength * noise + bias, activated; the shader binds x, strength, bias and noise.
fn noise_act(n: u32, c: u32, py: i32, px: i32) -> vec4<f32> {
    var t = widen(x[at(p.x, n, c, py, px)]) + bias[c];
    if (p.act.noise_on == 1) { t += strength[c] * noise[n * p.act.noise_n + u32(py) * ((p.x.width + 3) / 4) + u32(px) / 4][px % 4]; }
    return select(t * p.act.slope, t, t >= vec4(0.0));
}


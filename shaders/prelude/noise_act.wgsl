
// What follows a convolution of StyleGAN1 before its instance norm: noise per channel, bias, leaky ReLU (paper, figure 1b).
struct NoiseAct {
    noise_n: u32,   // stride of an image's noise map, in fours of pixels; 0 when one map serves the batch
    noise_on: u32,  // 0: no noise, nothing of the right size is bound
    slope: f32,     // of the negative half
    pad: u32,
}

// v + strength * z + bias, activated, for four pixels of a row and their noise z.
fn noise_act4(a: NoiseAct, v: mat4x4<f32>, strength: vec4<f32>, bias: vec4<f32>, z: vec4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(
        leaky(a, v[0] + bias + strength * z.x), leaky(a, v[1] + bias + strength * z.y),
        leaky(a, v[2] + bias + strength * z.z), leaky(a, v[3] + bias + strength * z.w),
    );
}

fn leaky(a: NoiseAct, t: vec4<f32>) -> vec4<f32> { return select(t * a.slope, t, t >= vec4(0.0)); }

// The layer's noise at four pixels from px on, a multiple of 4; the shader binds it.
fn noise_at4(a: NoiseAct, n: u32, py: i32, px: i32, width: u32) -> vec4<f32> {
    if (a.noise_on == 0) { return vec4<f32>(); }
    return noise[n * a.noise_n + u32(py) * ((width + 3) / 4) + u32(px) / 4];
}


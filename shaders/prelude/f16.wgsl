// Element type of activations and weights: f16 in memory, f32 in registers. Sums are never f16: 4,608 products of a 3x3
// convolution over 512 channels summed in f16 are off by 5e-2 of their standard deviation.
enable f16;
alias elem4 = vec4<f16>;
fn widen(v: elem4) -> vec4<f32> { return vec4<f32>(v); }
fn narrow(v: vec4<f32>) -> elem4 { return elem4(clamp(v, vec4(-65504.0), vec4(65504.0))); }


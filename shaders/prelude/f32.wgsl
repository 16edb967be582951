// Activations and weights are read as f32.
alias elem4 = vec4<f32>;
fn widen(v: elem4) -> vec4<f32> { return v; }


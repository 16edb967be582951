// Element type of activations and weights: f32.
alias elem4 = vec4<f32>;
fn widen(v: elem4) -> vec4<f32> { return v; }
fn narrow(v: vec4<f32>) -> elem4 { return v; }


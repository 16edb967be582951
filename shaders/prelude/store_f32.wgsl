// The slab written is f32.
alias out4 = vec4<f32>;
fn narrow(v: vec4<f32>) -> out4 { return v; }


// The slab written is f32.
alias out4 = vec4<f32>;
alias out_four = array<out4, 4>;  // four pixels of a row
fn narrow(v: vec4<f32>) -> out4 { return v; }


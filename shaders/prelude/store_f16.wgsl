// The slab written is f16. What does not fit becomes infinity, which every later pass hands on, so that the last one tells it.
alias out4 = vec4<f16>;
alias out_four = array<out4, 4>;  // four pixels of a row
fn narrow(v: vec4<f32>) -> out4 { return out4(v); }


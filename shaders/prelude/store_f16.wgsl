// The slab written is f16; what does not fit becomes the largest half, not infinity.
alias out4 = vec4<f16>;
alias out_four = array<out4, 4>;  // four pixels of a row
fn narrow(v: vec4<f32>) -> out4 { return out4(clamp(v, vec4(-65504.0), vec4(65504.0))); }


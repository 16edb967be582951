// The slab written is f32, stored as 64-bit words (f16_words.wgsl says why).
alias out4 = vec2<u64>;
alias out_four = array<out4, 4>;  // four pixels of a row
fn narrow(v: vec4<f32>) -> out4 { return vec2<u64>(word(v.xy), word(v.zw)); }
fn word(v: vec2<f32>) -> u64 { return u64(bitcast<u32>(v.x)) | (u64(bitcast<u32>(v.y)) << 32u); }


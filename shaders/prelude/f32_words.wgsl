// Activations and weights are f32, read as 64-bit words (f16_words.wgsl says why): two components instead of four.
alias elem4 = vec2<u64>;
alias pair = vec4<u64>;  // two columns, of weights or pixels
alias four = array<elem4, 4>;  // four pixels of a row
fn widen(v: elem4) -> vec4<f32> { return vec4<f32>(floats(v.x), floats(v.y)); }
fn floats(v: u64) -> vec2<f32> { return vec2<f32>(bitcast<f32>(u32(v)), bitcast<f32>(u32(v >> 32u))); }
fn column0(v: pair) -> vec4<f32> { return widen(v.xy); }
fn column1(v: pair) -> vec4<f32> { return widen(v.zw); }
fn paired(a: vec4<f32>, b: vec4<f32>) -> pair { return pair(packed(a.xy), packed(a.zw), packed(b.xy), packed(b.zw)); }
fn packed(v: vec2<f32>) -> u64 { return u64(bitcast<u32>(v.x)) | (u64(bitcast<u32>(v.y)) << 32u); }

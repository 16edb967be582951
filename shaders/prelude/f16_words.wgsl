// Activations and weights are f16, read as 64-bit words: llvmpipe loads a vector lane by lane and component by component, and a
// word is one component instead of four. Sums are never f16 (f16.wgsl).
alias elem4 = u64;
alias pair = vec2<u64>;  // two columns, of weights or pixels
alias four = vec4<u64>;  // four pixels of a row
fn widen(v: elem4) -> vec4<f32> { return vec4<f32>(unpack2x16float(u32(v)), unpack2x16float(u32(v >> 32u))); }
fn column0(v: pair) -> vec4<f32> { return widen(v[0]); }
fn column1(v: pair) -> vec4<f32> { return widen(v[1]); }
fn paired(a: vec4<f32>, b: vec4<f32>) -> pair { return pair(packed(a), packed(b)); }
fn packed(v: vec4<f32>) -> u64 { return u64(pack2x16float(v.xy)) | (u64(pack2x16float(v.zw)) << 32u); }

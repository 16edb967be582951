// Activations and weights are read as f16 and widened. Sums are never f16: 4,608 products of a 3x3 convolution over 512
// channels summed in f16 are off by 5e-2 of their standard deviation.
alias elem4 = vec4<f16>;
alias pair = array<elem4, 2>;  // two columns, of weights or pixels
alias four = array<elem4, 4>;  // four pixels of a row
fn widen(v: elem4) -> vec4<f32> { return vec4<f32>(v); }
fn column0(v: pair) -> vec4<f32> { return widen(v[0]); }
fn column1(v: pair) -> vec4<f32> { return widen(v[1]); }
fn paired(a: vec4<f32>, b: vec4<f32>) -> pair { return pair(elem4(a), elem4(b)); }

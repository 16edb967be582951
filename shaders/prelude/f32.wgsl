// Activations and weights are read as f32.
alias elem4 = vec4<f32>;
alias pair = array<elem4, 2>;  // two columns, of weights or pixels
alias four = array<elem4, 4>;  // four pixels of a row
fn widen(v: elem4) -> vec4<f32> { return v; }
fn column0(v: pair) -> vec4<f32> { return widen(v[0]); }
fn column1(v: pair) -> vec4<f32> { return widen(v[1]); }
fn paired(a: vec4<f32>, b: vec4<f32>) -> pair { return pair(a, b); }

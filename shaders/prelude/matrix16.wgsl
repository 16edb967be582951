
// Matrix units of 16x16x16, f16 products summed in f32 (NVIDIA, AMD from RDNA3). What is staged lies in groups of four.
fn begin(_thread: u32) {}
alias MatX = coop_mat16x16<f16, A>;    // 16 pixels x 16 input channels
alias MatW = coop_mat16x16<f16, B>;    // 16 input channels x 16 outputs
alias MatSum = coop_mat16x16<f32, C>;  // 16 pixels x 16 outputs
var<workgroup> staged_x: array<vec4<f16>, X_SIZE>;
var<workgroup> staged_w: array<vec4<f16>, W_SIZE>;
var<workgroup> staged_sum: array<vec4<f32>, SUM_SIZE>;
fn stage_x(i: u32, v: vec4<f16>) { staged_x[i] = v; }
fn stage_w(i: u32, v: vec4<f16>) { staged_w[i] = v; }
fn load_x(i: u32) -> MatX { return coopLoadT<MatX>(&staged_x[i], X_PITCH); }
fn load_w(i: u32) -> MatW { return coopLoad<MatW>(&staged_w[i], W_PITCH); }
fn multiply_add(a: MatX, b: MatW, sum: MatSum) -> MatSum { return coopMultiplyAdd(a, b, sum); }
fn store_sum(i: u32, sum: MatSum) { coopStoreT(sum, &staged_sum[i], SUM_PITCH); }
fn sum_at(i: u32) -> vec4<f32> { return staged_sum[i]; }


// Matrix units of 8x8x8, f16 products summed in f32 (Apple). Metal loads matrices from scalars, so what is staged lies as such.
// The lengths have names of their own: naga 30 panics on an expression of overrides as the length of an array.
override X_HALVES: u32 = 4 * X_SIZE;
override W_HALVES: u32 = 4 * W_SIZE;
fn begin(_thread: u32) {}
alias MatX = coop_mat8x8<f16, A>;    // 8 pixels x 8 input channels
alias MatW = coop_mat8x8<f16, B>;    // 8 input channels x 8 outputs
alias MatSum = coop_mat8x8<f32, C>;  // 8 pixels x 8 outputs
var<workgroup> staged_x: array<f16, X_HALVES>;
var<workgroup> staged_w: array<f16, W_HALVES>;
var<workgroup> staged_sum: array<f32, 4 * SUM_SIZE>;
fn stage_x(i: u32, v: vec4<f16>) { for (var j = 0u; j < 4; j++) { staged_x[i * 4 + j] = v[j]; } }
fn stage_w(i: u32, v: vec4<f16>) { for (var j = 0u; j < 4; j++) { staged_w[i * 4 + j] = v[j]; } }
fn load_x(i: u32) -> MatX { return coopLoadT<MatX>(&staged_x[i * 4], X_PITCH * 4); }
fn load_w(i: u32) -> MatW { return coopLoad<MatW>(&staged_w[i * 4], W_PITCH * 4); }
fn multiply_add(a: MatX, b: MatW, sum: MatSum) -> MatSum { return coopMultiplyAdd(a, b, sum); }
fn store_sum(i: u32, sum: MatSum) { coopStoreT(sum, &staged_sum[i * 4], SUM_PITCH * 4); }
fn sum_at(i: u32) -> vec4<f32> {
    return vec4(staged_sum[i * 4], staged_sum[i * 4 + 1], staged_sum[i * 4 + 2], staged_sum[i * 4 + 3]);
}


// The matrix units played by the lanes, for tests on a device without any: the same staging, indices and control flow. An
// operand is where it begins; of a sum, each of the first 32 lanes holds the SIDE * SIDE / 32 neighbouring values that its
// number gives. Of 64 lanes, the rest only stage and store.
const HELD = SIDE * SIDE / 32;
alias MatX = u32;
alias MatW = u32;
alias MatSum = array<f32, HELD>;
var<workgroup> staged_x: array<vec4<f16>, X_SIZE>;
var<workgroup> staged_w: array<vec4<f16>, W_SIZE>;
var<workgroup> staged_sum: array<vec4<f32>, SUM_SIZE>;
var<private> lane_id: u32;
fn begin(thread: u32) { lane_id = thread % LANES; }
fn stage_x(i: u32, v: vec4<f16>) { staged_x[i] = v; }
fn stage_w(i: u32, v: vec4<f16>) { staged_w[i] = v; }
fn load_x(i: u32) -> MatX { return i; }
fn load_w(i: u32) -> MatW { return i; }
fn multiply_add(a: MatX, b: MatW, sum: MatSum) -> MatSum {
    var result = sum;
    if (lane_id >= 32) { return result; }
    let first = lane_id * HELD;
    for (var k = 0u; k < SIDE; k++) {
        let v = f32(staged_x[a + first / SIDE * X_PITCH + k / 4][k % 4]);
        for (var j = 0u; j < HELD; j++) {
            let o = first % SIDE + j;
            result[j] += v * f32(staged_w[b + o * W_PITCH + k / 4][k % 4]);
        }
    }
    return result;
}
fn store_sum(i: u32, sum: MatSum) {
    if (lane_id >= 32) { return; }
    var values = sum;
    let first = lane_id * HELD;
    for (var j = 0u; j < HELD; j++) {
        let o = first % SIDE + j;
        staged_sum[i + first / SIDE * SUM_PITCH + o / 4][o % 4] = values[j];
    }
}
fn sum_at(i: u32) -> vec4<f32> { return staged_sum[i]; }

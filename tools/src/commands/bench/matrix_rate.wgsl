// What matrix units can do at most: products of fragments that are in registers already. The units' own WGSL stands before this.
//
// Four subgroups a workgroup; each holds 2 x 2 operands and adds their four products to four sums, four times a round.
struct Params {
    rounds: u32,
    factor: f32,  // as in ceilings.wgsl; not used here
    addend: f32,
    length: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read_write> dst: array<vec4<f32>>;

override LANES: u32 = 32;  // of a subgroup
override THREADS: u32 = 4 * LANES;
const X_PITCH = SIDE / 4 + 2;  // padded by 16 bytes, as in the convolutions
const X_SIZE = 2 * SIDE * X_PITCH;
const W_PITCH = X_PITCH;
const W_SIZE = X_SIZE;
const SUM_PITCH = SIDE / 4 + 1;
const SUM_SIZE = 4 * SIDE * SUM_PITCH;

@compute @workgroup_size(THREADS)
fn matrix_rate(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    begin(thread);
    // A row of 1/2 times a column of 2/SIDE is 1: a sum counts the products that were added to it.
    for (var i = thread; i < X_SIZE; i += THREADS) {
        stage_x(i, vec4<f16>(0.5h));
        stage_w(i, vec4<f16>(vec4<f32>(2.0 / f32(SIDE))));
    }
    workgroupBarrier();
    let x0 = load_x(0);
    let x1 = load_x(SIDE * X_PITCH);
    let w0 = load_w(0);
    let w1 = load_w(SIDE * W_PITCH);
    var s00: MatSum;
    var s01: MatSum;
    var s10: MatSum;
    var s11: MatSum;
    for (var round = 0u; round < p.rounds; round++) {
        for (var step = 0u; step < 4; step++) {
            s00 = multiply_add(x0, w0, s00);
            s01 = multiply_add(x0, w1, s01);
            s10 = multiply_add(x1, w0, s10);
            s11 = multiply_add(x1, w1, s11);
        }
    }
    let scratch = thread / LANES * SIDE * SUM_PITCH;
    let last = scratch + (SIDE - 1) * SUM_PITCH + SIDE / 4 - 1;
    var counted = vec4<f32>();
    store_sum(scratch, s00); workgroupBarrier(); counted.x = sum_at(last).w; workgroupBarrier();
    store_sum(scratch, s01); workgroupBarrier(); counted.y = sum_at(last).w; workgroupBarrier();
    store_sum(scratch, s10); workgroupBarrier(); counted.z = sum_at(last).w; workgroupBarrier();
    store_sum(scratch, s11); workgroupBarrier(); counted.w = sum_at(last).w;
    // The sums are needed to know whether to store, so no compiler leaves them out.
    if (dot(counted, counted) < 0.0 || group.x == 0 && thread == 0) { dst[0] = counted; }
}

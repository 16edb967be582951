// y[o] = bias_act(demod[o] * sum_i W[o,i] (*) (style[i] * x[i]), bias[o], noise): 3x3 or 1x1 of small images on matrix units,
// f16; the sum is split among subgroups (drawn in prelude/split.wgsl).
struct Params {
    band: Band,
    x: Slab,
    y: Slab,
    act: BiasAct,
    style: u32,    // first group of this layer in `style` ...
    style_n: u32,  // ... and groups per image
    demod: u32,
    demod_n: u32,
}
override KERNEL: i32 = 3;
override TAPS: u32 = u32(KERNEL);  // in a row
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<elem4>;          // slab [N, I, H, W]
@group(0) @binding(2) var<storage, read> w: array<Block>;          // [O/16, I/4, k, k, 4] of 4 outputs
@group(0) @binding(3) var<storage, read> style: array<vec4<f32>>;  // [N, all layers' I/4]
@group(0) @binding(4) var<storage, read> demod: array<vec4<f32>>;  // [N, all layers' O/4]
@group(0) @binding(5) var<storage, read> bias: array<vec4<f32>>;   // [O/16 * 4]
@group(0) @binding(6) var<storage, read> noise: array<vec4<f32>>;  // [N or 1, H, W]
@group(0) @binding(7) var<storage, read_write> y: array<out4>;     // slab [N, O, H, W]

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    begin(thread);
    let subgroup = thread / LANES;
    let lane = thread % LANES;
    let pixels = p.band.images * p.band.rows * p.x.width;
    // Pixels beyond the last repeat it; they are not stored.
    let first = find_first(spot(min(group.x * SIDE + lane % SIDE, pixels - 1), p.x.width), group.y, lane);

    var sum0: MatSum;  // SIDE outputs ...
    var sum1: MatSum;  // ... and the next
    fetch(first, subgroup * 4, 0, lane);
    for (var inputs = 0u; inputs < p.x.channels; inputs += 16) {
        for (var k = 0u; k < TAPS; k++) {
            workgroupBarrier();  // everyone has read what was staged before
            stage(subgroup, lane);
            workgroupBarrier();
            let last = k + 1 == TAPS;
            fetch(first, select(inputs, inputs + 16, last) + subgroup * 4, select(k + 1, 0u, last), lane);
            for (var l = 0u; l < TAPS; l++) { multiply_tap(&sum0, &sum1, subgroup, l); }
        }
    }
    finish(sum0, group, thread, 0);
    finish(sum1, group, thread, 1);
}

// From a pixel to what tap 0, 1 or 2 reads.
fn shift(tap: u32) -> i32 {
    return i32(tap) - KERNEL / 2;
}

fn finish(sum: MatSum, group: vec3<u32>, thread: u32, column: u32) {
    workgroupBarrier();
    store_sum(thread / LANES * SIDE * SUM_PITCH, sum);
    workgroupBarrier();
    let m = group.x * SIDE + thread % SIDE;
    let c = (group.y * 2 + column) * SIDE / 4 + thread / SIDE;
    if (thread < SIDE * SIDE / 4 && m < p.band.images * p.band.rows * p.x.width && c < p.y.channels) {
        let at = spot(m, p.x.width);
        let z = noise_at(at.n, at.y, at.x, p.x.width);
        store(at.n, c, at.y, at.x, bias_act(p.act, added(thread) * demod[p.demod + at.n * p.demod_n + c], bias[c], z));
    }
}

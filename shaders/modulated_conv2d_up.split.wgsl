// t[o] = demod[o] * sum_i W[o,i] (x) up2(style[i] * x[i]): stride-2 transposed 3x3, [H, W] -> [2H+1, 2W+1], of small images on
// matrix units, f16; the sum is split among subgroups (drawn in prelude/split.wgsl).
//
// Cell (cy, cx) of the input yields a 2x2 quad of t, from itself and its upper and left neighbours (4 + 2 + 2 + 1 = 9 taps):
// tap (k, l) reads cell (cy - k/2, cx - l/2) and adds to t[2cy + k%2][2cx + l%2].
struct Params {
    band: Band,    // of cells: H + 1 rows
    x: Slab,
    y: Slab,
    style: u32,    // first group of this layer in `style` ...
    style_n: u32,  // ... and groups per image
    demod: u32,
    demod_n: u32,
}
const TAPS = 3u;  // in a row
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<elem4>;          // slab [N, I, H, W]
@group(0) @binding(2) var<storage, read> w: array<Block>;          // [O/16, I/4, k, k, 4] of 4 outputs
@group(0) @binding(3) var<storage, read> style: array<vec4<f32>>;  // [N, all layers' I/4]
@group(0) @binding(4) var<storage, read> demod: array<vec4<f32>>;  // [N, all layers' O/4]
@group(0) @binding(5) var<storage, read_write> y: array<out4>;     // slab [N, O, 2H+1, 2W+1]

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    begin(thread);
    let subgroup = thread / LANES;
    let lane = thread % LANES;
    let cells = p.band.images * p.band.rows * (p.x.width + 1);
    // Cells beyond the last repeat it; they are not stored.
    let first = find_first(spot(min(group.x * SIDE + lane % SIDE, cells - 1), p.x.width + 1), group.y, lane);

    // Phases t[2cy][2cx], t[2cy][2cx+1], t[2cy+1][2cx], t[2cy+1][2cx+1]: SIDE outputs and the next.
    var ee0: MatSum; var ee1: MatSum;
    var eo0: MatSum; var eo1: MatSum;
    var oe0: MatSum; var oe1: MatSum;
    var oo0: MatSum; var oo1: MatSum;
    fetch(first, subgroup * 4, 0, lane);
    for (var inputs = 0u; inputs < p.x.channels; inputs += 16) {
        for (var k = 0u; k < 3; k++) {
            workgroupBarrier();  // everyone has read what was staged before
            stage(subgroup, lane);
            workgroupBarrier();
            fetch(first, select(inputs, inputs + 16, k == 2) + subgroup * 4, select(k + 1, 0u, k == 2), lane);
            if (k == 1) {
                multiply_tap(&oe0, &oe1, subgroup, 0);
                multiply_tap(&oo0, &oo1, subgroup, 1);
                multiply_tap(&oe0, &oe1, subgroup, 2);
            } else {
                multiply_tap(&ee0, &ee1, subgroup, 0);
                multiply_tap(&eo0, &eo1, subgroup, 1);
                multiply_tap(&ee0, &ee1, subgroup, 2);
            }
        }
    }
    finish_phase(ee0, ee1, group, thread, 0, 0);
    finish_phase(eo0, eo1, group, thread, 0, 1);
    finish_phase(oe0, oe1, group, thread, 1, 0);
    finish_phase(oo0, oo1, group, thread, 1, 1);
}

// From a cell to what tap 0, 1 or 2 reads.
fn shift(tap: u32) -> i32 {
    return -i32(tap / 2);
}

fn finish_phase(sum0: MatSum, sum1: MatSum, group: vec3<u32>, thread: u32, dy: i32, dx: i32) {
    finish(sum0, group, thread, dy, dx, 0);
    finish(sum1, group, thread, dy, dx, 1);
}

fn finish(sum: MatSum, group: vec3<u32>, thread: u32, dy: i32, dx: i32, column: u32) {
    workgroupBarrier();
    store_sum(thread / LANES * SIDE * SUM_PITCH, sum);
    workgroupBarrier();
    let m = group.x * SIDE + thread % SIDE;
    let c = (group.y * 2 + column) * SIDE / 4 + thread / SIDE;
    if (thread < SIDE * SIDE / 4 && m < p.band.images * p.band.rows * (p.x.width + 1) && c < p.y.channels) {
        let at = spot(m, p.x.width + 1);
        let ty = 2 * at.y + dy;
        let tx = 2 * at.x + dx;
        // The last row and column of cells only have their even phases.
        if (ty < i32(p.y.height) && tx < i32(p.y.width)) {
            store(at.n, c, ty, tx, added(thread) * demod[p.demod + at.n * p.demod_n + c]);
        }
    }
}

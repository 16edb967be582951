// y = a + upsample2d(b): the sum of a residual block, its skip branch up-sampled (Karras et al. 2020, figure 7c).
//
// A thread owns 4 pixels of a row and 4 channels.
struct Params {
    band: Band,
    a: Slab,
    b: Slab,
    y: Slab,
    phases: Phases,
}
override TAPS: i32 = 4;
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<four>;           // slab [N, C, R, R]
@group(0) @binding(2) var<storage, read> b: array<elem4>;          // slab [N, C, R/2, R/2]
@group(0) @binding(3) var<storage, read_write> y: array<out_four>; // slab [N, C, R, R]

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    // Parameters are read here, once: behind a condition or in a loop, a processor reads them for every lane.
    let bs = p.b;
    let ys = p.y;
    let sums = p.a;
    let phases = p.phases;
    let band = p.band;
    let quads = (ys.width + 3) / 4;
    let index = (group.x + group.y * groups.x) * 64 + thread;
    if (index >= quads * ys.channels * band.rows) { return; }
    let px = i32(index % quads) * 4;
    let c = index / quads % ys.channels;
    let py = i32(band.y + index / (quads * ys.channels));
    let n = band.n + group.z;
    let v = widen4(a[four_at(sums, n, c, py, px)]) + upsample4(bs, phases, n, c, py, px);
    store4(ys, four_at(ys, n, c, py, px), px, v);
    zero_border(ys, n, c, 1, py, px, 1, 4);
}

fn sample(i: i32) -> vec4<f32> { return widen(b[i]); }

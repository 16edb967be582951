// (mean, M2) of lrelu(x + strength * noise + bias) over a few rows of a channel, M2 = sum (v - mean)^2: half of an instance norm.
//
// A workgroup owns some rows of 4 channels, about 4096 pixels: an image of a megapixel keeps a GPU busy, and a band of rows
// is a band of workgroups. The second loop reads what the first has brought into the cache; sums of squares would cancel.
struct Params {
    band: Band,       // of chunks
    x: Slab,
    act: NoiseAct,
    chunk_rows: u32,
    chunks: u32,
    channels: u32,    // groups of four
    pad: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<elem4>;                   // slab [N or 1, C, R, R]
@group(0) @binding(2) var<storage, read> strength: array<vec4<f32>>;        // [C/4]
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;            // [C/4]
@group(0) @binding(4) var<storage, read> noise: array<vec4<f32>>;     // [N or 1, R, R]
@group(0) @binding(5) var<storage, read_write> statistics: array<vec4<f32>>;  // [N, chunks, 2, C/4]

var<workgroup> partial: array<vec4<f32>, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let chunk = p.band.y + group.x;
    let c = group.y;
    let n = p.band.n + group.z;
    let top = chunk * p.chunk_rows;
    let count = min(p.chunk_rows, p.x.height - top) * p.x.width;
    // 64 pixels further, without a division.
    let width = i32(p.x.width);
    let down = 64 / width;
    let right = 64 % width;
    let first_y = i32(top + thread / p.x.width);
    let first_x = i32(thread % p.x.width);

    var sum = vec4<f32>();
    var py = first_y;
    var px = first_x;
    for (var i = thread; i < count; i += 64u) {
        sum += noise_act(n, c, py, px);
        py += down + select(0, 1, px + right >= width);
        px += right - select(0, width, px + right >= width);
    }
    let mean = total(sum, thread) / f32(count);
    var m2 = vec4<f32>();
    py = first_y;
    px = first_x;
    for (var i = thread; i < count; i += 64u) {
        let d = noise_act(n, c, py, px) - mean;
        m2 += d * d;
        py += down + select(0, 1, px + right >= width);
        px += right - select(0, width, px + right >= width);
    }
    let sum_m2 = total(m2, thread);
    if (thread == 0) {
        let first = (n * p.chunks + chunk) * 2 * p.channels + c;
        statistics[first] = mean;
        statistics[first + p.channels] = sum_m2;
    }
}

// The sum over the workgroup.
fn total(v: vec4<f32>, thread: u32) -> vec4<f32> {
    workgroupBarrier();
    partial[thread] = v;
    for (var step = 32u; step > 0u; step /= 2u) {
        workgroupBarrier();
        if (thread < step) { partial[thread] += partial[thread + step]; }
    }
    workgroupBarrier();
    return partial[0];
}

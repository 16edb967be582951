// (mean, M2) of lrelu(x + strength * noise + bias) over a few rows of a channel, M2 = sum (v - mean)^2: half of an instance norm.
//
// A workgroup owns some rows of 4 channels, about 4096 pixels: an image of a megapixel keeps a GPU busy, and a band of rows
// is a band of workgroups. A thread walks over fours of pixels and sums differences from its first pixel, and their squares: of k values
// one of which is the pivot, the squares are at most k times what is left of them, so little cancels. Threads, as chunks, are then put
// together by the formula of Chan et al. (1979).
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
@group(0) @binding(1) var<storage, read> x: array<four>;                    // slab [N or 1, C, R, R]
@group(0) @binding(2) var<storage, read> strength: array<vec4<f32>>;        // [C/4]
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;            // [C/4]
@group(0) @binding(4) var<storage, read> noise: array<vec4<f32>>;           // [N or 1, R, R]
@group(0) @binding(5) var<storage, read_write> statistics: array<vec4<f32>>;  // [N, chunks, 2, C/4]

var<workgroup> partial: array<vec4<f32>, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    // Parameters are read here, once: behind a condition or in a loop, a processor reads them for every lane.
    let xs = p.x;
    let act = p.act;
    let chunk = p.band.y + group.x;
    let c = group.y;
    let n = p.band.n + group.z;
    let top = chunk * p.chunk_rows;
    let rows = min(p.chunk_rows, xs.height - top);
    let width = i32(xs.width);
    let quads = (xs.width + 3) / 4;
    let b = bias[c];
    let s = strength[c];
    // 64 fours further, without a division.
    let down = i32(64 / quads);
    let right = i32(64 % quads) * 4;
    var py = i32(top + thread / quads);
    var px = i32(thread % quads) * 4;

    var pivot = vec4<f32>();
    var sum = vec4<f32>();
    var squares = vec4<f32>();
    var count = 0;
    for (var i = thread; i < rows * quads; i += 64u) {
        let v = noise_act4(act, widen4(x[four_at(xs, n, c, py, px)]), s, b, noise_at4(act, n, py, px, xs.width));
        pivot = select(pivot, v[0], count == 0);
        let there = min(width - px, 4);
        let d0 = v[0] - pivot;
        let d1 = select(vec4<f32>(), v[1] - pivot, there > 1);
        let d2 = select(vec4<f32>(), v[2] - pivot, there > 2);
        let d3 = select(vec4<f32>(), v[3] - pivot, there > 3);
        sum += (d0 + d1) + (d2 + d3);
        squares += (d0 * d0 + d1 * d1) + (d2 * d2 + d3 * d3);
        count += there;
        let wraps = px + right >= i32(quads) * 4;
        py += down + select(0, 1, wraps);
        px += right - select(0, i32(quads) * 4, wraps);
    }
    let k = f32(count);
    let off = sum / max(k, 1.0);
    let all = f32(rows) * f32(xs.width);
    let mean = total((pivot + off) * k, thread) / all;
    let d = pivot + off - mean;
    let m2 = total(max(squares - off * sum, vec4<f32>()) + d * d * k, thread);
    if (thread == 0) {
        let first = (n * p.chunks + chunk) * 2 * p.channels + c;
        statistics[first] = mean;
        statistics[first + p.channels] = m2;
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

// img = clamp(W (style * x) + bias) + upsample2d(skip): torgb of small images; the sum is split among threads.
//
// A workgroup owns 4 squares of 4 x 4 pixels. Of the 16 threads of a square each sums every 16th group of inputs, over all of it; then
// each adds the partial sums of one pixel, in that order; then 4 of them store a row each. Alone, a thread would walk 128 groups
// one after the other while the rest of the GPU waits: 29 us at 4x4 as at 64x64 on RDNA 3, by the model.
struct Params {
    band: Band,
    x: Slab,
    skip: Slab,      // a single zero pixel when there is nothing below
    y: Slab,
    style: u32,      // first group of this layer in `style` ...
    style_n: u32,    // ... and groups per image
    limit: f32,      // clamp of W x + bias; infinity: none
    pad: f32,
    phases: Phases,  // zeros when there is nothing below
}
override TAPS: i32 = 4;
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<four>;           // slab [N, I, R, R]
@group(0) @binding(2) var<storage, read> w: array<vec4<f32>>;      // [I/4, 4 inputs] of 4 outputs
@group(0) @binding(3) var<storage, read> style: array<vec4<f32>>;  // [N, all layers' I/4]
@group(0) @binding(4) var<storage, read> bias: array<vec4<f32>>;   // [1]
@group(0) @binding(5) var<storage, read> skip: array<vec4<f32>>;   // slab [N, C, R/2, R/2]
@group(0) @binding(6) var<storage, read_write> y: array<out_four>; // slab [N, C, R, R]

const SLICES = 16u;
var<workgroup> partial: array<vec4<f32>, 1024>;  // [16 pixels][64 threads]: the 16 KiB that every device has

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let n = p.band.n + group.z;
    let quads = (p.x.width + 3) / 4;
    let squares = quads * ((p.band.rows + 3) / 4);
    let square = (group.x + group.y * groups.x) * 4 + thread / SLICES;
    let slice = thread % SLICES;
    // A square beyond the last repeats it and is not stored.
    let index = min(square, squares - 1);
    let py = i32(p.band.y + index / quads * 4);
    let px = i32(index % quads) * 4;
    let end = i32(p.band.y + p.band.rows);

    // Rows below the band repeat its last one; they are not stored.
    let i0 = four_at(p.x, n, 0, py, px);
    let i1 = i0 + select(0, p.x.y >> 2u, py + 1 < end);
    let i2 = i1 + select(0, p.x.y >> 2u, py + 2 < end);
    let i3 = i2 + select(0, p.x.y >> 2u, py + 3 < end);
    var s0: mat4x4<f32>;
    var s1: mat4x4<f32>;
    var s2: mat4x4<f32>;
    var s3: mat4x4<f32>;
    for (var i = slice; i < p.x.channels; i += SLICES) {
        let s = style[p.style + n * p.style_n + i];
        let m = mat4x4<f32>(w[i * 4] * s.x, w[i * 4 + 1] * s.y, w[i * 4 + 2] * s.z, w[i * 4 + 3] * s.w);
        let step = i32(i) * (p.x.c >> 2u);
        s0 += m * widen4(x[i0 + step]);
        s1 += m * widen4(x[i1 + step]);
        s2 += m * widen4(x[i2 + step]);
        s3 += m * widen4(x[i3 + step]);
    }
    keep_row(0, thread, s0);
    keep_row(1, thread, s1);
    keep_row(2, thread, s2);
    keep_row(3, thread, s3);
    workgroupBarrier();
    var sum = vec4<f32>();
    for (var i = 0u; i < SLICES; i++) { sum += partial[place(slice, thread / SLICES * SLICES + i)]; }
    workgroupBarrier();
    partial[thread] = limited(sum + bias[0], p.limit);
    workgroupBarrier();
    if (square >= squares || slice >= 4) { return; }
    let row = py + i32(slice);
    if (row >= end) { return; }
    let first = thread / SLICES * SLICES + slice * 4;
    let image = mat4x4<f32>(partial[first], partial[first + 1], partial[first + 2], partial[first + 3]);
    store4(p.y, four_at(p.y, n, 0, row, px), px, image + upsample4(p.skip, p.phases, n, 0, row, px));
    zero_border(p.y, n, 0, 1, row, px, 1, 4);
}

fn sample(i: i32) -> vec4<f32> { return skip[i]; }

// Where a thread keeps its sum of a pixel: neighbours, of threads and of pixels, lie in different banks.
fn place(pixel: u32, thread: u32) -> u32 { return pixel * 64 + (thread ^ pixel); }

fn keep_row(row: u32, thread: u32, sum: mat4x4<f32>) {
    partial[place(row * 4, thread)] = sum[0];
    partial[place(row * 4 + 1, thread)] = sum[1];
    partial[place(row * 4 + 2, thread)] = sum[2];
    partial[place(row * 4 + 3, thread)] = sum[3];
}

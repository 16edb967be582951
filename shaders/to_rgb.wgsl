// img = clamp(W (style * x) + bias) + upsample2d(skip): torgb of a block, and the image of the block below it, doubled.
//
// A thread owns 4 pixels of 4 rows, all channels of the image; img stays f32 whatever the activations are.
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

const ROWS = 4;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    // Parameters are read here, once: behind a condition or in a loop, a processor reads them for every lane.
    let xs = p.x;
    let ys = p.y;
    let skips = p.skip;
    let phases = p.phases;
    let limit = p.limit;
    let band = p.band;
    let n = band.n + group.z;
    let b = bias[0];
    let styles = p.style + n * p.style_n;
    let quads = (xs.width + 3) / 4;
    let index = (group.x + group.y * groups.x) * 64 + thread;
    if (index >= quads * ((band.rows + u32(ROWS) - 1) / u32(ROWS))) { return; }
    let py = i32(band.y + index / quads * u32(ROWS));
    let px = i32(index % quads) * 4;
    let end = i32(band.y + band.rows);

    // Rows below the band repeat its last one; they are not stored.
    var i0 = four_at(xs, n, 0, py, px);
    var i1 = i0 + select(0, xs.y >> 2u, py + 1 < end);
    var i2 = i1 + select(0, xs.y >> 2u, py + 2 < end);
    var i3 = i2 + select(0, xs.y >> 2u, py + 3 < end);
    var s0: mat4x4<f32>;
    var s1: mat4x4<f32>;
    var s2: mat4x4<f32>;
    var s3: mat4x4<f32>;
    for (var i = 0u; i < xs.channels; i++) {
        let s = style[styles + i];
        let m = mat4x4<f32>(w[i * 4] * s.x, w[i * 4 + 1] * s.y, w[i * 4 + 2] * s.z, w[i * 4 + 3] * s.w);
        s0 += m * widen4(x[i0]);
        s1 += m * widen4(x[i1]);
        s2 += m * widen4(x[i2]);
        s3 += m * widen4(x[i3]);
        i0 += xs.c >> 2u;
        i1 += xs.c >> 2u;
        i2 += xs.c >> 2u;
        i3 += xs.c >> 2u;
    }

    s0 = limited4(s0, b, limit);
    s1 = limited4(s1, b, limit);
    s2 = limited4(s2, b, limit);
    s3 = limited4(s3, b, limit);
    // A loop, and no array that it indexes, which would have it unrolled: the samples of four rows were most of the machine code.
    var o = four_at(ys, n, 0, py, px);
    for (var r = 0; r < min(ROWS, end - py); r++) {
        store4(ys, o, px, s0 + upsample4(skips, phases, n, 0, py + r, px));
        s0 = s1;
        s1 = s2;
        s2 = s3;
        o += ys.y >> 2u;
    }
    zero_border(ys, n, 0, 1, py, px, min(ROWS, end - py), 4);
}

fn sample(i: i32) -> vec4<f32> { return skip[i]; }

fn limited4(v: mat4x4<f32>, bias: vec4<f32>, limit: f32) -> mat4x4<f32> {
    return mat4x4<f32>(limited(v[0] + bias, limit), limited(v[1] + bias, limit), limited(v[2] + bias, limit), limited(v[3] + bias, limit));
}

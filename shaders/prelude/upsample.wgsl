// upsample2d by 2 on each axis: v[j] = 2 sum_k f[k] u[j + T-1 - k - a] with u[2i] the samples, zero between, a = (T+1)/2. Every other
// tap meets a sample: v[2q + odd] = sum_d phase[odd][d] sample[q + odd + d], d = -2 .. 1 (-1 and 0 for up to four taps).
//
//     |s-2 s-1 s0 s1 s2 s3|    samples from q - 2 on; up to four taps reach from s-1 to s2
//     |  v0 v1 v2 v3      |    four pixels from 2q on
struct Phases { even: vec4<f32>, odd: vec4<f32> }

// Four pixels of row py from px on, a multiple of 4; the shader has sample(i), four channels at an index of the slab `s`.
fn upsample4(s: Slab, phases: Phases, n: u32, c: u32, py: i32, px: i32) -> mat4x4<f32> {
    let odd = py & 1;
    let rows = select(phases.even, phases.odd, odd == 1);
    let i = at(s, n, c, (py >> 1u) + odd, px >> 1u);
    var sum = upsampled_line(s, phases, i - s.y) * rows.y + upsampled_line(s, phases, i) * rows.z;
    if (TAPS > 4) { sum += upsampled_line(s, phases, i - 2 * s.y) * rows.x + upsampled_line(s, phases, i + s.y) * rows.w; }
    return sum;
}

// ... of a row of samples, the first of which for v0 and v1 is at i.
fn upsampled_line(s: Slab, phases: Phases, i: i32) -> mat4x4<f32> {
    let e = phases.even;
    let o = phases.odd;
    let a = sample(i - s.x);
    let b = sample(i);
    let c = sample(i + s.x);
    let d = sample(i + 2 * s.x);
    var line = mat4x4<f32>(a * e.y + b * e.z, b * o.y + c * o.z, b * e.y + c * e.z, c * o.y + d * o.z);
    if (TAPS > 4) {
        let first = sample(i - 2 * s.x);
        let last = sample(i + 3 * s.x);
        line += mat4x4<f32>(first * e.x + c * e.w, a * o.x + d * o.w, a * e.x + d * e.w, b * o.x + last * o.w);
    }
    return line;
}

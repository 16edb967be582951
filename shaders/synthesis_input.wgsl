// y[c] = amplitude[c] * sin(2 pi (f'[c] . (x, y) + phase'[c])): StyleGAN3's Fourier features (Karras et al. 2021, section 3.1).
//
// M = R(t0, t1) * translate(-t2, -t3) * transform, t = styles / |t0, t1|; phase' = phase + f M[:2,2], f' = f M[:2,:2]. The amplitude
// falls to 0 between the bandwidth and half of the sampling rate. A thread owns a pixel and four channels.
struct Params {
    band: Band,
    y: Slab,
    style: u32,          // first group of the four styles in `style` ...
    style_n: u32,        // ... and groups per image
    margin: i32,         // y has so many zeros as pixels of their own on every side
    bandwidth: f32,      // cycles per unit
    sampling_rate: f32,  // pixels per unit
    pad0: u32, pad1: u32, pad2: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> style: array<vec4<f32>>;      // [N, all layers' styles]
@group(0) @binding(2) var<storage, read> transform: array<vec4<f32>>;  // [N, 3 rows of three and a zero]
@group(0) @binding(3) var<storage, read> waves: array<vec4<f32>>;      // [C, (frequencies along x and y, phase, 0)]
@group(0) @binding(4) var<storage, read_write> y: array<out4>;         // slab [N, C, H, W]

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let index = (group.x + group.y * groups.x) * 64 + thread;
    if (index >= p.y.width * p.y.channels * p.band.rows) { return; }
    let px = i32(index % p.y.width);
    let c = index / p.y.width % p.y.channels;
    let py = i32(p.band.y + index / (p.y.width * p.y.channels));
    let n = p.band.n + group.z;

    let t = style[p.style + n * p.style_n];
    let size = vec2(f32(i32(p.y.width) - 2 * p.margin), f32(i32(p.y.height) - 2 * p.margin));
    let pixel = vec2(f32(px - p.margin), f32(py - p.margin));
    // From the centre of the picture, in units of its height at the output's rate.
    let spot = (2.0 * pixel + 1.0 - size) / (2.0 * p.sampling_rate);
    let first = 4 * c;
    let v = vec4(wave(n, first, t, spot), wave(n, first + 1, t, spot), wave(n, first + 2, t, spot), wave(n, first + 3, t, spot));
    let inside = px >= p.margin && py >= p.margin && pixel.x < size.x && pixel.y < size.y;
    store(n, c, py, px, select(vec4<f32>(), v, inside));
}

fn wave(n: u32, c: u32, styles: vec4<f32>, spot: vec2<f32>) -> f32 {
    let w = waves[c];
    let t = styles / length(styles.xy);
    // The row vector of frequencies times the learned rotation and translation, then the caller's map.
    let f = vec2(w.x * t.x + w.y * t.y, w.y * t.x - w.x * t.y);
    let h = vec3(f, -dot(f, t.zw));
    let m = h.x * transform[3 * n] + h.y * transform[3 * n + 1] + h.z * transform[3 * n + 2];
    let turns = dot(m.xy, spot) + (w.z + m.z);
    let amplitude = clamp(1.0 - (length(m.xy) - p.bandwidth) / (p.sampling_rate / 2.0 - p.bandwidth), 0.0, 1.0);
    return sine(turns) * amplitude;
}

// sin(2 pi v). The language's sin is only promised to within 2^-11; this polynomial is off by 3e-7.
fn sine(v: f32) -> f32 {
    let turn = v - round(v);
    // The quarters beyond +-1/4 are those before it, mirrored.
    let a = select(turn, sign(turn) * 0.5 - turn, abs(turn) > 0.25) * 6.2831853;
    let b = a * a;
    return a * (1.0 + b * (-0.16666667 + b * (0.0083333333 + b * (-0.00019841270 + b * (2.7557319e-6 + b * -2.5052108e-8)))));
}

// rgba = u8(clamp(img * 127.5 + 128, 0, 255)), truncated: NVIDIA's rounding. One channel becomes grey, a missing alpha 255,
// or 0 where the pixel is NaN or infinite: so the host sees what clamping would hide.
struct Params {
    band: Band,
    img: Slab,
    channels: u32,
    pad0: u32, pad1: u32, pad2: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> img: array<vec4<f32>>;      // slab [N, C, R, R]
@group(0) @binding(2) var<storage, read_write> rgba: array<u32>;     // [N, R, R], red in the lowest byte

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let index = (group.x + group.y * groups.x) * 64 + thread;
    if (index >= p.img.width * p.band.rows) { return; }
    let n = p.band.n + group.z;
    let py = p.band.y + index / p.img.width;
    let px = index % p.img.width;
    let value = img[at(p.img, n, 0, i32(py), i32(px))];
    // By its bits: a compiler may take it for granted that no float is NaN.
    let finite = !any((bitcast<vec4<u32>>(value) & vec4(0x7f800000u)) == vec4(0x7f800000u));
    let v = vec4<u32>(clamp(value * 127.5 + 128.0, vec4(0.0), vec4(255.0)));
    let alpha = select(select(0u, 255u, finite), select(v.w, v.y, p.channels == 2u), p.channels == 2u || p.channels == 4u);
    let colour = select(v.xyz, v.xxx, p.channels <= 2u);
    rgba[(n * p.img.height + py) * p.img.width + px] = colour.x | (colour.y << 8u) | (colour.z << 16u) | (alpha << 24u);
}

// The picture into a host's texture, drawn as one triangle: colour = rgba8 / 255 where the texture holds 8 bits, (img + 1) / 2 where it
// holds floats. A texture that encodes sRGB by itself is given what it makes the same bytes of.
struct Params {
    img: Slab,
    channels: u32,
    image: u32,
    srgb: u32,
    first: u32,  // the picture's first pixel in what is bound of rgba
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> rgba: array<u32>;           // [N, H, W], red in the lowest byte
@group(0) @binding(2) var<storage, read> img: array<vec4<f32>>;      // slab [N, C, H, W]

@vertex
fn corners(@builtin(vertex_index) vertex: u32) -> @builtin(position) vec4<f32> {
    return vec4(f32(i32(vertex & 1u) * 4 - 1), f32(i32(vertex >> 1u) * 4 - 1), 0.0, 1.0);
}

@fragment
fn bytes(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    let at_pixel = min(vec2<u32>(position.xy), vec2(p.img.width - 1, p.img.height - 1));
    let pixel = rgba[p.first + at_pixel.y * p.img.width + at_pixel.x];
    let colour = vec4<f32>((vec4(pixel) >> vec4(0u, 8u, 16u, 24u)) & vec4(255u)) / 255.0;
    let linear = select(pow((colour.rgb + 0.055) / 1.055, vec3(2.4)), colour.rgb / 12.92, colour.rgb <= vec3(0.04045));
    return vec4(select(colour.rgb, linear, p.srgb == 1u), colour.a);
}

@fragment
fn floats(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    let at_pixel = min(vec2<u32>(position.xy), vec2(p.img.width - 1, p.img.height - 1));
    let value = img[at(p.img, p.image, 0, i32(at_pixel.y), i32(at_pixel.x))] * 0.5 + 0.5;
    let alpha = select(select(1.0, value.w, p.channels == 4u), value.y, p.channels == 2u);
    return vec4(select(value.xyz, value.xxx, p.channels <= 2u), alpha);
}

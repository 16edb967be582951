// v within +-limit, and NaN where v is: clamp may make a number of it. It is told by its bits, because a compiler may take it for
// granted that no float is NaN.
fn limited(v: vec4<f32>, limit: f32) -> vec4<f32> {
    let nan = (bitcast<vec4<u32>>(v) & vec4(0x7fffffffu)) > vec4(0x7f800000u);
    return select(clamp(v, vec4(-limit), vec4(limit)), v, nan);
}


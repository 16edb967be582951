// The slab written is f16, stored as 64-bit words (f16_words.wgsl says why); what does not fit becomes the largest half.
alias out4 = u64;
fn narrow(v: vec4<f32>) -> out4 {
    let h = clamp(v, vec4(-65504.0), vec4(65504.0));
    return u64(pack2x16float(h.xy)) | u64(pack2x16float(h.zw)) << 32u;
}


// The slab written is f16, stored as 64-bit words (f16_words.wgsl says why); what does not fit becomes infinity (store_f16.wgsl).
alias out4 = u64;
alias out_four = vec4<u64>;  // four pixels of a row
fn narrow(v: vec4<f32>) -> out4 {
    let h = halves(v);
    return u64(h.x | (h.y << 16u)) | (u64(h.z | (h.w << 16u)) << 32u);
}

// The bits of v as f16, rounded to nearest, ties to even. A third of the instructions that llvmpipe makes of pack2x16float.
fn halves(v: vec4<f32>) -> vec4<u32> {
    let bits = bitcast<vec4<u32>>(v);
    // At most 65536, which is infinity. NaN, whose bits are more than that, becomes it too: nothing may reach beyond 16 bits, into
    // another channel.
    let a = min(bits & vec4(0x7fffffffu), vec4(0x47800000u));
    // The exponent's bias falls from 127 to 15, thirteen bits of the mantissa go: half of the last place is added, less 1 where it is even.
    let normal = (a + ((a >> vec4(13u)) & vec4(1u)) - vec4(0x37fff001u)) >> vec4(13u);
    // Below 2^-14 the last place is 2^-24, as that of f32 is at 0.5: an addition rounds.
    let subnormal = bitcast<vec4<u32>>(bitcast<vec4<f32>>(a) + vec4(0.5)) - vec4(0x3f000000u);
    return select(normal, subnormal, a < vec4(0x38800000u)) | ((bits >> vec4(16u)) & vec4(0x8000u));
}

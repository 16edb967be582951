// What matrix kernels stage: 16 inputs in a row, of a pixel or of an output, four at a time.

// Weights as they are packed: four inputs to 4 outputs.
struct Block { a: vec4<f16>, b: vec4<f16>, c: vec4<f16>, d: vec4<f16> }

// A block into the rows of its four outputs, the first of which is at i.
fn stage_block(i: u32, block: Block) {
    stage_w(i, vec4(block.a.x, block.b.x, block.c.x, block.d.x));
    stage_w(i + W_PITCH, vec4(block.a.y, block.b.y, block.c.y, block.d.y));
    stage_w(i + 2 * W_PITCH, vec4(block.a.z, block.b.z, block.c.z, block.d.z));
    stage_w(i + 3 * W_PITCH, vec4(block.a.w, block.b.w, block.c.w, block.d.w));
}

// 16 channels of a pixel into its row at i, modulated: the first four at x[first], whose style is style[s].
fn stage_pixel(i: u32, first: i32, s: u32) {
    stage_x(i, vec4<f16>(widen(x[first]) * style[s]));
    stage_x(i + 1, vec4<f16>(widen(x[first + p.x.c]) * style[s + 1]));
    stage_x(i + 2, vec4<f16>(widen(x[first + 2 * p.x.c]) * style[s + 2]));
    stage_x(i + 3, vec4<f16>(widen(x[first + 3 * p.x.c]) * style[s + 3]));
}

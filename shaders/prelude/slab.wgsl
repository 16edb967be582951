// A slab is an activation [N][border+H+border][C/4][lead+W] of groups of four channels; src/tensor.rs draws it. Lines begin at
// multiples of four pixels: pixels 0, 4, 8, ... of a line are the first ones of a `four`, and at() / 4 is its index.
struct Slab {
    origin: i32,    // index of (0, 0, 0, 0); negative when the band bound starts further down
    n: i32,         // stride of an image
    y: i32,         // stride of a row
    c: i32,         // stride of a group of four channels
    x: i32,         // stride of a pixel
    channels: u32,  // groups of four channels
    height: u32,
    width: u32,
    border: i32,
    pad0: i32, pad1: i32, pad2: i32,
}

// The rows and images of this dispatch.
struct Band {
    y: u32,
    rows: u32,
    n: u32,
    images: u32,
}

fn at(s: Slab, n: u32, c: u32, y: i32, x: i32) -> i32 {
    return s.origin + i32(n) * s.n + i32(c) * s.c + y * s.y + x * s.x;
}

// The index of four pixels of a row from px on, a multiple of 4. The maximum changes nothing; LLVM, which otherwise redoes the sum for
// every lane that llvmpipe loads or stores for, leaves it alone.
fn four_at(s: Slab, n: u32, c: u32, y: i32, x: i32) -> i32 { return max(at(s, n, c, y, x) >> 2u, 0); }

// Four pixels of a row as a matrix, a column each.
fn widen4(v: four) -> mat4x4<f32> { return mat4x4<f32>(widen(v[0]), widen(v[1]), widen(v[2]), widen(v[3])); }

// Each pixel times the channels' factors.
fn modulate4(v: mat4x4<f32>, style: vec4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(v[0] * style, v[1] * style, v[2] * style, v[3] * style);
}

// The rectangle of border pixels that the owner of pixel (y, x) zeroes: x0, x1, y0, y1, inclusive and relative to the pixel.
// A pixel inside the image has the empty rectangle (0, 0, 0, 0), which holds only the pixel itself. On the right the border begins where
// the last four pixels end: whoever loads four has zeros beside the image.
fn shadow(s: Slab, y: i32, x: i32) -> vec4<i32> {
    let right = (-i32(s.width) & 3) * s.x + s.border;
    return vec4<i32>(
        select(0, -s.border, x == 0), select(0, right, x == i32(s.width) - 1),
        select(0, -s.border, y == 0), select(0, s.border, y == i32(s.height) - 1),
    );
}


// A slab is an activation [N][border+H+border][C/4][border+W+border] of groups of four channels; src/tensor.rs draws it.
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

// The rectangle of border pixels that the owner of pixel (y, x) zeroes: x0, x1, y0, y1, inclusive and relative to the pixel.
// A pixel inside the image has the empty rectangle (0, 0, 0, 0), which holds only the pixel itself.
fn shadow(s: Slab, y: i32, x: i32) -> vec4<i32> {
    return vec4<i32>(
        select(0, -s.border, x == 0), select(0, s.border, x == i32(s.width) - 1),
        select(0, -s.border, y == 0), select(0, s.border, y == i32(s.height) - 1),
    );
}


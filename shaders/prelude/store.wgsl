// Stores four channels of a pixel of `y`, and zeroes the border next to it when the pixel is at an edge.
fn store(n: u32, c: u32, py: i32, px: i32, v: vec4<f32>) {
    y[at(p.y, n, c, py, px)] = narrow(v);
    zero_beside(n, c, py, px);
}

// Zeroes the border of `y` next to four channels of a pixel that is at an edge.
fn zero_beside(n: u32, c: u32, py: i32, px: i32) {
    let i = at(p.y, n, c, py, px);
    let s = shadow(p.y, py, px);
    if (any(s != vec4(0))) {
        for (var dy = s.z; dy <= s.w; dy++) {
            for (var dx = s.x; dx <= s.y; dx++) {
                if (dx != 0 || dy != 0) { y[i + dy * p.y.y + dx * p.y.x] = out4(); }
            }
        }
    }
}

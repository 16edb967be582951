// Stores four pixels of a row of the slab `s`, bound as `y`, at the index that four_at gives for px, a multiple of 4. Pixels right of
// the image are stored as zeros.
fn store4(s: Slab, i: i32, px: i32, v: mat4x4<f32>) {
    let there = i32(s.width) - px;
    if (there > 0) {
        y[i] = out_four(
            select(out4(), narrow(v[0]), there > 0), select(out4(), narrow(v[1]), there > 1),
            select(out4(), narrow(v[2]), there > 2), select(out4(), narrow(v[3]), there > 3),
        );
    }
}

// Zeroes the border next to `rows` x `columns` pixels from (py, px) on, px a multiple of 4, in `channels` groups from c on; what reaches
// beyond the image is cut off.
//
// The lead of a line is the right border of the line before it. So the first pixels of a row zero their lead, and the last pixels
// of the last line also zero what follows. Once for all pixels of a thread: on a processor, code behind a condition takes its time.
fn zero_border(s: Slab, n: u32, c: u32, channels: u32, py: i32, px: i32, rows: i32, columns: i32) {
    let height = i32(s.height);
    let width = i32(s.width);
    let lead = (s.border + 3) >> 2u;
    let end = min(py + rows, height);
    let top = select(py, -s.border, py == 0);
    let bottom = select(end, height + s.border, end == height);
    let left = select(px >> 2u, -lead, px == 0);
    let right = (min(px + columns, width) + 3) >> 2u;
    if (top != py || bottom != end || left != px >> 2u) {
        for (var k = c; k < min(c + channels, s.channels); k++) {
            let line = at(s, n, k, 0, 0) >> 2u;
            for (var row = top; row < bottom; row++) {
                let last = row == bottom - 1 && bottom != end && k == s.channels - 1 && px + columns >= width;
                for (var i = left; i < right + select(0, lead, last); i++) {
                    if (row < py || row >= end || i < 0) { y[line + row * (s.y >> 2u) + i] = out_four(); }
                }
            }
        }
    }
}

//! The indexes of the shaders, which run without checks: the functions of shaders/prelude/slab.wgsl, store.wgsl and store4.wgsl as they
//! stand there, over thousands of odd slabs, and kernels of odd sizes on the device (`make indexes` runs those with checks and without).

mod common;

use std::collections::HashMap;
use std::sync::Arc;

use common::{Random, check};
use stylegan_wgpu::internals::executor::Options;
use stylegan_wgpu::internals::kernels::{CHANNEL_TILE, Slice, Tail};
use stylegan_wgpu::internals::plan::Plan;
use stylegan_wgpu::internals::tensor::{DType, Layout, Slab, Tensor};

/// A small generator (xorshift), so that a failure can be repeated.
struct Draw(u64);

impl Draw {
    /// From `least` to `most`.
    fn of(&mut self, least: usize, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        least + (self.0 % (most - least + 1) as u64) as usize
    }
}

/// What lies in a group of four channels.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Cell {
    /// Nobody wrote it.
    Poison,
    Zero,
    /// Image, group of channels, row, column.
    Pixel([usize; 4]),
}

/// The buffer of a slab; every access is checked.
struct Buffer {
    cells: Vec<Cell>,
    slab: Slab,
    images: usize,
}

impl Buffer {
    fn of(shape: [usize; 4], border: usize) -> Buffer {
        let tensor = Tensor { id: 0, shape, dtype: DType::F32, layout: Layout::Slab { border } };
        // Four channels of four bytes.
        Buffer { cells: vec![Cell::Poison; tensor.bytes() / 16], slab: tensor.slab(shape[0]), images: shape[0] }
    }

    fn at(&self, [n, c, y, x]: [i32; 4]) -> i32 {
        let s = &self.slab;
        s.origin + n * s.n + c * s.c + y * s.y + x * s.x
    }

    fn four_at(&self, place: [i32; 4]) -> i32 {
        (self.at(place) >> 2).max(0)
    }

    /// A pixel is written once, by its owner, and no zero ever falls on one; zeros may fall together.
    fn write(&mut self, index: i32, cell: Cell) {
        let len = self.cells.len();
        let found = usize::try_from(index).ok().and_then(|index| self.cells.get_mut(index));
        let found = found.unwrap_or_else(|| panic!("{index} of {len}, {:?}", self.slab));
        let may = match (*found, cell) {
            (Cell::Poison, _) | (Cell::Zero, Cell::Zero) => true,
            (Cell::Pixel(there), Cell::Pixel(new)) => there == new,
            (Cell::Pixel(_), Cell::Zero) | (Cell::Zero, Cell::Pixel(_)) | (_, Cell::Poison) => false,
        };
        assert!(may, "{cell:?} over {found:?} at {index}, {:?}", self.slab);
        *found = cell;
    }

    /// store4 of store4.wgsl, i in fours.
    fn store4(&mut self, i: i32, [n, c, y, px]: [usize; 4]) {
        let there = self.slab.width as i32 - px as i32;
        if there > 0 {
            for k in 0..4 {
                let cell = if there > k { Cell::Pixel([n, c, y, px + k as usize]) } else { Cell::Zero };
                self.write(4 * i + k, cell);
            }
        }
    }

    /// zero_border of store4.wgsl.
    fn zero_border(&mut self, [n, c, channels]: [i32; 3], [py, px, rows, columns]: [i32; 4]) {
        let s = self.slab;
        let (height, width) = (s.height as i32, s.width as i32);
        let lead = (s.border + 3) >> 2;
        let end = (py + rows).min(height);
        let top = if py == 0 { -s.border } else { py };
        let bottom = if end == height { height + s.border } else { end };
        let left = if px == 0 { -lead } else { px >> 2 };
        let right = ((px + columns).min(width) + 3) >> 2;
        if top == py && bottom == end && left == px >> 2 {
            return;
        }
        for k in c..(c + channels).min(s.channels as i32) {
            let line = self.at([n, k, 0, 0]) >> 2;
            for row in top..bottom {
                let last = row == bottom - 1 && bottom != end && k == s.channels as i32 - 1 && px + columns >= width;
                for i in left..right + if last { lead } else { 0 } {
                    if row < py || row >= end || i < 0 {
                        let four = line + row * (s.y >> 2) + i;
                        (0..4).for_each(|pixel| self.write(4 * four + pixel, Cell::Zero));
                    }
                }
            }
        }
    }

    /// store of store.wgsl.
    fn store(&mut self, [n, c, y, x]: [usize; 4]) {
        let s = self.slab;
        let i = self.at([n, c, y, x].map(|value| value as i32));
        self.write(i, Cell::Pixel([n, c, y, x]));
        let edge =
            |at: usize, last: u32, pad| (if at == 0 { -s.border } else { 0 }, if at as u32 == last - 1 { pad + s.border } else { 0 });
        let ((x0, x1), (y0, y1)) = (edge(x, s.width, (-(s.width as i32) & 3) * s.x), edge(y, s.height, 0));
        for (dy, dx) in (y0..=y1).flat_map(|dy| (x0..=x1).map(move |dx| (dy, dx))).filter(|&offsets| offsets != (0, 0)) {
            self.write(i + dy * s.y + dx * s.x, Cell::Zero);
        }
    }

    /// Every pixel is there, and zeros around it as far as the border reaches; on the right beginning where the last four pixels end.
    fn check(&self) {
        let s = &self.slab;
        let border = s.border;
        for (n, c) in (0..self.images).flat_map(|n| (0..s.channels as usize).map(move |c| (n, c))) {
            for y in -border..s.height as i32 + border {
                let right = if s.x == 0 { s.width } else { s.width.next_multiple_of(4) } as i32;
                for x in -border..right + border {
                    let inside = (0..s.height as i32).contains(&y) && (0..s.width as i32).contains(&x);
                    let want = if inside { Cell::Pixel([n, c, y as usize, x as usize]) } else { Cell::Zero };
                    let index = usize::try_from(self.at([n as i32, c as i32, y, x])).expect("an index of the slab");
                    assert_eq!(self.cells.get(index), Some(&want), "{:?}", ([n as i32, c as i32, y, x], s));
                }
            }
        }
    }
}

/// Thousands of slabs, tiles and bands: whatever is stored lies in its slab, no zero falls on a pixel, no pixel is missing, and what a
/// convolution, a filter or an upsampling reads beside the image is a zero.
#[test]
fn stores_stay_in_their_slabs_and_leave_no_hole() {
    let mut draw = Draw(0x9e37_79b9_7f4a_7c15);
    for _ in 0..6000 {
        let shape = [draw.of(1, 3), draw.of(1, 21), draw.of(1, 23), draw.of(1, 27)];
        let border = draw.of(0, 5);
        let [images, _, height, width] = shape;
        let (rows, columns, groups) = (draw.of(1, 4), [4, 8][draw.of(0, 1)], draw.of(1, 4));
        // Bands of any number of rows, as the executor makes them, and of tiles.
        let band = draw.of(1, height);
        let mut fours = Buffer::of(shape, border);
        let mut single = Buffer::of(shape, border);
        let channels = fours.slab.channels as usize;
        for (n, first) in (0..images).flat_map(|n| (0..height).step_by(band).map(move |first| (n, first))) {
            let end = height.min(first + band);
            for (py, px) in (first..end).step_by(rows).flat_map(|py| (0..width).step_by(columns).map(move |px| (py, px))) {
                let rows = rows.min(end - py);
                for c in (0..channels).step_by(groups) {
                    for (k, y) in (c..channels.min(c + groups)).flat_map(|k| (py..py + rows).map(move |y| (k, y))) {
                        for px in (px..px + columns).step_by(4) {
                            let i = fours.four_at([n, k, y, px].map(|value| value as i32));
                            fours.store4(i, [n, k, y, px]);
                        }
                    }
                    fours.zero_border([n, c, groups].map(|value| value as i32), [py, px, rows, columns].map(|value| value as i32));
                }
            }
            for (c, y, x) in (0..channels).flat_map(|c| (first..end).flat_map(move |y| (0..width).map(move |x| (c, y, x)))) {
                single.store([n, c, y, x]);
            }
        }
        fours.check();
        single.check();
    }
}

/// Where `find_cells` of modulated_conv2d_up.wide.wgsl looks, a row of strips after the other: of any size and band, in the rows that the
/// executor binds, and what a strip finds there are its cells, those above and the neighbours on the left, zeros beside the image.
#[test]
fn strips_find_their_cells() {
    let mut draw = Draw(0x1234_5678_9abc_def1);
    for _ in 0..3000 {
        let [height, width] = [draw.of(1, 40), draw.of(1, 70)].map(|size| size as i32);
        let top = draw.of(0, height as usize) as i32;
        let rows = draw.of(1, (height + 1 - top) as usize) as i32;
        let (strips, last, above) = ((width + 2) / 2, height.min(top + rows - 1), top - 1);
        // Zero beside the image, and beyond its right edge.
        let pixel = |y: i32, x: i32| ((0..height).contains(&y) && (0..width).contains(&x)).then_some((y, x));
        for group in 0..(strips * rows + 63) / 64 {
            let place = |i: i32| {
                let cell = (group * 64 + strips) * 2 - 1 + i % 129;
                let row = top + cell / (2 * strips) + i / 129 - 2;
                (row.clamp(above, last), (cell % (2 * strips)).min(width))
            };
            for (y, x) in (0..258).map(place) {
                assert!((above..=last).contains(&y) && (0..=width).contains(&x), "{y} {x} of {height}x{width}, rows {top}+{rows}");
            }
            for strip in (group * 64)..(group * 64 + 64).min(strips * rows) {
                let (cy, cx) = (top + strip / strips, strip % strips * 2);
                let in_run = strip % 64 * 2;
                for (run, dy) in [(0, -1), (1, 0)] {
                    for (i, x) in (cx - 1..=cx + 1).enumerate().filter(|&(_, x)| x <= width) {
                        let (found_y, found_x) = place(run * 129 + in_run + i as i32);
                        let what = format!("cell {cy} {cx}, {run} {i}, of {height}x{width}, rows {top}+{rows}");
                        assert_eq!(pixel(found_y, found_x), pixel(cy + dy, x), "{what}");
                    }
                }
            }
        }
    }
}

/// Convolutions and images of odd sizes on the device against their twins, whose every index Rust checks. How many: INDEXES=1000.
#[test]
fn odd_sizes_equal_their_twins() {
    let count = std::env::var("INDEXES").ok().and_then(|count| count.parse().ok()).unwrap_or(8);
    let mut draw = Draw(0x2545_f491_4f6c_dd1d);
    let of = |name| Options { variant: Some(name), ..Options::default() };
    let options = [Options::default(), Options { portable: true, ..Options::default() }, of("wide"), of("split")];
    for round in 0..count {
        let [n, inputs, outputs] = [draw.of(1, 3), draw.of(1, 37), draw.of(1, 70)];
        let [height, width] = [draw.of(1, 34), draw.of(1, 37)];
        let mut random = Random::new(round);
        let (mut plan, mut inputs_of) = (Plan::new(), HashMap::new());
        let mut input = |plan: &mut Plan, name: &'static str, shape: [usize; 4], layout| {
            let tensor = plan.input(name, shape, DType::F32, layout);
            inputs_of.insert(name, random.values(tensor.len()));
            tensor
        };
        let padded = |channels: usize| CHANNEL_TILE + channels.next_multiple_of(CHANNEL_TILE);
        let x = input(&mut plan, "x", [n, inputs, height, width], Layout::Slab { border: 1 });
        let style = input(&mut plan, "style", [n, padded(inputs), 1, 1], Layout::Flat);
        let demod = input(&mut plan, "demod", [n, padded(outputs), 1, 1], Layout::Flat);
        let bias = input(&mut plan, "bias", [1, outputs.next_multiple_of(CHANNEL_TILE), 1, 1], Layout::Flat);
        let noise = input(&mut plan, "noise", [height, width, 1, 1], Layout::Flat);
        let [style, demod] = [style, demod].map(|tensor| Slice { tensor, first: CHANNEL_TILE });
        let kernel = [1, 3][draw.of(0, 1)];
        let shape = [outputs, inputs, kernel, kernel];
        let weights: Vec<f32> = Random::new(round + 1).values(shape.iter().product()).into_iter().map(|value| 0.1 * value).collect();
        let weight = plan.convolution_weight("weight", shape, DType::F32, Arc::new(move || weights.clone()));
        let tail = Tail { bias, noise, noise_strength: 0.3, slope: 0.2, gain: 1.4, limit: 2.0 };
        plan.modulated_conv2d("conv", x, weight, style, demod, tail);
        if kernel == 3 {
            plan.modulated_conv2d_up("up", x, weight, style, demod, 1);
        }
        let what = format!("round {round}: {kernel}x{kernel} {n} {inputs}>{outputs} {height}x{width}");
        check(&what, plan, &inputs_of, &options[round as usize % options.len()]);
    }
}

//! Tensors are handles: a number, a shape, an element type and a layout. They own nothing.
//!
//! An activation is a *slab*: channels in groups of four, rows outermost, a border of zeros around the image.
//!
//! ```text
//! [N] [border + H + border] [C/4] [lead + W, both rounded up to 4] [4 channels]   then the lead of one more line
//!
//!     . . . 0 | pixel 0 ... pixel W-1 |        a line: its lead, the last `border` pixels of which are zero, then the image
//!     0 . . 0 | pixel 0 ... pixel W-1 |        the right border of a line lies in the lead of the next one
//! ```
//!
//! Pixels between W and its multiple of four are zeros, too, and the right border begins after them.
//!
//! Rows are outermost so that a band of rows is one contiguous range of its buffer: a tensor larger than a device's storage
//! binding is bound band by band. The border makes bounds tests in a 3x3 convolution unnecessary; the lead makes pixels 0, 4, 8, ...
//! the beginnings of four that can be loaded and stored at once. ARCHITECTURE.md says why this order.

use half::f16;

/// Element type of a tensor on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DType {
    /// 32-bit float.
    F32,
    /// 16-bit float; sums are still f32.
    F16,
    /// Four bytes, red first: a pixel of an 8-bit image.
    Rgba8,
}

impl DType {
    /// Bytes of one element (of one pixel for [`DType::Rgba8`]).
    pub const fn bytes(self) -> usize {
        match self {
            DType::F32 | DType::Rgba8 => 4,
            DType::F16 => 2,
        }
    }

    /// Its name, as `f16`.
    pub const fn name(self) -> &'static str {
        match self {
            DType::F32 => "f32",
            DType::F16 => "f16",
            DType::Rgba8 => "rgba8",
        }
    }
}

/// How the values of a tensor lie in its buffer.
#[derive(Clone, Copy, Debug)]
pub enum Layout {
    /// Rows of length C padded with zeros to a multiple of 4: shape `[N, C, 1, 1]`.
    Flat,
    /// An activation with a border of that many zeros on every side: shape `[N, C, H, W]`.
    Slab {
        /// Width of the border.
        border: usize,
    },
    /// One `u32` per pixel, rows dense: shape `[N, 4, H, W]`, element type [`DType::Rgba8`].
    Pixels,
    /// Weights in the order a kernel wants them.
    Packed {
        /// The packing.
        pack: Pack,
        /// How many elements it yields.
        len: usize,
    },
}

/// A packing of weights: shape and natural (row-major) values to the elements of a buffer.
pub type Pack = fn(&[usize; 4], &[f32]) -> Vec<f32>;

/// A handle to a tensor of a [`Plan`](crate::plan::Plan).
#[derive(Clone, Copy, Debug)]
pub struct Tensor {
    /// Its number in the plan.
    pub id: usize,
    /// `[N, C, H, W]`; flat tensors are `[N, C, 1, 1]`, convolution weights `[O, I, k, k]`.
    pub shape: [usize; 4],
    /// Element type.
    pub dtype: DType,
    /// Order of the values in the buffer.
    pub layout: Layout,
}

/// Where element (n, c/4, y, x) of a slab lies, in groups of four: what a shader gets of a tensor (`struct Slab` in slab.wgsl).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
pub struct Slab {
    /// Index of (0, 0, 0, 0); negative when a band that starts further down is bound.
    pub origin: i32,
    /// Stride of an image; 0 when one image serves the whole batch.
    pub n: i32,
    /// Stride of a row.
    pub y: i32,
    /// Stride of a group of four channels.
    pub c: i32,
    /// Stride of a pixel.
    pub x: i32,
    /// Groups of four channels.
    pub channels: u32,
    /// Rows without the border.
    pub height: u32,
    /// Columns without the border.
    pub width: u32,
    /// Width of the border.
    pub border: i32,
    /// Uniform structures are multiples of 16 bytes.
    pub pad: [i32; 3],
}

/// `value / 4`, rounded up.
pub(crate) const fn quads(value: usize) -> usize {
    value.div_ceil(4)
}

impl Tensor {
    /// Number of values, without padding or border.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// True when a dimension is zero.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of a row of a slab, border included.
    pub fn row_bytes(&self) -> usize {
        quads(self.shape[1]) * self.pitch() * 4 * self.dtype.bytes()
    }

    /// Pixels of a slab before the first one of a line.
    fn lead(&self) -> usize {
        self.border().next_multiple_of(4)
    }

    /// Pixels from a line of a slab to the next.
    fn pitch(&self) -> usize {
        self.lead() + self.shape[3].next_multiple_of(4)
    }

    /// Bytes after the last row of a slab, which hold its right border.
    pub fn tail_bytes(&self) -> usize {
        self.lead() * 4 * self.dtype.bytes()
    }

    /// Rows of a slab image, border included.
    pub fn rows(&self) -> usize {
        self.shape[2] + 2 * self.border()
    }

    /// Bytes in a buffer, padding and border included; never 0.
    pub fn bytes(&self) -> usize {
        let [n, c, h, w] = self.shape;
        let bytes = match self.layout {
            Layout::Flat => n * quads(c) * 4 * self.dtype.bytes(),
            Layout::Slab { .. } => n * self.rows() * self.row_bytes() + self.tail_bytes(),
            Layout::Pixels => n * h * w * 4,
            Layout::Packed { len, .. } => len * self.dtype.bytes(),
        };
        bytes.next_multiple_of(16).max(16)
    }

    /// The border of a slab, 0 of anything else.
    pub fn border(&self) -> usize {
        match self.layout {
            Layout::Slab { border } => border,
            _ => 0,
        }
    }

    /// Whether this is an activation.
    pub fn is_slab(&self) -> bool {
        matches!(self.layout, Layout::Slab { .. })
    }

    /// The strides of a slab, seen by a pass over `images` images: a single image, or a single pixel without a border, serves them
    /// all.
    pub fn slab(&self, images: usize) -> Slab {
        let [n, c, height, width] = self.shape;
        let border = self.border() as i32;
        let pixel = height == 1 && width == 1 && border == 0;
        let channel = self.pitch() as i32;
        let row = quads(c) as i32 * channel;
        Slab {
            origin: border * row + self.lead() as i32,
            n: if n == 1 && images > 1 { 0 } else { row * self.rows() as i32 },
            y: if pixel { 0 } else { row },
            c: channel,
            x: if pixel { 0 } else { 1 },
            channels: quads(c) as u32,
            height: height as u32,
            width: width as u32,
            border,
            pad: [0; 3],
        }
    }

    /// Natural values (row-major, `[N, C, H, W]`) to the bytes of a buffer.
    pub fn pack(&self, natural: &[f32]) -> Vec<u8> {
        assert_eq!(natural.len(), self.len(), "{:?} holds another number of values", self.shape);
        let [n, c, h, w] = self.shape;
        let mut elements = match self.layout {
            Layout::Flat => {
                let padded = quads(c) * 4;
                let mut rows = vec![0.0; n * padded];
                for (row, values) in rows.chunks_exact_mut(padded.max(1)).zip(natural.chunks_exact(c.max(1))) {
                    row[..c].copy_from_slice(values);
                }
                rows
            }
            Layout::Slab { .. } => {
                let mut slab = vec![0.0; self.bytes() / self.dtype.bytes()];
                for (i, &value) in natural.iter().enumerate() {
                    slab[self.slab_index(i / (c * h * w), i / (h * w) % c, i / w % h, i % w)] = value;
                }
                slab
            }
            Layout::Pixels => {
                let channel = |image: usize, channel: usize, pixel: usize| natural[(image * 4 + channel) * h * w + pixel] as u8;
                return (0..n * h * w).flat_map(|i| [0, 1, 2, 3].map(|c| channel(i / (h * w), c, i % (h * w)))).collect();
            }
            Layout::Packed { pack, len } => {
                let elements = pack(&self.shape, natural);
                assert_eq!(elements.len(), len, "a packing of {:?} yields another length than it said", self.shape);
                elements
            }
        };
        elements.resize(self.bytes() / self.dtype.bytes(), 0.0);
        match self.dtype {
            DType::F32 => bytemuck::cast_slice(&elements).to_vec(),
            DType::F16 => elements.iter().flat_map(|&value| f16::from_f32(value).to_le_bytes()).collect(),
            DType::Rgba8 => unreachable!("Rgba8 is only stored as Pixels"),
        }
    }

    /// The bytes of a buffer to natural values.
    pub fn unpack(&self, bytes: &[u8]) -> Vec<f32> {
        let [n, c, h, w] = self.shape;
        let element = |i: usize| match self.dtype {
            DType::F32 => bytemuck::pod_read_unaligned::<f32>(&bytes[4 * i..4 * i + 4]),
            DType::F16 => bytemuck::pod_read_unaligned::<f16>(&bytes[2 * i..2 * i + 2]).to_f32(),
            DType::Rgba8 => f32::from(bytes[i]),
        };
        match self.layout {
            Layout::Flat => (0..n * c).map(|i| element(i / c * quads(c) * 4 + i % c)).collect(),
            Layout::Slab { .. } => {
                (0..self.len()).map(|i| element(self.slab_index(i / (c * h * w), i / (h * w) % c, i / w % h, i % w))).collect()
            }
            Layout::Pixels => (0..self.len()).map(|i| element((i / (4 * h * w) * h * w + i % (h * w)) * 4 + i / (h * w) % 4)).collect(),
            Layout::Packed { .. } => panic!("weights are not read back"),
        }
    }

    fn slab_index(&self, n: usize, c: usize, y: usize, x: usize) -> usize {
        (((n * self.rows() + y + self.border()) * quads(self.shape[1]) + c / 4) * self.pitch() + self.lead() + x) * 4 + c % 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_and_unpacking_are_inverse() {
        for (shape, layout) in [
            ([2, 5, 3, 7], Layout::Slab { border: 1 }),
            ([1, 8, 4, 4], Layout::Slab { border: 0 }),
            ([2, 3, 9, 2], Layout::Slab { border: 2 }),
            ([2, 3, 1, 1], Layout::Slab { border: 1 }),
            ([3, 6, 1, 1], Layout::Flat),
        ] {
            let tensor = Tensor { id: 0, shape, dtype: DType::F32, layout };
            let values: Vec<f32> = (1..=tensor.len()).map(|i| i as f32).collect();
            let bytes = tensor.pack(&values);
            assert_eq!(bytes.len(), tensor.bytes());
            assert_eq!(tensor.unpack(&bytes), values);
        }
        let pixels = Tensor { id: 0, shape: [2, 4, 3, 2], dtype: DType::Rgba8, layout: Layout::Pixels };
        let values: Vec<f32> = (0..pixels.len()).map(|i| i as f32).collect();
        assert_eq!(pixels.unpack(&pixels.pack(&values)), values);
    }

    #[test]
    fn slab_strides_agree_with_packing() {
        // A single pixel has neighbours too, its border; without one, it serves all pixels of a pass.
        let pixel = |border| Tensor { id: 0, shape: [1, 6, 1, 1], dtype: DType::F32, layout: Layout::Slab { border } }.slab(1);
        assert_eq!((pixel(1).x, pixel(0).x), (1, 0));
        let tensor = Tensor { id: 0, shape: [2, 6, 3, 5], dtype: DType::F32, layout: Layout::Slab { border: 2 } };
        let slab = tensor.slab(2);
        for (n, c, y, x) in [(0, 0, 0, 0), (1, 5, 2, 4), (1, 2, 0, 3)] {
            let group = slab.origin + n as i32 * slab.n + (c / 4) as i32 * slab.c + y as i32 * slab.y + x as i32 * slab.x;
            assert_eq!(group as usize * 4 + c % 4, tensor.slab_index(n, c, y, x));
        }
        // Fours of pixels are whole ones of the buffer, and the last border pixel is in it.
        assert!([slab.origin, slab.n, slab.y, slab.c].iter().all(|stride| stride % 4 == 0), "{slab:?}");
        let last = slab.origin + slab.n + slab.c + (3 + 1) * slab.y + 5 + 1;
        assert!((last as usize + 1) * 16 <= tensor.bytes(), "{last} of {} bytes", tensor.bytes());
    }
}

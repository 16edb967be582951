//! Bands: the parts of a pass that are dispatched one by one, because a binding or a budget is too small for all of it.

use crate::error::{Error, Result};
use crate::plan::{Band, Pass, Window};
use crate::tensor::Tensor;

/// The part of a pass's floating-point operations that a band has.
pub(super) fn share(pass: &Pass, band: &Band) -> u64 {
    pass.flops * u64::from(band.rows * band.images) / u64::from(pass.domain.rows * pass.domain.images).max(1)
}

/// The bands of a pass: all of it when every slab fits a binding and it has no more work than that, else fewer images, else fewer
/// rows. A row of one image is not cut, whatever its work, nor is a pass without slabs.
pub(super) fn bands(pass: &Pass, max_binding: u64, flops: u64) -> Result<Vec<Band>> {
    let slabs: Vec<&Tensor> = pass.reads.iter().chain([&pass.write]).filter(|tensor| tensor.is_slab()).collect();
    let others = pass.reads.iter().chain([&pass.write]).filter(|tensor| !tensor.is_slab());
    let limit = |need: u64| Error::Limit { pass: pass.label.clone(), what: "storage binding (bytes)", need, have: max_binding };
    if let Some(need) = others.map(|tensor| tensor.bytes() as u64).find(|&need| need > max_binding) {
        return Err(limit(need));
    }
    let need = |band: &Band| {
        let bytes = slabs.iter().zip(&pass.windows).map(|(tensor, window)| {
            // Rounding the start down to an alignment of at most 256 bytes.
            let (start, end) = range(tensor, window, band, 256);
            end - start
        });
        bytes.max().unwrap_or(0)
    };
    let (mut images, mut rows) = (pass.domain.images, pass.domain.rows);
    loop {
        let mut bands = Vec::new();
        for n in (0..pass.domain.images).step_by(images as usize) {
            for y in (0..pass.domain.rows).step_by(rows as usize) {
                bands.push(Band { y, rows: rows.min(pass.domain.rows - y), n, images: images.min(pass.domain.images - n) });
            }
        }
        let most = bands.iter().map(need).max().unwrap_or(0);
        let work = bands.iter().map(|band| share(pass, band)).max().unwrap_or(0);
        match (images, rows) {
            _ if most <= max_binding && (work <= flops || pass.windows.is_empty()) => return Ok(bands),
            (1, 1) if most <= max_binding => return Ok(bands),
            (1, 1) => return Err(limit(most)),
            (1, _) => rows = rows.div_ceil(2),
            _ => images = images.div_ceil(2),
        }
    }
}

/// The bytes of a slab that a band touches, the start rounded down to `align`.
pub(crate) fn range(tensor: &Tensor, window: &Window, band: &Band, align: u64) -> (u64, u64) {
    let (row, rows, border) = (tensor.row_bytes() as u64, tensor.rows() as u64, tensor.border());
    let single = tensor.shape[0] == 1;
    let (first, last) = match tensor.shape[2] == 1 {
        true => (0, rows),
        false => {
            let (first, last) = window.rows(band.y as usize, band.rows as usize, tensor.shape[2], border);
            ((first + border as isize) as u64, (last + border as isize) as u64)
        }
    };
    let (n0, n1) = if single { (0, 0) } else { (u64::from(band.n), u64::from(band.n + band.images) - 1) };
    // Whole fours of pixels before it, so that they stay aligned in what is bound.
    let align = align.max(64);
    ((n0 * rows + first) * row / align * align, (n1 * rows + last) * row + tensor.tail_bytes() as u64)
}

/// What a dispatch gets: the band and the slabs as they lie in what is bound, then the kernel's own parameters.
pub(super) fn parameters(pass: &Pass, band: &Band, align: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    if !pass.windows.is_empty() {
        bytes.extend(bytemuck::bytes_of(band));
        let slabs = pass.reads.iter().chain([&pass.write]).filter(|tensor| tensor.is_slab());
        for (tensor, window) in slabs.zip(&pass.windows) {
            let mut slab = tensor.slab(pass.domain.images as usize);
            let (start, _) = range(tensor, window, band, align);
            slab.origin -= (start / (4 * tensor.dtype.bytes() as u64)) as i32;
            bytes.extend(bytemuck::bytes_of(&slab));
        }
    }
    bytes.extend(&pass.params);
    bytes
}

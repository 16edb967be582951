//! The contact sheet of `--grid`: all pictures of a run in rows.

use crate::label::Font;
use crate::output::Picture;

/// Largest sheet, in pixels: 268 million are 805 MB of RGB in memory, 16384 x 16384.
const MOST_PIXELS: usize = 1 << 28;

/// A sheet that is being filled. Cells without a picture stay black (transparent, with an alpha channel).
pub(crate) struct Grid {
    columns: usize,
    side: usize,
    /// Rows of pixels under every picture, for its label.
    strip: usize,
    sheet: Picture,
}

/// Refuses a sheet that cannot hold the pictures, or would not fit anything.
pub(crate) fn check(columns: usize, rows: usize, side: usize, pictures: usize) -> Result<(), String> {
    if pictures > columns * rows {
        return Err(format!("--grid {columns}x{rows} has {} cells for {pictures} seeds", columns * rows));
    }
    check_pixels(columns * side, rows * side)
}

/// Refuses a sheet that would not fit anything.
pub(crate) fn check_pixels(width: usize, height: usize) -> Result<(), String> {
    match width.checked_mul(height) {
        Some(pixels) if pixels <= MOST_PIXELS => Ok(()),
        _ => Err(format!("a sheet of {width} x {height} pixels is too large: at most {MOST_PIXELS} in all")),
    }
}

impl Grid {
    /// An empty sheet.
    pub(crate) fn new(columns: usize, rows: usize, side: usize, channels: usize) -> Grid {
        Grid::with_strips(columns, rows, side, 0, channels)
    }

    /// The same with room for labels: so many rows of pixels under every picture.
    pub(crate) fn with_strips(columns: usize, rows: usize, side: usize, strip: usize, channels: usize) -> Grid {
        let (width, height) = (columns * side, rows * (side + strip));
        Grid { columns, side, strip, sheet: Picture { width, height, channels, pixels: vec![0; width * height * channels] } }
    }

    /// Puts a picture into a cell, numbered from left to right and top to bottom.
    pub(crate) fn put(&mut self, cell: usize, picture: &Picture) {
        let row_bytes = self.side * self.sheet.channels;
        let (column, row) = (cell % self.columns, cell / self.columns);
        for (y, line) in picture.pixels.chunks_exact(row_bytes).enumerate() {
            let start = ((row * (self.side + self.strip) + y) * self.columns + column) * row_bytes;
            self.sheet.pixels[start..start + row_bytes].copy_from_slice(line);
        }
    }

    /// Writes a text under the picture of a cell. It must fit, in both directions.
    pub(crate) fn label(&mut self, cell: usize, font: Font, text: &str) {
        let (column, row) = (cell % self.columns, cell / self.columns);
        let top = row * (self.side + self.strip) + self.side;
        font.write(text, &mut self.sheet, column * self.side, top, self.side);
    }

    /// The sheet as it is.
    pub(crate) fn sheet(&self) -> &Picture {
        &self.sheet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_fill_the_sheet_row_by_row() {
        let mut grid = Grid::new(2, 2, 2, 1);
        for (cell, level) in [(2, 3), (0, 1), (1, 2)] {
            grid.put(cell, &Picture { width: 2, height: 2, channels: 1, pixels: vec![level, level, level, 10 * level] });
        }
        assert_eq!(grid.sheet().pixels, [1, 1, 2, 2, 1, 10, 2, 20, 3, 3, 0, 0, 3, 30, 0, 0]);
    }

    #[test]
    fn sheets_have_limits() {
        assert!(check(2, 2, 1024, 4).is_ok());
        assert!(check(2, 2, 4, 5).unwrap_err().contains("4 cells for 5 seeds"));
        assert!(check(1000, 1000, 1024, 4).is_err());
    }
}

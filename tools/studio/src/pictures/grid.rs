//! A contact sheet: pictures in rows.

use stylegan_wgpu::{Error, Result};

use super::label::Font;
use super::picture::Picture;

/// Largest sheet, in pixels: 268 million are 805 MB of RGB in memory, 16384 x 16384.
const MOST_PIXELS: usize = 1 << 28;

/// A sheet that is being filled. Cells without a picture stay black (transparent, with an alpha channel).
pub struct Grid {
    columns: usize,
    /// Of a picture.
    height: usize,
    width: usize,
    /// Rows of pixels under every picture, for its label.
    strip: usize,
    sheet: Picture,
}

/// Refuses a sheet that cannot hold the pictures, or would not fit anything.
pub fn check(columns: usize, rows: usize, (height, width): (usize, usize), pictures: usize) -> Result<()> {
    if pictures > columns * rows {
        return Err(Error::Argument(format!("a sheet of {columns}x{rows} has {} cells for {pictures} pictures", columns * rows)));
    }
    check_pixels(columns.saturating_mul(width), rows.saturating_mul(height))
}

/// Refuses a sheet that would not fit anything.
pub fn check_pixels(width: usize, height: usize) -> Result<()> {
    match width.checked_mul(height) {
        Some(pixels) if pixels <= MOST_PIXELS => Ok(()),
        _ => Err(Error::Argument(format!("a sheet of {width} x {height} pixels is too large: at most {MOST_PIXELS} in all"))),
    }
}

impl Grid {
    /// An empty sheet of pictures of that height and width.
    pub fn new(columns: usize, rows: usize, size: (usize, usize), channels: usize) -> Grid {
        Grid::with_strips(columns, rows, size, 0, channels)
    }

    /// The same with room for labels: so many rows of pixels under every picture.
    pub fn with_strips(columns: usize, rows: usize, (height, width): (usize, usize), strip: usize, channels: usize) -> Grid {
        let (across, down) = (columns * width, rows * (height + strip));
        let sheet = Picture { width: across, height: down, channels, pixels: vec![0; across * down * channels] };
        Grid { columns, height, width, strip, sheet }
    }

    /// Puts a picture into a cell, numbered from left to right and top to bottom.
    pub fn put(&mut self, cell: usize, picture: &Picture) {
        let row_bytes = self.width * self.sheet.channels;
        let (column, row) = (cell % self.columns, cell / self.columns);
        for (y, line) in picture.pixels.chunks_exact(row_bytes).enumerate() {
            let start = ((row * (self.height + self.strip) + y) * self.columns + column) * row_bytes;
            self.sheet.pixels[start..start + row_bytes].copy_from_slice(line);
        }
    }

    /// Writes a text under the picture of a cell. It must fit, in both directions.
    pub fn label(&mut self, cell: usize, font: Font, text: &str) {
        let (column, row) = (cell % self.columns, cell / self.columns);
        let top = row * (self.height + self.strip) + self.height;
        font.write(text, &mut self.sheet, column * self.width, top, self.width);
    }

    /// The sheet as it is.
    pub fn sheet(&self) -> &Picture {
        &self.sheet
    }

    /// The sheet when it is done.
    pub fn into_sheet(self) -> Picture {
        self.sheet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_fill_the_sheet_row_by_row() {
        let mut grid = Grid::new(2, 2, (2, 2), 1);
        for (cell, level) in [(2, 3), (0, 1), (1, 2)] {
            grid.put(cell, &Picture { width: 2, height: 2, channels: 1, pixels: vec![level, level, level, 10 * level] });
        }
        assert_eq!(grid.sheet().pixels, [1, 1, 2, 2, 1, 10, 2, 20, 3, 3, 0, 0, 3, 30, 0, 0]);
    }

    #[test]
    fn pictures_need_not_be_square() {
        let mut grid = Grid::new(2, 2, (1, 3), 1);
        (0..4).for_each(|cell| grid.put(cell as usize, &Picture { width: 3, height: 1, channels: 1, pixels: vec![cell, 0, 10 + cell] }));
        assert_eq!((grid.sheet().width, grid.sheet().height), (6, 2));
        assert_eq!(grid.sheet().pixels, [0, 0, 10, 1, 0, 11, 2, 0, 12, 3, 0, 13]);
        // Three rows of pixels under each picture, for labels.
        let mut grid = Grid::with_strips(2, 2, (2, 1), 3, 1);
        grid.put(3, &Picture { width: 1, height: 2, channels: 1, pixels: vec![7, 8] });
        assert_eq!((grid.sheet().width, grid.sheet().height), (2, 10));
        assert_eq!(grid.sheet().pixels.iter().position(|&level| level == 7), Some(11));
        assert_eq!(grid.sheet().pixels.iter().position(|&level| level == 8), Some(13));
    }

    #[test]
    fn sheets_have_limits() {
        assert!(check(2, 2, (1024, 1024), 4).is_ok());
        assert!(check(2, 2, (4, 4), 5).unwrap_err().to_string().contains("4 cells for 5 pictures"));
        assert!(check(1000, 1000, (1024, 1024), 4).is_err());
    }
}

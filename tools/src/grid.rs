//! The contact sheet of `--grid`: all pictures of a run in rows.

use crate::output::Picture;

/// Largest sheet, in pixels: 268 million are 805 MB of RGB in memory, 16384 x 16384.
const MOST_PIXELS: usize = 1 << 28;

/// A sheet that is being filled. Cells without a picture stay black (transparent, with an alpha channel).
pub(crate) struct Grid {
    columns: usize,
    side: usize,
    sheet: Picture,
}

/// Refuses a sheet that cannot hold the pictures, or would not fit anything.
pub(crate) fn check(columns: usize, rows: usize, side: usize, pictures: usize) -> Result<(), String> {
    if pictures > columns * rows {
        return Err(format!("--grid {columns}x{rows} has {} cells for {pictures} seeds", columns * rows));
    }
    if columns * rows * side * side > MOST_PIXELS {
        return Err(format!("--grid {columns}x{rows} of {side}x{side} pictures is too large: at most {MOST_PIXELS} pixels"));
    }
    Ok(())
}

impl Grid {
    /// An empty sheet.
    pub(crate) fn new(columns: usize, rows: usize, side: usize, channels: usize) -> Grid {
        let (width, height) = (columns * side, rows * side);
        Grid { columns, side, sheet: Picture { width, height, channels, pixels: vec![0; width * height * channels] } }
    }

    /// Puts a picture into a cell, numbered from left to right and top to bottom.
    pub(crate) fn put(&mut self, cell: usize, picture: &Picture) {
        let row_bytes = self.side * self.sheet.channels;
        let (column, row) = (cell % self.columns, cell / self.columns);
        for (y, line) in picture.pixels.chunks_exact(row_bytes).enumerate() {
            let start = ((row * self.side + y) * self.columns + column) * row_bytes;
            self.sheet.pixels[start..start + row_bytes].copy_from_slice(line);
        }
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

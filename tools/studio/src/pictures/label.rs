//! Text under pictures, in the letters of Noto Sans Mono, white on black.

use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};

use super::picture::Picture;

/// Letters of some size; those beyond the largest of the font are enlarged.
#[derive(Clone, Copy)]
pub struct Font {
    height: RasterHeight,
    scale: usize,
}

impl Font {
    /// For pictures of that side: a sixteenth of it, and at least what can be read.
    pub fn of(side: usize) -> Font {
        match side / 16 {
            64.. => Font { height: RasterHeight::Size32, scale: side / 512 },
            32.. => Font { height: RasterHeight::Size32, scale: 1 },
            24.. => Font { height: RasterHeight::Size24, scale: 1 },
            _ => Font { height: RasterHeight::Size16, scale: 1 },
        }
    }

    /// Height of a line, with a margin above and below.
    pub fn line(self) -> usize {
        self.height.val() * self.scale + 2 * self.margin()
    }

    /// Width of a text.
    pub fn width(self, text: &str) -> usize {
        text.chars().count() * get_raster_width(FontWeight::Regular, self.height) * self.scale
    }

    fn margin(self) -> usize {
        self.height.val() * self.scale / 8
    }

    /// Writes a line of text in the middle of the strip from row `top` on, `left..left + width`. It must fit: see [`Font::width`].
    pub fn write(self, text: &str, picture: &mut Picture, left: usize, top: usize, width: usize) {
        let (channels, row) = (picture.channels, picture.width);
        // An alpha channel is opaque behind the text.
        if channels.is_multiple_of(2) {
            for y in top..top + self.line() {
                for x in left..left + width {
                    picture.pixels[(y * row + x) * channels + channels - 1] = 255;
                }
            }
        }
        // Without the alpha channel: 1, 1, 3, 3.
        let colours = channels.div_ceil(2) * 2 - 1;
        let mut x = left + width.saturating_sub(self.width(text)) / 2;
        for letter in text.chars() {
            let Some(raster) = get_raster(letter, FontWeight::Regular, self.height) else { continue };
            for (y, line) in raster.rows().enumerate() {
                for (dx, &level) in line.iter().enumerate() {
                    for offset in 0..self.scale * self.scale {
                        let x = x + dx * self.scale + offset % self.scale;
                        let y = top + self.margin() + y * self.scale + offset / self.scale;
                        picture.pixels[(y * row + x) * channels..][..colours].fill(level);
                    }
                }
            }
            x += raster.width() * self.scale;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_in_its_strip_and_differs() {
        for (side, channels) in [(64, 1), (64, 2), (128, 3), (128, 4), (1024, 3)] {
            let font = Font::of(side);
            let drawn = |text: &str| {
                let (width, height) = (2 * side, 10 + font.line() + 10);
                let mut picture = Picture { width, height, channels, pixels: vec![0; width * height * channels] };
                font.write(text, &mut picture, side, 10, side);
                picture
            };
            let [seven, eight] = ["seed 7", "seed 8"].map(drawn);
            assert!(font.width("seed 7") <= side, "{side}");
            assert_ne!(seven.pixels, eight.pixels, "{side}, {channels} channels");
            assert!(seven.pixels.contains(&255) && seven.pixels.iter().any(|level| (1..255).contains(level)));
            for (at, _) in seven.pixels.iter().enumerate().filter(|(_, level)| **level > 0) {
                let (x, y) = (at / channels % (2 * side), at / channels / (2 * side));
                assert!(x >= side && (10..10 + font.line()).contains(&y), "{side}: {x} {y}");
            }
        }
    }
}

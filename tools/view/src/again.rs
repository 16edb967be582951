//! The wish out of a picture that this program drew: its settings say what it was.

use std::path::Path;

use stylegan_studio::pictures::picture_settings::Settings;
use stylegan_studio::vectors::{Sizes, Source as FileSource, VectorFile};
use stylegan_wgpu::Config;

use crate::error::ViewError;
use crate::wish::{Maps, Mix, Rows, Source, Wish};

/// Flags that change nothing of what is wished.
const MANNERS: [&str; 4] = ["precision", "no-tune", "grid", "conv-clamp"];

/// The wish of a picture in a folder, where its rows of w are looked for, of a network that is open. Of a sheet it is the first picture.
pub(crate) fn wish(settings: &Settings, folder: &Path, config: &Config) -> Result<Wish, ViewError> {
    let mut wish = Wish { psi: 1.0, ..Wish::default() };
    let (mut col, mut styles) = (None, None);
    let command = &settings.command;
    let other = || ViewError::Wrong(format!("`stylegan {command}` draws pictures that are not one wish; it is drawn again by its command"));
    if !["generate", "mix"].contains(&command.as_str()) {
        return Err(other());
    }
    for (name, value) in &settings.flags {
        let wrong = || ViewError::Wrong(format!("the picture says --{name}={value}, which cannot be read"));
        match name.as_str() {
            "seeds" | "rows" => wish.source = Source::of_seed(first(value).ok_or_else(wrong)?),
            "cols" => col = Some(first(value).ok_or_else(wrong)?),
            "styles" => styles = Some(ranges(value, config.num_ws()).ok_or_else(wrong)?),
            "trunc" => wish.psi = value.parse().ok().filter(|psi: &f32| psi.is_finite()).ok_or_else(wrong)?,
            "trunc-cutoff" => wish.cutoff = Some(value.parse().map_err(|_| wrong())?),
            "class" => wish.class = value.parse().map_err(|_| wrong())?,
            "noise-mode" if value == "none" => wish.noise = Maps::None,
            "noise-mode" if value == "random" => wish.noise = Maps::Fresh,
            "noise-mode" if value != "const" => return Err(other()),
            "noise-seed" => wish.noise_seed = value.parse().map_err(|_| wrong())?,
            "translate" => wish.translate = pair(value).ok_or_else(wrong)?,
            "rotate" => wish.rotate = number(value).ok_or_else(wrong)?,
            "zoom" => wish.zoom = number(value).ok_or_else(wrong)?,
            "projected-w" => wish.source = Source::Rows(rows(&folder.join(value).to_string_lossy(), config)?),
            name if MANNERS.contains(&name) || name == "noise-mode" => {}
            _ => return Err(other()),
        }
    }
    if let (Some(seed), Some(layers)) = (col, styles) {
        // A source of a sheet is mixed with itself.
        if wish.source.seed() != Some(seed) {
            wish.mixes = vec![Mix { source: Source::of_seed(seed), layers }];
        }
    }
    Ok(wish)
}

/// Rows of w of a file as `generate --projected-w` takes it; of several pictures the first.
pub(crate) fn rows(source: &str, config: &Config) -> Result<Rows, ViewError> {
    let source: FileSource = source.parse().map_err(ViewError::Wrong)?;
    let (path, key, bytes) = source.read();
    let read = bytes.and_then(|bytes| stylegan_studio::vectors::rows(&VectorFile::open(&bytes)?, key, Sizes::of(config)));
    let ws = read.map_err(|error| ViewError::Vectors(path.clone(), error))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(Rows { name: key.map_or(name.clone().into(), |key| format!("{name}:{key}")), values: ws.image(0).to_vec().into() })
}

/// The first of a list of seeds.
fn first(text: &str) -> Option<u32> {
    text.split([',', '-']).next()?.parse().ok()
}

/// Rows of w as `--styles` has them.
fn ranges(text: &str, rows: usize) -> Option<Vec<usize>> {
    let mut all = Vec::new();
    for part in text.split(',') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (from, to): (usize, usize) = (from.parse().ok()?, to.parse().ok()?);
        all.extend(Some(from..to.checked_add(1)?).filter(|range| range.end <= rows)?);
    }
    Some(all)
}

fn number(text: &str) -> Option<f32> {
    text.parse().ok().filter(|number: &f32| number.is_finite())
}

fn pair(text: &str) -> Option<[f32; 2]> {
    let (x, y) = text.split_once(',')?;
    Some([number(x)?, number(y)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_and_refused() {
        assert_eq!((first("85"), first("7-9,3"), first("a")), (Some(85), Some(7), None));
        assert_eq!(ranges("0-2,5", 6), Some(vec![0, 1, 2, 5]));
        for wrong in ["0-6", "6", "", "0-99999999999999999999", "18446744073709551615", "x"] {
            assert_eq!(ranges(wrong, 6), None, "{wrong}");
        }
        assert_eq!((pair("0.25,-1"), pair("1"), pair("1,inf")), (Some([0.25, -1.0]), None, None));
    }
}

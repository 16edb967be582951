//! A direction in w from a file: ours, NumPy's, or a tensor that somebody published.

use std::path::PathBuf;

use stylegan_tools::array_file::{self, Array, ArrayFileError};
use stylegan_tools::convert;
use stylegan_wgpu::networks::Config;

use crate::failure::Failure;

/// A value of `--direction`: a file, and which of several in it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Source {
    path: PathBuf,
    index: Option<usize>,
}

/// `FILE` or `FILE:INDEX`.
pub(crate) fn parse_source(text: &str) -> Result<Source, String> {
    let numbered = text.rsplit_once(':').and_then(|(path, index)| Some((path, index.parse().ok()?)));
    Ok(match numbered {
        Some((path, index)) if !path.is_empty() => Source { path: path.into(), index: Some(index) },
        _ => Source { path: text.into(), index: None },
    })
}

/// What to add to the rows of w.
#[derive(Debug, PartialEq)]
pub(crate) struct Direction {
    /// `[num_ws, w_dim]`.
    pub(crate) rows: Vec<f32>,
    /// The rows it was found for, where the file says so.
    pub(crate) layers: Option<Vec<usize>>,
}

impl Source {
    /// Reads it for a network. `[w_dim]`, `[n, w_dim]` with an index, `[num_ws, w_dim]`, or any of them with leading ones.
    pub(crate) fn read(&self, config: &Config) -> Result<Direction, Failure> {
        let failed = |text: String| Failure::Runtime(format!("{}: {text}", self.path.display()));
        let metadata = self.path.metadata().map_err(|error| failed(error.to_string()))?;
        if !metadata.is_file() {
            return Err(failed("not a regular file".into()));
        }
        let bytes = std::fs::read(&self.path).map_err(|error| failed(error.to_string()))?;
        let tensor = |bytes: &[u8]| match convert::tensor_from_bytes(bytes) {
            Ok(array) => Ok(Array::new(array.shape(), array.to_f32())),
            Err(error) => Err(failed(error.to_string())),
        };
        // Rows of a list, even where there are as many as the network has layers.
        let mut listed = false;
        let array = match array_file::read_bytes(&bytes, "directions") {
            Ok(array) => {
                listed = bytes.starts_with(b"PK");
                array
            }
            Err(ArrayFileError::Unrecognised) => tensor(&bytes)?,
            Err(ArrayFileError::Key { found, .. }) if found.iter().any(|name| name.ends_with("data.pkl")) => tensor(&bytes)?,
            Err(ArrayFileError::Key { found, .. }) if found.len() == 1 => {
                array_file::read_bytes(&bytes, &found[0]).map_err(|error| failed(error.to_string()))?
            }
            Err(error) => return Err(failed(error.to_string())),
        };
        let rows = select(array, self.index, listed, config).map_err(failed)?;
        let layers = array_file::read_bytes(&bytes, "layers").ok().filter(|_| listed).map(|layers| {
            let rows = layers.values.iter().filter(|row| (0.0..config.num_ws() as f32).contains(*row)).map(|row| *row as usize);
            rows.collect::<Vec<_>>()
        });
        Ok(Direction { rows, layers })
    }
}

/// The rows of one direction, `[num_ws, w_dim]`.
fn select(array: Array, index: Option<usize>, listed: bool, config: &Config) -> Result<Vec<f32>, String> {
    let (num_ws, w_dim) = (config.num_ws(), config.w_dim());
    let Array { shape, values } = array;
    let everywhere = |row: &[f32]| row.iter().copied().cycle().take(num_ws * w_dim).collect();
    // [n, 1, w_dim] and [1, n, w_dim] are [n, w_dim].
    let squeezed: Vec<usize> = match shape[..] {
        [n, 1, size] | [1, n, size] => vec![n, size],
        _ => shape.clone(),
    };
    let (n, size) = match squeezed[..] {
        [size] if size == w_dim => (1, size),
        [n, size] if size == w_dim => (n, size),
        [n, rows, size] if (rows, size) == (num_ws, w_dim) => (n, rows * size),
        _ => {
            return Err(format!(
                "the array has the shape {shape:?}; this network takes directions of [{w_dim}] or [{num_ws}, {w_dim}], or several of them"
            ));
        }
    };
    let chosen = match index {
        None if n == num_ws && size == w_dim && !listed => return Ok(values),
        None if n == 1 => 0,
        None => return Err(format!("it holds {n} directions; choose one with FILE:0 to FILE:{}", n.saturating_sub(1))),
        Some(index) if index < n => index,
        Some(index) => return Err(format!("there is no direction {index}; it holds {n}, counted from 0")),
    };
    Ok(everywhere(&values[chosen * size..][..size]))
}

#[cfg(test)]
mod tests {
    use stylegan_wgpu::networks::stylegan2;

    use super::*;

    #[test]
    fn sources_may_be_numbered() {
        let source = |path: &str, index| Ok(Source { path: path.into(), index });
        assert_eq!(parse_source("dirs.npz:3"), source("dirs.npz", Some(3)));
        assert_eq!(parse_source("C:\\dirs.npz"), source("C:\\dirs.npz", None));
        assert_eq!(parse_source("C:\\dirs.npz:0"), source("C:\\dirs.npz", Some(0)));
        assert_eq!(parse_source("age.npy"), source("age.npy", None));
    }

    #[test]
    fn directions_come_in_the_shapes_people_publish() {
        let config = Config::StyleGan2(stylegan2::Config { w_dim: 2, img_resolution: 8, ..stylegan2::Config::config_f() });
        let select = |shape: &[usize], index, listed| {
            select(Array::new(shape, (0..shape.iter().product()).map(|i| i as f32).collect()), index, listed, &config)
        };
        let all = |a: f32, b: f32| [a, b].repeat(4);
        for shape in [&[2][..], &[1, 2], &[1, 1, 2]] {
            assert_eq!(select(shape, None, false).unwrap(), all(0.0, 1.0), "{shape:?}");
            assert_eq!(select(shape, Some(0), true).unwrap(), all(0.0, 1.0), "{shape:?}");
        }
        assert_eq!(select(&[3, 2], Some(2), true).unwrap(), all(4.0, 5.0));
        let per_layer: Vec<f32> = (0..8).map(|i| i as f32).collect();
        assert_eq!(select(&[4, 2], None, false).unwrap(), per_layer);
        assert_eq!(select(&[1, 4, 2], None, false).unwrap(), per_layer);
        assert_eq!(select(&[2, 4, 2], Some(0), false).unwrap(), per_layer);
        assert_eq!(select(&[4, 2], Some(1), true).unwrap(), all(2.0, 3.0));
        for (shape, index, says) in [
            (&[3][..], None, "takes directions of [2] or [4, 2]"),
            (&[], None, "the shape []"),
            (&[3, 2], None, "choose one with FILE:0 to FILE:2"),
            (&[4, 2], None, "choose one"),
            (&[3, 2], Some(3), "no direction 3; it holds 3"),
            (&[0, 2], Some(0), "it holds 0"),
            (&[3, 5, 2], None, "the shape [3, 5, 2]"),
        ] {
            assert!(select(shape, index, true).unwrap_err().contains(says), "{shape:?}");
        }
    }
}

//! What the pictures of a run are drawn from: seeds, or rows of w from a file.

use std::path::Path;

use stylegan_convert::array_file::{self, Array};
use stylegan_studio::pictures::flags;
use stylegan_studio::vectors::{self, Direction, Sizes, Source, VectorFile};
use stylegan_wgpu::Config;
use stylegan_wgpu::latent::Ws;

use crate::drawing::stamp::{self, Own};
use crate::drawing::studio::Studio;
use crate::failure::Failure;

/// The list of a run.
pub(crate) enum Latents {
    Seeds(Vec<u32>),
    Rows {
        ws: Ws,
        /// The file, without its folder, and the key.
        name: String,
        /// Of the file's values.
        sha256: String,
    },
}

impl Latents {
    /// Rows of w from a file, as `--projected-w` names it.
    pub(crate) fn read(source: &Source, config: &Config) -> Result<Latents, Failure> {
        let ws = rows(source, config)?;
        Ok(Latents::Rows { sha256: stamp::sha256(&ws.values), name: stamp::source_name(source), ws })
    }

    /// Rows of w of any number of pictures: see [`Studio::all_ws`].
    pub(crate) fn all_ws(&self, studio: &mut Studio, indices: &[usize]) -> Result<Ws, Failure> {
        match self {
            Latents::Seeds(seeds) => studio.all_ws(&indices.iter().map(|&index| seeds[index]).collect::<Vec<_>>()),
            Latents::Rows { .. } => self.ws(studio, indices),
        }
    }

    /// Number of pictures.
    pub(crate) fn len(&self) -> usize {
        match self {
            Latents::Seeds(seeds) => seeds.len(),
            Latents::Rows { ws, .. } => ws.n,
        }
    }

    /// NVIDIA's file names, without the ending.
    pub(crate) fn name(&self, index: usize) -> String {
        match self {
            Latents::Seeds(seeds) => format!("seed{:04}", seeds[index]),
            Latents::Rows { .. } => format!("proj{index:02}"),
        }
    }

    /// The flags that name some picture, or all. Only seeds are truncated.
    pub(crate) fn own(&self, picture: Option<usize>, trunc: &str) -> Own {
        match (self, picture) {
            (Latents::Seeds(seeds), Some(index)) => Own::default().flag("seeds", seeds[index]).flag("trunc", trunc),
            (Latents::Seeds(seeds), None) => Own::default().flag("seeds", flags::ranges(seeds)).flag("trunc", trunc),
            (Latents::Rows { ws, name, .. }, Some(index)) if ws.n > 1 => {
                Own::default().file("projected-w", format!("{name}:{index}"), stamp::sha256(ws.image(index)))
            }
            (Latents::Rows { name, sha256, .. }, _) => Own::default().file("projected-w", name, sha256.clone()),
        }
    }

    /// The seed of a picture that has one.
    pub(crate) fn seed(&self, index: usize) -> Option<u32> {
        match self {
            Latents::Seeds(seeds) => Some(seeds[index]),
            Latents::Rows { .. } => None,
        }
    }

    /// Rows of w: of seeds truncated, of a file as they are.
    pub(crate) fn ws(&self, studio: &mut Studio, indices: &[usize]) -> Result<Ws, Failure> {
        match self {
            Latents::Seeds(seeds) => studio.ws(&indices.iter().map(|&index| seeds[index]).collect::<Vec<_>>()),
            Latents::Rows { ws, .. } => {
                let values = indices.iter().flat_map(|&index| ws.image(index)).copied().collect();
                Ok(Ws::new(indices.len(), ws.num_ws, ws.w_dim, values)?)
            }
        }
    }
}

/// The rows of w of a file's pictures.
pub(crate) fn rows(source: &Source, config: &Config) -> Result<Ws, Failure> {
    of_file(source, config, vectors::rows)
}

/// The direction of a value of `--direction`.
pub(crate) fn direction(source: &Source, config: &Config) -> Result<Direction, Failure> {
    of_file(source, config, Direction::read)
}

/// Reads one or the other; errors name the file.
fn of_file<T>(
    source: &Source,
    config: &Config,
    read: fn(&VectorFile<'_>, Option<&str>, Sizes) -> vectors::Result<T>,
) -> Result<T, Failure> {
    let (path, key, bytes) = source.read();
    let found = bytes.and_then(|bytes| VectorFile::open(&bytes).and_then(|file| read(&file, key, Sizes::of(config))));
    found.map_err(|error| Failure::Runtime(format!("{}: {error}", path.display())))
}

/// Writes the rows of a picture as NVIDIA's projected_w.npz has them: `w`, `[1, num_ws, w_dim]`.
pub(crate) fn save(path: &Path, ws: &Ws) -> Result<(), Failure> {
    let array = Array::new(&[ws.n, ws.num_ws, ws.w_dim], ws.values.clone());
    Ok(array_file::write_npz(path, &[("w", &array)])?)
}

//! What the pictures of a run are drawn from: seeds, or rows of w from a file.

use std::path::Path;

use sha2::{Digest, Sha256};
use stylegan_tools::array_file::{self, Array};
use stylegan_tools::hex;
use stylegan_wgpu::latent::Ws;
use stylegan_wgpu::networks::Config;

use crate::failure::Failure;
use crate::studio::Studio;

/// The list of a run.
pub(crate) enum Latents {
    Seeds(Vec<u32>),
    Rows {
        ws: Ws,
        /// Of the file's values.
        sha256: String,
    },
}

impl Latents {
    /// Rows of w from a file: `w` of an .npz, or an .npy. `[N, num_ws, w_dim]` as `--save-ws` and NVIDIA's projector write it, the
    /// same of one picture, or one row for all layers.
    pub(crate) fn read(path: &Path, config: &Config) -> Result<Latents, Failure> {
        let array = array_file::read(path, "w")?;
        let (num_ws, w_dim) = (config.num_ws(), config.w_dim());
        let bytes: Vec<u8> = array.values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let sha256 = hex(&Sha256::digest(bytes));
        let ws = match array.shape[..] {
            [n, rows, columns] if n > 0 && (rows, columns) == (num_ws, w_dim) => Ws::new(n, num_ws, w_dim, array.values)?,
            [rows, columns] if (rows, columns) == (num_ws, w_dim) => Ws::new(1, num_ws, w_dim, array.values)?,
            [n, 1, columns] if n > 0 && columns == w_dim => Ws::broadcast(&array.values, w_dim, num_ws),
            _ => {
                return Err(Failure::Runtime(format!(
                    "{}: w has the shape {:?}; this network takes [N, {num_ws}, {w_dim}], [{num_ws}, {w_dim}], or [N, 1, {w_dim}] for \
                     all layers alike",
                    path.display(),
                    array.shape
                )));
            }
        };
        Ok(Latents::Rows { ws, sha256 })
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

/// Writes the rows of a picture as NVIDIA's projected_w.npz has them: `w`, `[1, num_ws, w_dim]`.
pub(crate) fn save(path: &Path, ws: &Ws) -> Result<(), Failure> {
    let array = Array::new(&[ws.n, ws.num_ws, ws.w_dim], ws.values.clone());
    Ok(array_file::write_npz(path, &[("w", &array)])?)
}

#[cfg(test)]
mod tests {
    use stylegan_wgpu::networks::stylegan2;

    use super::*;

    #[test]
    fn rows_come_in_the_shapes_people_have() {
        let config = Config::StyleGan2(stylegan2::Config { w_dim: 2, img_resolution: 8, ..stylegan2::Config::config_f() });
        assert_eq!(config.num_ws(), 4);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.npy");
        let read = |shape: &[usize]| {
            let values: Vec<f32> = (0..shape.iter().product()).map(|i| i as f32).collect();
            array_file::write_npy(&path, shape, &values).unwrap();
            Latents::read(&path, &config)
        };
        for (shape, n) in [(&[3, 4, 2][..], 3), (&[4, 2], 1), (&[1, 1, 2], 1), (&[3, 1, 2], 3)] {
            let Latents::Rows { ws, .. } = read(shape).unwrap() else { panic!("rows") };
            assert_eq!((ws.n, ws.num_ws, ws.w_dim), (n, 4, 2), "{shape:?}");
            // The last value of all is that of the last row of the last picture.
            assert_eq!(*ws.image(n - 1).last().unwrap(), (shape.iter().product::<usize>() - 1) as f32);
        }
        for shape in [&[3, 5, 2][..], &[4, 3], &[2], &[0, 4, 2], &[1, 1, 4, 2], &[]] {
            let failure = read(shape).err().unwrap();
            assert!(failure.text().contains("this network takes [N, 4, 2]"), "{shape:?}: {}", failure.text());
        }
    }
}

//! Centres of w, for multi-modal truncation (Mokady et al. 2022, "Self-Distilled StyleGAN"): a picture is pulled towards the
//! centre it is nearest to, instead of the one average of all, which looks like the majority of them.

use stylegan_wgpu::latent::{Truncation, Ws};
use stylegan_wgpu::{Error, Gpu, Model, Result};

use super::error::VectorError;
use super::file::{Leaf, Node, Part, VectorFile, join};
use super::kmeans::{Points, distance, kmeans};
use super::samples::{Draw, samples};
use super::{Sizes, error};

/// Latents that centres are made of, and their seed: `RandomState(0).randn(60000, z_dim)`, as the paper's.
const SAMPLES: usize = 60_000;
const SEED: u32 = 0;
/// Values of w that are kept of them, 128 MB: fewer latents of a w longer than 512.
const MOST_VALUES: usize = SAMPLES << 9;

/// Rows of w that pictures are truncated towards.
#[derive(Clone, Debug, PartialEq)]
pub struct Centers {
    w_dim: usize,
    /// `[k, w_dim]`.
    values: Vec<f32>,
}

impl Centers {
    /// Most centres that are made or read.
    pub const MOST: usize = 4096;

    /// Takes `[k, w_dim]` values. Panics when they are no rows, or none.
    #[track_caller]
    pub fn new(w_dim: usize, values: Vec<f32>) -> Centers {
        assert!(!values.is_empty() && values.len().is_multiple_of(w_dim), "{} values are not rows of {w_dim}", values.len());
        Centers { w_dim, values }
    }

    /// The centres of `k` clusters of w, the largest cluster first: k-means with every dimension in units of its standard deviation. Of a
    /// conditional network those of a class, or of all classes in turn. `progress` hears the part that is done.
    pub fn find(gpu: &Gpu, model: &Model, k: usize, class: Option<usize>, progress: &mut dyn FnMut(f32)) -> Result<Centers> {
        if !(1..=Centers::MOST).contains(&k) {
            return Err(Error::Argument(format!("{k} centres were asked for; 1 to {} can be", Centers::MOST)));
        }
        let w_dim = model.config.w_dim();
        let count = SAMPLES.min((MOST_VALUES / w_dim).max(4 * k));
        let mut w = samples(gpu, model, Draw { seed: SEED, count, class }, &mut |done| progress(0.5 * done as f32 / count as f32))?;
        if !w.iter().all(|value| value.is_finite()) {
            return Err(Error::Device("the mapping network yields NaN or infinity on this device".into()));
        }
        let scales = standardise(&mut w, w_dim);
        let found = kmeans(Points { values: &w, dim: w_dim }, k, SEED, &mut |part| progress(0.5 + 0.5 * part));
        let too_many = |distinct| Error::Argument(format!("{k} centres were asked for; w of this network has {distinct} values only"));
        let mut values = found.map_err(too_many)?;
        for centre in values.chunks_exact_mut(w_dim) {
            centre.iter_mut().zip(&scales).for_each(|(value, (mean, deviation))| *value = mean + deviation * *value);
        }
        Ok(Centers { w_dim, values })
    }

    /// Reads centres of a file for a network: `[K, w_dim]`, `[w_dim]`, or `[.., num_ws, w_dim]` with equal rows for all layers, as
    /// stylegan3-fun writes them. Of several, `FILE:3` is the fourth alone.
    pub fn read(file: &VectorFile<'_>, key: Option<&str>, sizes: Sizes) -> error::Result<Centers> {
        let Part { node, name, row } = file.part(key)?;
        let mut found = Vec::new();
        fitting(node, &name, sizes, &mut found);
        let (name, leaf) = match found.len() {
            0 => {
                let mut shapes = Vec::new();
                node.shapes(&name, &mut shapes);
                let Sizes { num_ws, w_dim } = sizes;
                return Err(VectorError::Shape { needed: format!("centres of [K, {w_dim}], or [K, {num_ws}, {w_dim}]"), found: shapes });
            }
            1 => found.remove(0),
            _ => return Err(VectorError::Choice { what: "arrays of centres", keys: found.into_iter().map(|(name, _)| name).collect() }),
        };
        let layers = layers(&leaf.shape, sizes).unwrap_or(1);
        let all = file.values(&name, leaf)?.values;
        let mut values = Vec::with_capacity(all.len() / layers);
        for (centre, rows) in all.chunks_exact(layers * sizes.w_dim).enumerate() {
            let last = &rows[(layers - 1) * sizes.w_dim..];
            if rows.chunks_exact(sizes.w_dim).any(|row| row != last) {
                let needed = "centres that are the same for all layers".to_owned();
                return Err(VectorError::Shape { needed, found: vec![format!("a centre (number {centre}) whose layers differ")] });
            }
            values.extend(last);
        }
        let count = values.len() / sizes.w_dim;
        match row {
            Some(row) if row >= count => {
                return Err(VectorError::Entry { wanted: format!("centre {row}"), found: format!("{count}, counted from 0") });
            }
            Some(row) => values = values[row * sizes.w_dim..][..sizes.w_dim].to_vec(),
            None => {}
        }
        Ok(Centers { w_dim: sizes.w_dim, values })
    }

    /// Those of several files as one; None when they are none, or too many.
    pub fn join(parts: Vec<Centers>) -> Option<Centers> {
        let w_dim = parts.first()?.w_dim;
        let values: Vec<f32> = parts.into_iter().flat_map(|part| part.values).collect();
        (values.len() <= Centers::MOST * w_dim).then_some(Centers { w_dim, values })
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.values.len() / self.w_dim
    }

    /// `[k, w_dim]`, row-major.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The one nearest to a w; of two that are equally near, the first. Panics on another length.
    #[track_caller]
    pub fn nearest(&self, w: &[f32]) -> &[f32] {
        assert_eq!(w.len(), self.w_dim, "w has another length than the centres");
        let rows = self.values.chunks_exact(self.w_dim).map(|centre| (distance(w, centre), centre));
        rows.reduce(|best, next| if next.0 < best.0 { next } else { best }).map_or(&[], |(_, centre)| centre)
    }

    /// Truncates every picture towards the centre that its first row is nearest to. `ws` is not truncated yet.
    pub fn truncate(&self, truncation: &Truncation, ws: &mut Ws) -> Result<()> {
        if ws.w_dim != self.w_dim {
            return Err(Error::Argument(format!("the centres have {} values, w has {}", self.w_dim, ws.w_dim)));
        }
        let size = ws.num_ws * ws.w_dim;
        for n in 0..ws.n {
            let mut picture = ws.slice(n..n + 1);
            truncation.apply(&mut picture, self.nearest(&ws.image(n)[..ws.w_dim]))?;
            ws.values[n * size..][..size].copy_from_slice(&picture.values);
        }
        Ok(())
    }
}

/// The arrays of a part of a file that can be centres.
fn fitting<'a>(node: &'a Node, name: &str, sizes: Sizes, found: &mut Vec<(String, &'a Leaf)>) {
    match node {
        Node::Array(leaf) if layers(&leaf.shape, sizes).is_some() => found.push((name.into(), leaf)),
        _ => node.children().into_iter().for_each(|(child, node)| fitting(node, &join(name, &child), sizes, found)),
    }
}

/// Rows of each centre in an array of that shape; None where it holds none, or too many.
fn layers(shape: &[usize], Sizes { num_ws, w_dim }: Sizes) -> Option<usize> {
    let (layers, count) = match *shape {
        [row] if row == w_dim => (1, 1),
        [n, row] if row == w_dim => (1, n),
        [.., rows, row] if (rows, row) == (num_ws, w_dim) => {
            (num_ws, shape[..shape.len() - 2].iter().try_fold(1usize, |n, side| n.checked_mul(*side))?)
        }
        [1, n, row] | [n, 1, row] if row == w_dim => (1, n),
        _ => return None,
    };
    (1..=Centers::MOST).contains(&count).then_some(layers)
}

/// Brings every dimension to mean 0 and deviation 1; gives both. One that never varies stays 0.
fn standardise(w: &mut [f32], w_dim: usize) -> Vec<(f32, f32)> {
    let count = (w.len() / w_dim) as f64;
    let mut moments = vec![(0.0f64, 0.0f64); w_dim];
    for row in w.chunks_exact(w_dim) {
        for ((sum, squares), value) in moments.iter_mut().zip(row) {
            *sum += f64::from(*value);
            *squares += f64::from(*value).powi(2);
        }
    }
    let scale = |(sum, squares): (f64, f64)| {
        let mean = sum / count;
        (mean as f32, (squares / count - mean * mean).max(0.0).sqrt() as f32)
    };
    let scales: Vec<(f32, f32)> = moments.into_iter().map(scale).collect();
    for row in w.chunks_exact_mut(w_dim) {
        for (value, (mean, deviation)) in row.iter_mut().zip(&scales) {
            *value = if *deviation > 0.0 { (*value - mean) / deviation } else { 0.0 };
        }
    }
    scales
}

#[cfg(test)]
mod tests {
    use stylegan_convert::array_file::{Array, npy_bytes, npz_bytes};

    use super::*;

    const SIZES: Sizes = Sizes { num_ws: 3, w_dim: 2 };

    fn read(bytes: &[u8], key: Option<&str>) -> error::Result<Centers> {
        Centers::read(&VectorFile::open(bytes)?, key, SIZES)
    }

    #[test]
    fn pictures_are_truncated_towards_the_nearest() {
        let centers = Centers::new(2, vec![0.0, 0.0, 10.0, 0.0]);
        let mut ws = Ws::broadcast(&[1.0, 2.0, 8.0, 4.0, 5.0, 0.0], 2, 3);
        centers.truncate(&Truncation { psi: 0.5, cutoff: Some(2) }, &mut ws).unwrap();
        assert_eq!(ws.image(0), [0.5, 1.0, 0.5, 1.0, 1.0, 2.0]);
        assert_eq!(ws.image(1), [9.0, 2.0, 9.0, 2.0, 8.0, 4.0]);
        assert_eq!(ws.image(2), [2.5, 0.0, 2.5, 0.0, 5.0, 0.0], "as near to both: the first");
        assert!(centers.truncate(&Truncation { psi: 0.5, cutoff: None }, &mut Ws::broadcast(&[1.0; 3], 3, 1)).is_err());
    }

    #[test]
    fn centres_come_in_the_shapes_people_have() {
        let numbers = |count: usize| (0..count).map(|i| i as f32).collect::<Vec<_>>();
        for (shape, count) in [(&[2][..], 1), (&[5, 2], 5), (&[3, 2], 3), (&[1, 5, 2], 5), (&[5, 1, 2], 5)] {
            let centers = read(&npy_bytes(shape, &numbers(2 * count)), None).unwrap();
            assert_eq!((centers.count(), centers.values()), (count, &numbers(2 * count)[..]), "{shape:?}");
        }
        // One centre in a file, once for every layer.
        let rows = [4.0, 5.0].repeat(3);
        assert_eq!(read(&npy_bytes(&[1, 1, 3, 2], &rows), None).unwrap().values(), [4.0, 5.0]);
        assert_eq!(
            read(&npy_bytes(&[2, 3, 2], &[&rows[..], &[6.0, 7.0].repeat(3)].concat()), None).unwrap().values(),
            [4.0, 5.0, 6.0, 7.0]
        );
        assert_eq!(read(&npy_bytes(&[5, 2], &numbers(10)), Some("3")).unwrap().values(), [6.0, 7.0]);

        let (a, b) = (Array::new(&[2, 2], numbers(4)), Array::new(&[4, 2], numbers(8)));
        let two = npz_bytes(&[("k2", &a), ("k4", &b)]);
        assert_eq!(read(&two, Some("k4")).unwrap().count(), 4);
        for (bytes, key, says) in [
            (&two[..], None, "several arrays of centres; choose one with FILE:KEY, of k2, k4"),
            (&npy_bytes(&[4, 3], &numbers(12)), None, "it holds [4, 3]; this network takes centres of [K, 2], or [K, 3, 2]"),
            (&npy_bytes(&[1, 3, 2], &numbers(6)), None, "whose layers differ"),
            (&npy_bytes(&[5, 2], &numbers(10)), Some("5"), "there is no centre 5; it holds 5, counted from 0"),
            (&npy_bytes(&[Centers::MOST + 1, 2], &vec![0.0; 2 * Centers::MOST + 2]), None, "this network takes"),
            (&npy_bytes(&[1, 2], &[f32::NAN, 0.0]), None, "NaN or infinite"),
            (&npy_bytes(&[0, 2], &[]), None, "this network takes"),
        ] {
            let line = read(bytes, key).unwrap_err().to_string();
            assert!(line.contains(says), "{line}");
        }
    }

    #[test]
    fn dimensions_are_standardised_and_taken_back() {
        let original = [1.0, 100.0, 7.0, 3.0, 300.0, 7.0];
        let mut w = original;
        let scales = standardise(&mut w, 3);
        assert_eq!(scales, [(2.0, 1.0), (200.0, 100.0), (7.0, 0.0)]);
        assert_eq!(w, [-1.0, -1.0, 0.0, 1.0, 1.0, 0.0]);
    }
}

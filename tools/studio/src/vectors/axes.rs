//! Directions with the standard deviation of w along each: principal components of w (GANSpace, Härkönen et al. 2020), or SeFa's.

use stylegan_convert::array_file::Array;
use stylegan_wgpu::{Error, Gpu, Model, Result};

use super::samples::{Draw, samples};
use super::sefa::{self, matrix::Matrix};

/// Latents that the deviations are taken from, and their seed: those of NVIDIA's average w.
const SAMPLES: usize = 10_000;
const SEED: u32 = 123;
/// Values of w that are kept of them: fewer latents of a w longer than 1024.
const MOST_VALUES: usize = SAMPLES << 10;

/// A direction along which w hardly varies moves a picture out of all that the network draws: its sigma is below this part of the
/// usual one.
const TINY: f32 = 0.5;

/// How directions are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// The principal components of w: what differs most between latents.
    Pca,
    /// The right singular vectors of the affine weights: what changes the styles most.
    Sefa,
}

/// Directions in w and what w does along them.
#[derive(Clone, Debug)]
pub struct Axes {
    /// `[n, w_dim]`: unit vectors; the component of largest magnitude is positive.
    pub directions: Array,
    /// `[n]`: the standard deviation of w along each.
    pub sigma: Array,
    /// `[w_dim]`: the mean of w.
    pub mean: Array,
    /// `[n]`: of SeFa, the length of the change of all styles for one step along each.
    pub singular_values: Option<Array>,
    /// Of SeFa, the layers that were looked at.
    pub layers: Vec<String>,
}

impl Axes {
    /// Finds `n` directions for the layers that read the rows `slots` of ws; PCA is of w, whatever reads it. `progress` hears the part
    /// that is done.
    pub fn find(
        gpu: &Gpu,
        model: &Model,
        method: Method,
        (slots, n): (&[usize], usize),
        class: Option<usize>,
        progress: &mut dyn FnMut(f32),
    ) -> Result<Axes> {
        let w_dim = model.config.w_dim();
        if n == 0 || n > w_dim {
            return Err(Error::Argument(format!("{n} directions were asked for; w has {w_dim} dimensions, so there are 1 to {w_dim}")));
        }
        // What weights alone can refuse is refused first.
        let found = match method {
            Method::Pca => None,
            Method::Sefa => Some(sefa::directions(model, slots, n)?),
        };
        let count = (MOST_VALUES / w_dim).clamp(2 * w_dim.min(500), SAMPLES);
        let mut w = samples(gpu, model, Draw { seed: SEED, count, class }, &mut |done| progress(0.9 * done as f32 / count as f32))?;
        let mean = centre(&mut w, w_dim);
        let axes = match found {
            None => principal(w, w_dim, n)?,
            Some(found) => weighed(found, &w, w_dim),
        };
        progress(1.0);
        Ok(Axes { mean: Array::new(&[w_dim], mean), ..axes })
    }
}

impl Axes {
    /// The `n` principal components of rows of w, `[_, w_dim]`, that are at hand.
    pub fn of_rows(mut w: Vec<f32>, w_dim: usize, n: usize) -> Result<Axes> {
        if n == 0 || n > w_dim || w.len() < 2 * w_dim || !w.len().is_multiple_of(w_dim) {
            return Err(Error::Argument(format!("{} values are no rows of {w_dim} with {n} directions", w.len())));
        }
        let mean = centre(&mut w, w_dim);
        Ok(Axes { mean: Array::new(&[w_dim], mean), ..principal(w, w_dim, n)? })
    }
}

/// Subtracts the mean of the rows, and gives it.
fn centre(w: &mut [f32], w_dim: usize) -> Vec<f32> {
    let mut sum = vec![0.0f64; w_dim];
    w.chunks_exact(w_dim).for_each(|row| sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value)));
    let count = (w.len() / w_dim) as f64;
    let mean: Vec<f32> = sum.into_iter().map(|sum| (sum / count) as f32).collect();
    w.chunks_exact_mut(w_dim).for_each(|row| row.iter_mut().zip(&mean).for_each(|(value, mean)| *value -= mean));
    mean
}

/// The principal components of centred rows.
fn principal(w: Vec<f32>, w_dim: usize, n: usize) -> Result<Axes> {
    let count = w.len() / w_dim;
    let mut found = Matrix { blocks: vec![w], width: w_dim }.eigen(n);
    if found.len() < n {
        return Err(Error::Argument(format!("{n} directions were asked for; w varies along {} only", found.len())));
    }
    found.truncate(n);
    let sigma = found.iter().map(|eigen| (eigen.value / count as f64).sqrt() as f32).collect();
    Ok(Axes {
        directions: Array::new(&[n, w_dim], found.iter().flat_map(|eigen| sefa::with_sign(&eigen.vector)).collect()),
        sigma: Array::new(&[n], sigma),
        mean: Array::new(&[0], vec![]),
        singular_values: None,
        layers: Vec::new(),
    })
}

/// SeFa's directions with their sigma, the one that changes the styles most in one sigma first; those of tiny sigma last.
fn weighed(found: sefa::Directions, w: &[f32], w_dim: usize) -> Axes {
    let (n, count) = (found.directions.shape[0], w.len() / w_dim);
    let along = |direction: &[f32]| {
        let dot = |row: &[f32]| row.iter().zip(direction).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        (w.chunks_exact(w_dim).map(|row| dot(row).powi(2)).sum::<f64>() / count as f64).sqrt() as f32
    };
    let rows: Vec<&[f32]> = found.directions.values.chunks_exact(w_dim).collect();
    let sigma: Vec<f32> = rows.iter().map(|direction| along(direction)).collect();
    let singular = &found.singular_values.values;
    let order = order(&sigma, singular);
    let sorted = |values: &[f32]| Array::new(&[n], order.iter().map(|&i| values[i]).collect());
    Axes {
        directions: Array::new(&[n, w_dim], order.iter().flat_map(|&i| rows[i]).copied().collect()),
        sigma: sorted(&sigma),
        mean: Array::new(&[0], vec![]),
        singular_values: Some(sorted(singular)),
        layers: found.layers,
    }
}

/// By what one sigma does, those of tiny sigma last.
fn order(sigma: &[f32], singular: &[f32]) -> Vec<usize> {
    let mut ascending = sigma.to_vec();
    ascending.sort_by(f32::total_cmp);
    let usual = ascending[ascending.len() / 2];
    let mut order: Vec<usize> = (0..sigma.len()).collect();
    let rank = |i: usize| (sigma[i] < TINY * usual, -sigma[i] * singular[i]);
    order.sort_by(|&a, &b| rank(a).0.cmp(&rank(b).0).then(rank(a).1.total_cmp(&rank(b).1)));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions_of_tiny_sigma_come_last() {
        // The first changes the styles most by far, and w hardly goes there.
        assert_eq!(order(&[0.4, 1.2, 2.4, 1.0], &[90.0, 10.0, 6.0, 1.0]), [2, 1, 3, 0]);
    }

    #[test]
    fn principal_components_of_a_known_cloud() {
        // Along (3, 4) / 5 with a deviation of 2, across with 0.5.
        let mut random = stylegan_wgpu::latent::RandomState::new(1);
        let mut w: Vec<f32> = (0..4000)
            .flat_map(|_| {
                let (along, across) = (2.0 * random.next_gaussian(), 0.5 * random.next_gaussian());
                [10.0 + 0.6 * along - 0.8 * across, -5.0 + 0.8 * along + 0.6 * across].map(|value| value as f32)
            })
            .collect();
        let mean = centre(&mut w, 2);
        assert!((mean[0] - 10.0).abs() < 0.1 && (mean[1] + 5.0).abs() < 0.1, "{mean:?}");
        let axes = principal(w, 2, 2).unwrap();
        let [x, y] = axes.directions.values[..2] else { panic!("two dimensions") };
        assert!((x - 0.6).abs() < 0.02 && (y - 0.8).abs() < 0.02, "{x} {y}");
        assert!((axes.sigma.values[0] - 2.0).abs() < 0.06 && (axes.sigma.values[1] - 0.5).abs() < 0.03, "{:?}", axes.sigma.values);
        assert!(principal(vec![0.0; 8], 2, 1).unwrap_err().to_string().contains("varies along 0 only"));
    }
}

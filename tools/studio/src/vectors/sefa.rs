//! SeFa, closed-form factorisation of a generator (Shen & Zhou 2021, "Closed-Form Factorization of Latent Semantics in GANs"): the
//! directions in which w changes the styles most are the right singular vectors of the affine weights. No data, no training.

use stylegan_convert::array_file::Array;
use stylegan_wgpu::internals::networks::Role;
use stylegan_wgpu::{Error, Model, Result};

mod eigen;
pub(crate) mod matrix;

use matrix::Matrix;

/// Directions in w.
#[derive(Clone, Debug)]
pub struct Directions {
    /// `[n, w_dim]`: unit vectors, perpendicular to each other, the strongest first. The component of largest magnitude (the
    /// first of them, where several are) is positive: a singular vector's sign is nobody's choice.
    pub directions: Array,
    /// `[n]`: length of the change of all styles together for one step along each.
    pub singular_values: Array,
    /// The layers whose affine weights were factorised, as `b8.conv0`.
    pub layers: Vec<String>,
}

/// The `n` strongest directions for the layers that read one of the rows `slots` of ws; torgb is left out, because it changes
/// colours only, and so is StyleGAN3's input, whose styles turn and move the picture.
///
/// The matrix is the stored affine weights of these layers `[features, w_dim]`, one below the other, their rows not normalised.
pub fn directions(model: &Model, slots: &[usize], n: usize) -> Result<Directions> {
    let w_dim = model.config.w_dim();
    if n == 0 || n > w_dim {
        return Err(Error::Argument(format!("{n} directions were asked for; w has {w_dim} dimensions, so there are 1 to {w_dim}")));
    }
    let chosen = |layer: &stylegan_wgpu::internals::networks::StyleLayer| layer.role == Role::Convolution && slots.contains(&layer.slot);
    let layers: Vec<String> = model.config.style_layers().into_iter().filter(chosen).map(|layer| layer.name).collect();
    if layers.is_empty() {
        return Err(Error::Argument("no convolution reads these rows of w: choose other layers".into()));
    }
    let blocks = layers.iter().map(|name| model.array(&format!("synthesis.{name}.affine.weight")).to_f32()).collect();
    let mut found = Matrix { blocks, width: w_dim }.eigen(n);
    if found.len() < n {
        return Err(Error::Argument(format!(
            "{n} directions were asked for; these layers have {}: other directions change nothing in them",
            found.len()
        )));
    }
    found.truncate(n);
    Ok(Directions {
        directions: Array::new(&[n, w_dim], found.iter().flat_map(|eigen| with_sign(&eigen.vector)).collect()),
        singular_values: Array::new(&[n], found.iter().map(|eigen| eigen.value.sqrt() as f32).collect()),
        layers,
    })
}

/// A vector or its opposite, whichever has the component of largest magnitude positive.
pub(crate) fn with_sign(vector: &[f64]) -> impl Iterator<Item = f32> + '_ {
    let largest = vector.iter().fold(0.0f64, |most, &value| if value.abs() > most.abs() { value } else { most });
    vector.iter().map(move |value| (largest.signum() * value) as f32)
}

#[cfg(test)]
mod tests {
    use stylegan_wgpu::Config;
    use stylegan_wgpu::internals::random_weights::random_weights;

    use super::*;

    fn config(json: &str) -> Config {
        serde_json::from_str(json).unwrap()
    }

    fn stylegan2() -> Config {
        config(r#"{"network": "stylegan2", "z_dim": 8, "w_dim": 24, "img_resolution": 32, "channel_max": 16, "num_layers": 1}"#)
    }

    /// The strongest direction of a matrix by power iteration on A A^T, the other Gram matrix, deflated by those before:
    /// v = A^T u / |A^T u|.
    fn by_power_iteration(rows: &[Vec<f64>], n: usize) -> Vec<(f64, Vec<f64>)> {
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let mut rows = rows.to_vec();
        let w_dim = rows[0].len();
        (0..n)
            .map(|_| {
                let gram: Vec<Vec<f64>> = rows.iter().map(|a| rows.iter().map(|b| dot(a, b)).collect()).collect();
                let mut u: Vec<f64> = (0..rows.len()).map(|i| 1.0 + (i as f64 * 0.7).sin()).collect();
                for _ in 0..3000 {
                    let next: Vec<f64> = gram.iter().map(|row| dot(row, &u)).collect();
                    let length = dot(&next, &next).sqrt();
                    u = next.into_iter().map(|value| value / length).collect();
                }
                let mut v: Vec<f64> = (0..w_dim).map(|j| rows.iter().zip(&u).map(|(row, u)| row[j] * u).sum()).collect();
                let sigma = dot(&v, &v).sqrt();
                v.iter_mut().for_each(|value| *value /= sigma);
                for row in &mut rows {
                    let along = dot(row, &v);
                    row.iter_mut().zip(&v).for_each(|(value, v)| *value -= along * v);
                }
                (sigma, v)
            })
            .collect()
    }

    #[test]
    fn directions_equal_an_independent_decomposition() {
        let model = random_weights(&stylegan2(), 3);
        let names = ["b4.conv1", "b8.conv0", "b8.conv1"];
        let found = directions(&model, &[0, 1, 2], 4).unwrap();
        assert_eq!(found.layers, names);
        let values = |name: &str| model.array(&format!("synthesis.{name}.affine.weight")).to_f32();
        let rows: Vec<Vec<f64>> = names
            .iter()
            .flat_map(|name| values(name).chunks(24).map(|row| row.iter().map(|&v| f64::from(v)).collect()).collect::<Vec<_>>())
            .collect();
        assert_eq!(rows.len(), 48);
        for (i, (sigma, v)) in by_power_iteration(&rows, 4).into_iter().enumerate() {
            let got = &found.directions.values[24 * i..][..24];
            let along: f64 = got.iter().zip(&v).map(|(&got, v)| f64::from(got) * v).sum();
            assert!((along.abs() - 1.0).abs() < 1e-5, "direction {i}: {along}");
            let error = f64::from(found.singular_values.values[i]) / sigma - 1.0;
            assert!(error.abs() < 1e-5, "singular value {i}: {} instead of {sigma}", found.singular_values.values[i]);
            let largest = got.iter().fold(0.0f32, |most, value| if value.abs() > most.abs() { *value } else { most });
            assert!(largest > 0.0, "direction {i} has its sign by chance");
        }
    }

    /// All directions together carry the whole matrix: the squares of the singular values sum up to its squared norm.
    #[test]
    fn directions_are_complete_perpendicular_and_ordered() {
        let model = random_weights(&stylegan2(), 4);
        let Directions { directions, singular_values, layers } = super::directions(&model, &[0, 1, 2, 3, 4, 5, 6, 7], 24).unwrap();
        assert_eq!(layers, ["b4.conv1", "b8.conv0", "b8.conv1", "b16.conv0", "b16.conv1", "b32.conv0", "b32.conv1"]);
        let square = |values: &[f32]| values.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>();
        let norm: f64 = layers.iter().map(|name| square(&model.array(&format!("synthesis.{name}.affine.weight")).to_f32())).sum();
        assert!((square(&singular_values.values) / norm - 1.0).abs() < 1e-5);
        assert!(singular_values.values.is_sorted_by(|a, b| a >= b));
        for (i, a) in directions.values.chunks(24).enumerate() {
            for (j, b) in directions.values.chunks(24).enumerate() {
                let dot: f32 = a.iter().zip(b).map(|(a, b)| a * b).sum();
                assert!((dot - if i == j { 1.0 } else { 0.0 }).abs() < 1e-5, "{i} {j}: {dot}");
            }
        }
    }

    #[test]
    fn every_network_has_directions() {
        let first = config(r#"{"network": "stylegan1", "z_dim": 8, "w_dim": 8, "img_resolution": 16, "channel_max": 8, "num_layers": 1}"#);
        let found = directions(&random_weights(&first, 0), &[0, 1, 5], 8).unwrap();
        assert_eq!(found.layers, ["b4.conv0", "b4.conv1", "b16.conv1"]);
        let mobile = config(
            r#"{"network": "mobilestylegan", "z_dim": 8, "w_dim": 8, "img_resolution": 32, "num_layers": 1, "channels": [8, 8, 8]}"#,
        );
        let model = random_weights(&mobile, 0);
        assert_eq!(directions(&model, &[0, 1, 2], 1).unwrap().layers, ["b4.conv1", "b8.up", "b8.conv1", "b8.conv2"]);
        // 3 is read by nothing, 6 by torgb alone.
        assert!(directions(&model, &[3, 6], 1).unwrap_err().to_string().contains("no convolution"));
        assert!(directions(&model, &[0], 9).unwrap_err().to_string().contains("1 to 8"));
        assert!(directions(&model, &[0], 0).is_err());
    }
}

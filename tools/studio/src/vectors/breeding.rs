//! Children of pictures: rows of w that differ from their parents' by a few standard deviations along the axes in which w varies, or that
//! are dealt out row by row between two parents. The same seed gives the same child.

use stylegan_wgpu::latent::{RandomState, Ws};
use stylegan_wgpu::{Error, Result};

use super::Axes;

/// No child is further from the mean than this along an axis, in standard deviations, unless its parent is: what lies beyond is hardly
/// ever drawn in training, and looks like it.
const MOST_SIGMA: f64 = 3.0;

/// How children come about.
#[derive(Clone, Copy, Debug)]
pub struct Breeding<'a> {
    /// The directions that w is moved along, with the deviation and mean of w.
    pub axes: &'a Axes,
    /// How far a child is from its parents, in standard deviations along every axis. 0 leaves w as it is; 0.3 to 1 is usual.
    pub strength: f32,
    /// Child `k` is drawn by `RandomState(seed + k)`.
    pub seed: u32,
}

impl Breeding<'_> {
    /// Child `k` of one picture, or of two: then every row is one parent's or the other's, at random and with rows of both. All rows take
    /// the same step, so that they still belong together.
    pub fn child(&self, k: u32, first: &Ws, second: Option<&Ws>) -> Result<Ws> {
        let w_dim = self.axes.mean.values.len();
        let sizes = |ws: &Ws| (ws.n, ws.num_ws, ws.w_dim);
        if (first.n, first.w_dim) != (1, w_dim) || second.is_some_and(|second| sizes(second) != sizes(first)) {
            let parents: Vec<_> = [Some(first), second].into_iter().flatten().map(sizes).collect();
            return Err(Error::Argument(format!("parents are {parents:?}; each is one picture, [1, rows, {w_dim}], of the same network")));
        }
        if !self.strength.is_finite() || self.strength < 0.0 {
            return Err(Error::Argument(format!("children differ by {} sigma; it is a finite number from 0", self.strength)));
        }
        let mut random = RandomState::new(self.seed.wrapping_add(k));
        let mut child = first.clone();
        if let Some(second) = second {
            child.mix(0, &dealt(&mut random, first.num_ws), second, 0)?;
        }
        self.mutate(&mut random, &mut child);
        Ok(child)
    }

    fn mutate(&self, random: &mut RandomState, child: &mut Ws) {
        let Axes { directions, sigma, mean, .. } = self.axes;
        for (direction, &sigma) in directions.values.chunks_exact(child.w_dim).zip(&sigma.values) {
            let (step, sigma) = (random.next_gaussian() * f64::from(self.strength * sigma), f64::from(sigma));
            for row in child.values.chunks_exact_mut(child.w_dim) {
                let centred = row.iter().zip(&mean.values).map(|(value, mean)| f64::from(*value) - f64::from(*mean));
                let along: f64 = centred.zip(direction).map(|(value, direction)| value * f64::from(*direction)).sum();
                let most = along.abs().max(MOST_SIGMA * sigma);
                let step = ((along + step).clamp(-most, most) - along) as f32;
                row.iter_mut().zip(direction).for_each(|(value, direction)| *value += step * direction);
            }
        }
    }
}

/// The rows that come from the second parent: some, and not all, where there are two.
fn dealt(random: &mut RandomState, rows: usize) -> Vec<usize> {
    let mut chosen: Vec<usize> = (0..rows).filter(|_| random.next_f64() < 0.5).collect();
    let one = (random.next_f64() * rows as f64) as usize % rows.max(1);
    match chosen.len() {
        0 if rows > 0 => chosen.push(one),
        all if all > 0 && all == rows => drop(chosen.remove(one)),
        _ => {}
    }
    chosen
}

#[cfg(test)]
mod tests {
    use stylegan_convert::array_file::Array;

    use super::*;

    /// Along (0.6, 0.8, 0) with a deviation of 2, along (0, 0, 1) with 0.5; the mean is (1, 2, 3).
    fn axes() -> Axes {
        Axes {
            directions: Array::new(&[2, 3], vec![0.6, 0.8, 0.0, 0.0, 0.0, 1.0]),
            sigma: Array::new(&[2], vec![2.0, 0.5]),
            mean: Array::new(&[3], vec![1.0, 2.0, 3.0]),
            singular_values: None,
            layers: Vec::new(),
        }
    }

    fn breeding(axes: &Axes, strength: f32) -> Breeding<'_> {
        Breeding { axes, strength, seed: 7 }
    }

    fn along(row: &[f32]) -> [f32; 3] {
        let [x, y, z] = [row[0] - 1.0, row[1] - 2.0, row[2] - 3.0];
        [0.6 * x + 0.8 * y, z, 0.8 * x - 0.6 * y]
    }

    #[test]
    fn a_child_is_its_seeds_and_moves_all_rows_alike() {
        let axes = axes();
        let parent = Ws::broadcast(&[1.0, 2.0, 3.0], 3, 4);
        let child = |k| breeding(&axes, 0.5).child(k, &parent, None).unwrap();
        assert_eq!(child(3), child(3));
        assert_ne!(child(3), child(4));
        assert_eq!(child(3), Breeding { seed: 10, ..breeding(&axes, 0.5) }.child(0, &parent, None).unwrap());
        // NumPy: numpy.random.RandomState(7).randn(2) is 1.6905257, -0.46593737.
        let [first, second, across] = along(&child(0).values[..3]);
        assert!((first - 1.690_525_7).abs() < 1e-5 && (second + 0.25 * 0.465_937_37).abs() < 1e-6, "{first} {second}");
        assert!(across.abs() < 1e-6, "nothing moves where there is no axis: {across}");
        assert!(child(0).values.chunks(3).all(|row| row == &child(0).values[..3]));
        assert_eq!(breeding(&axes, 0.0).child(0, &parent, None).unwrap(), parent);
    }

    #[test]
    fn steps_are_in_standard_deviations() {
        let axes = axes();
        let parent = Ws::broadcast(&[1.0, 2.0, 3.0], 3, 1);
        let square = |axis: usize| {
            let child = |k| along(&breeding(&axes, 0.5).child(k, &parent, None).unwrap().values)[axis];
            ((0..2000).map(|k| f64::from(child(k)).powi(2)).sum::<f64>() / 2000.0).sqrt()
        };
        assert!((square(0) - 1.0).abs() < 0.05 && (square(1) - 0.25).abs() < 0.0125, "{} {}", square(0), square(1));
    }

    #[test]
    fn no_child_leaves_what_the_network_draws() {
        let axes = axes();
        let mut parent = Ws::broadcast(&[1.0, 2.0, 3.0], 3, 2);
        for generation in 0..60 {
            parent = breeding(&axes, 2.0).child(generation, &parent, None).unwrap();
            for row in parent.values.chunks(3) {
                let [first, second, _] = along(row);
                assert!(first.abs() <= 6.001 && second.abs() <= 1.501, "generation {generation}: {first} {second}");
            }
        }
        // A parent from elsewhere keeps its place, and goes no further.
        let far = Ws::broadcast(&[1.0 + 0.6 * 50.0, 2.0 + 0.8 * 50.0, 3.0], 3, 1);
        for k in 0..20 {
            let [first, ..] = along(&breeding(&axes, 1.0).child(k, &far, None).unwrap().values);
            assert!((40.0..=50.001).contains(&first), "{first}");
        }
    }

    #[test]
    fn rows_of_two_parents_are_dealt_out() {
        let axes = axes();
        let [first, second] = [1.0f32, 2.0].map(|value| Ws::broadcast(&[value; 3], 3, 6));
        let mut seen = std::collections::BTreeSet::new();
        for k in 0..40 {
            let child = breeding(&axes, 0.0).child(k, &first, Some(&second)).unwrap();
            let rows: Vec<f32> = child.values.chunks(3).map(|row| row[0]).collect();
            assert!(rows.contains(&1.0) && rows.contains(&2.0), "{rows:?}");
            seen.insert(rows.iter().map(|&value| value as u8).collect::<Vec<_>>());
        }
        assert!(seen.len() > 20, "{}", seen.len());
        assert!((0..9).all(|seed| dealt(&mut RandomState::new(seed), 2).len() == 1 && dealt(&mut RandomState::new(seed), 0).is_empty()));
    }

    #[test]
    fn parents_that_do_not_fit_are_errors() {
        let axes = axes();
        let parent = Ws::broadcast(&[1.0; 3], 3, 4);
        let message = |strength, first: &Ws, second| breeding(&axes, strength).child(0, first, second).unwrap_err().to_string();
        let other = Ws::broadcast(&[1.0; 3], 3, 5);
        assert!(message(0.5, &Ws::broadcast(&[1.0; 2], 2, 4), None).contains("[1, rows, 3]"));
        assert!(message(0.5, &Ws::broadcast(&[1.0; 6], 3, 4), None).contains("(2, 4, 3)"));
        assert!(message(0.5, &parent, Some(&other)).contains("(1, 5, 3)"));
        assert!(message(f32::NAN, &parent, None).contains("NaN sigma"));
        assert!(message(-1.0, &parent, None).contains("-1 sigma"));
    }
}

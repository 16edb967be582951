//! The eigenvectors of A^T A for a tall matrix A, by whichever way suits its width.

use std::thread;

use super::eigen::{self, Eigen};

/// Up to this width A^T A is made as a whole (8 MiB of f64) and has all its eigenvectors.
const MOST_WHOLE: usize = 1024;

/// A matrix as blocks of rows, which are not copied into one.
pub(crate) struct Matrix {
    pub(crate) blocks: Vec<Vec<f32>>,
    pub(crate) width: usize,
}

impl Matrix {
    /// Eigenvectors of A^T A, the largest first: all of them, or of a wide matrix at least the first `wanted` where there are so many.
    pub(crate) fn eigen(&self, wanted: usize) -> Vec<Eigen> {
        let n = self.width;
        if n <= MOST_WHOLE {
            return eigen::decompose(self.summed(n * n, &|row, gram| add_square(gram, row)), n);
        }
        eigen::leading(n, wanted, &|basis| {
            // A^T (A v) for every v: two dots with each row.
            self.summed(basis.len(), &|row, sums| {
                for (v, sum) in basis.chunks_exact(n).zip(sums.chunks_exact_mut(n)) {
                    let along: f64 = row.iter().zip(v).map(|(a, v)| f64::from(*a) * v).sum();
                    sum.iter_mut().zip(row).for_each(|(sum, a)| *sum += along * f64::from(*a));
                }
            })
        })
    }

    /// What all rows add to `size` sums: on all cores, and the same for any number of them.
    fn summed(&self, size: usize, add: &(dyn Fn(&[f32], &mut [f64]) + Sync)) -> Vec<f64> {
        const PARTS: usize = 4;
        let rows: Vec<&[f32]> = self.blocks.iter().flat_map(|block| block.chunks_exact(self.width)).collect();
        let parts: Vec<&[&[f32]]> = rows.chunks(rows.len().div_ceil(PARTS).max(1)).collect();
        let sum = |part: &[&[f32]]| {
            let mut sums = vec![0.0; size];
            part.iter().for_each(|row| add(row, &mut sums));
            sums
        };
        let sums: Vec<Vec<f64>> = match cfg!(target_arch = "wasm32") {
            // A browser has no threads.
            true => parts.into_iter().map(sum).collect(),
            false => thread::scope(|scope| {
                let parts: Vec<_> = parts.into_iter().map(|part| scope.spawn(move || sum(part))).collect();
                parts.into_iter().map(|part| part.join().expect("sums do not panic")).collect()
            }),
        };
        sums.into_iter()
            .reduce(|mut all, part| {
                all.iter_mut().zip(part).for_each(|(all, part)| *all += part);
                all
            })
            .unwrap_or_else(|| vec![0.0; size])
    }
}

/// Adds a^T a of a row.
fn add_square(gram: &mut [f64], row: &[f32]) {
    for (sums, &left) in gram.chunks_exact_mut(row.len()).zip(row) {
        for (sum, &right) in sums.iter_mut().zip(row) {
            *sum += f64::from(left) * f64::from(right);
        }
    }
}

#[cfg(test)]
mod tests {
    use stylegan_wgpu::latent::RandomState;

    use super::*;

    /// A wide matrix with singular values 9, 8, 7, ... along known directions, and a little of everything else.
    #[test]
    fn a_wide_matrix_gives_its_leading_vectors_alone() {
        let n = MOST_WHOLE + 30;
        let mut random = RandomState::new(5);
        let mut rows: Vec<Vec<f32>> = (0..40).map(|_| random.randn(n).into_iter().map(|value| 1e-3 * value as f32).collect()).collect();
        for (i, row) in rows.iter_mut().take(6).enumerate() {
            row[100 * i] += 9.0 - i as f32;
        }
        let found = Matrix { blocks: vec![rows[..7].concat(), rows[7..].concat()], width: n }.eigen(4);
        assert!(found.len() >= 4 && found.len() < 40);
        for (i, eigen) in found.iter().take(4).enumerate() {
            assert!((eigen.value.sqrt() - (9.0 - i as f64)).abs() < 0.02, "{i}: {}", eigen.value.sqrt());
            assert!(eigen.vector[100 * i].abs() > 0.999, "{i}: {}", eigen.vector[100 * i]);
        }
    }
}

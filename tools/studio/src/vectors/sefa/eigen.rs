//! Eigenvectors of a symmetric matrix without negative eigenvalues, by one-sided Jacobi rotations (Hestenes 1958).

use stylegan_wgpu::latent::RandomState;

/// Rows that are this near to perpendicular, relative to their lengths, are left alone.
const PERPENDICULAR: f64 = 1e-14;
/// Ten sweeps are usual; what is not done after so many is rounding turning in circles.
const MOST_SWEEPS: usize = 60;

/// An eigenvalue and its eigenvector of unit length.
pub(crate) struct Eigen {
    pub(crate) value: f64,
    pub(crate) vector: Vec<f64>,
}

/// All of `matrix` `[n, n]` whose eigenvalue is not 0 to rounding, the largest first.
///
/// Rotations of pairs of rows make all rows perpendicular: R M = B with R orthogonal. Then B B^T = R M^2 R^T is diagonal, so the rows of R
/// are eigenvectors, and a row of B is an eigenvector times its eigenvalue.
pub(super) fn decompose(matrix: Vec<f64>, n: usize) -> Vec<Eigen> {
    let mut rows = matrix;
    let largest = rows.chunks_exact(n).map(|row| dot(row, row)).fold(0.0, f64::max);
    let zero = largest * (n as f64 * f64::EPSILON).powi(2);
    for _ in 0..MOST_SWEEPS {
        let mut rotated = false;
        for p in 0..n {
            for q in p + 1..n {
                let (head, tail) = rows.split_at_mut(q * n);
                rotated |= make_perpendicular(&mut head[p * n..][..n], &mut tail[..n], zero);
            }
        }
        if !rotated {
            break;
        }
    }
    let eigen = |row: &[f64]| {
        let value = dot(row, row).sqrt();
        Eigen { value, vector: row.iter().map(|component| component / value).collect() }
    };
    let mut all: Vec<Eigen> = rows.chunks_exact(n).filter(|row| dot(row, row) > zero).map(eigen).collect();
    all.sort_by(|a, b| b.value.total_cmp(&a.value));
    all
}

/// Vectors beside the wanted ones in [`leading`], which make those converge faster.
const SPARE: usize = 10;
/// Enough for what stands out of a spectrum; what does not is no direction worth naming.
const MOST_STEPS: usize = 40;

/// The leading eigenvectors of a symmetric matrix `[n, n]` that is only known by what it makes of vectors `[_, n]`: subspace
/// iteration with Rayleigh-Ritz steps (Halko, Martinsson & Tropp 2011), from the same random vectors every time.
pub(super) fn leading(n: usize, wanted: usize, apply: &dyn Fn(&[f64]) -> Vec<f64>) -> Vec<Eigen> {
    let size = (wanted + SPARE).min(n);
    let mut basis = orthonormal(RandomState::new(0).randn(size * n), n);
    let mut before = Vec::new();
    for step in 0.. {
        let image = apply(&basis);
        // The matrix as it acts on the basis alone.
        let small: Vec<f64> =
            basis.chunks_exact(n).flat_map(|v| image.chunks_exact(n).map(|image| dot(v, image)).collect::<Vec<_>>()).collect();
        let ritz = decompose(small, basis.len() / n);
        let turned = |vectors: &[f64]| -> Vec<f64> { ritz.iter().flat_map(|ritz| combined(&ritz.vector, vectors, n)).collect() };
        let values: Vec<f64> = ritz.iter().take(wanted).map(|ritz| ritz.value).collect();
        let still = |(now, before): (&f64, &f64)| (now - before).abs() <= 1e-9 * values[0];
        if step == MOST_STEPS || values.is_empty() || (values.len() == before.len() && values.iter().zip(&before).all(still)) {
            let vectors = turned(&basis);
            return ritz.iter().zip(vectors.chunks_exact(n)).map(|(ritz, v)| Eigen { value: ritz.value, vector: v.to_vec() }).collect();
        }
        before = values;
        basis = orthonormal(turned(&image), n);
    }
    unreachable!("the last step returns")
}

/// The sum of vectors `[_, n]` by their factors.
fn combined(factors: &[f64], vectors: &[f64], n: usize) -> Vec<f64> {
    let mut sum = vec![0.0; n];
    for (factor, vector) in factors.iter().zip(vectors.chunks_exact(n)) {
        sum.iter_mut().zip(vector).for_each(|(sum, value)| *sum += factor * value);
    }
    sum
}

/// The same space with perpendicular unit vectors (Gram & Schmidt, twice: once is not enough in floating point).
fn orthonormal(vectors: Vec<f64>, n: usize) -> Vec<f64> {
    let mut basis: Vec<f64> = Vec::with_capacity(vectors.len());
    for vector in vectors.chunks_exact(n) {
        let length = dot(vector, vector).sqrt();
        let mut vector = vector.to_vec();
        for _ in 0..2 {
            for known in basis.chunks_exact(n) {
                let along = dot(&vector, known);
                vector.iter_mut().zip(known).for_each(|(value, known)| *value -= along * known);
            }
        }
        let left = dot(&vector, &vector).sqrt();
        if left > 1e-12 * length {
            basis.extend(vector.iter().map(|value| value / left));
        }
    }
    basis
}

/// Turns two rows in their plane until they are perpendicular; says whether they were not. Rows of squared length `zero` are none.
fn make_perpendicular(a: &mut [f64], b: &mut [f64], zero: f64) -> bool {
    let (aa, bb, ab) = (dot(a, a), dot(b, b), dot(a, b));
    if aa.min(bb) <= zero || ab.abs() <= PERPENDICULAR * (aa * bb).sqrt() {
        return false;
    }
    // The smaller of the two angles that do it: tan(2 angle) = 2 ab / (aa - bb).
    let cotangent = (bb - aa) / (2.0 * ab);
    let tangent = cotangent.signum() / (cotangent.abs() + cotangent.hypot(1.0));
    let cosine = 1.0 / tangent.hypot(1.0);
    let sine = cosine * tangent;
    for (a, b) in a.iter_mut().zip(b) {
        (*a, *b) = (cosine * *a - sine * *b, sine * *a + cosine * *b);
    }
    true
}

/// In eight sums, because one is a chain of additions that the processor waits for.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a, a_rest) = a.as_chunks::<8>();
    let (b, b_rest) = b.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_matrix() {
        // Eigenvalues 4, 1 and 0 along (1, 1, 0), (1, -1, 0) and (0, 0, 1).
        let all = decompose(vec![2.5, 1.5, 0.0, 1.5, 2.5, 0.0, 0.0, 0.0, 0.0], 3);
        let values: Vec<f64> = all.iter().map(|eigen| eigen.value).collect();
        assert!(values.len() == 2 && (values[0] - 4.0).abs() < 1e-12 && (values[1] - 1.0).abs() < 1e-12, "{values:?}");
        let half = std::f64::consts::FRAC_1_SQRT_2;
        for (eigen, want) in all.iter().zip([[half, half, 0.0], [half, -half, 0.0]]) {
            assert!((dot(&eigen.vector, &want).abs() - 1.0).abs() < 1e-12, "{:?}", eigen.vector);
        }
    }

    #[test]
    fn dots_of_every_length() {
        for n in [0, 1, 7, 8, 9, 24] {
            let a: Vec<f64> = (0..n).map(|i| i as f64).collect();
            assert_eq!(dot(&a, &a), (0..n).map(|i| (i * i) as f64).sum::<f64>());
        }
    }
}

//! A filter of two dimensions as a sum of separable ones, by singular values: those of config R's radial filters fall so fast that
//! two to four of twelve remain.

/// The fewest pairs of filters (along x, along y) whose sum is `kernel`, `[taps, taps]` row by row, but for `tolerance` of its norm.
pub(crate) fn separable(kernel: &[f32], taps: usize, tolerance: f64) -> Vec<[Vec<f32>; 2]> {
    // One-sided Jacobi (Hestenes 1958): rotations until the columns of A V are orthogonal; their lengths are the singular values.
    let mut a: Vec<Vec<f64>> = (0..taps).map(|j| (0..taps).map(|i| f64::from(kernel[i * taps + j])).collect()).collect();
    let mut v: Vec<Vec<f64>> = (0..taps).map(|j| (0..taps).map(|i| if i == j { 1.0 } else { 0.0 }).collect()).collect();
    for _ in 0..30 {
        let mut turned = false;
        for (p, q) in (0..taps).flat_map(|p| (p + 1..taps).map(move |q| (p, q))) {
            let (alpha, beta, gamma) = (dot(&a[p], &a[p]), dot(&a[q], &a[q]), dot(&a[p], &a[q]));
            if gamma.abs() <= 1e-15 * (alpha * beta).sqrt() || gamma == 0.0 {
                continue;
            }
            turned = true;
            let zeta = (beta - alpha) / (2.0 * gamma);
            let t = zeta.signum() / (zeta.abs() + (1.0 + zeta * zeta).sqrt());
            let c = 1.0 / (1.0 + t * t).sqrt();
            rotate(&mut a, p, q, c, c * t);
            rotate(&mut v, p, q, c, c * t);
        }
        if !turned {
            break;
        }
    }
    let mut order: Vec<usize> = (0..taps).collect();
    order.sort_by(|&i, &j| dot(&a[j], &a[j]).total_cmp(&dot(&a[i], &a[i])));
    let total: f64 = a.iter().map(|column| dot(column, column)).sum();
    let mut left = total;
    let mut pairs = Vec::new();
    for column in order {
        if !pairs.is_empty() && left.max(0.0) <= tolerance * tolerance * total {
            break;
        }
        left -= dot(&a[column], &a[column]);
        // A = sum of (A v) v^T; the norm is shared by both.
        let norm = dot(&a[column], &a[column]).sqrt();
        let share = if norm > 0.0 { norm.sqrt() } else { 1.0 };
        let along_y = a[column].iter().map(|value| (value / share) as f32).collect();
        let along_x = v[column].iter().map(|value| (value * share) as f32).collect();
        pairs.push([along_x, along_y]);
    }
    pairs
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn rotate(columns: &mut [Vec<f64>], p: usize, q: usize, c: f64, s: f64) {
    let (head, tail) = columns.split_at_mut(q);
    for (x, y) in head[p].iter_mut().zip(&mut tail[0]) {
        (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(pairs: &[[Vec<f32>; 2]], taps: usize) -> Vec<f64> {
        let product = |k: usize| pairs.iter().map(|[x, y]| f64::from(y[k / taps]) * f64::from(x[k % taps])).sum();
        (0..taps * taps).map(product).collect()
    }

    fn error(kernel: &[f32], pairs: &[[Vec<f32>; 2]], taps: usize) -> f64 {
        let square = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>();
        let off = square(&mut sum(pairs, taps).into_iter().zip(kernel).map(|(got, &want)| got - f64::from(want)));
        (off / square(&mut kernel.iter().map(|&value| f64::from(value)))).sqrt()
    }

    #[test]
    fn the_sum_is_the_kernel_to_the_tolerance() {
        // A radial bump, not separable; a product, which is; arbitrary numbers; zeros.
        let radial: Vec<f32> = (0..144)
            .map(|k| {
                let (y, x) = ((k / 12) as f32 - 5.5, (k % 12) as f32 - 5.5);
                (-(y * y + x * x).sqrt() / 3.0).exp()
            })
            .collect();
        let arbitrary: Vec<f32> = (0..144).map(|k| ((k * k * 7 + k) % 31) as f32 - 15.0).collect();
        for (kernel, most) in [(&radial, 8), (&arbitrary, 12)] {
            let mut before = 0;
            for tolerance in [0.3, 1e-2, 1e-4, 1e-6] {
                let pairs = separable(kernel, 12, tolerance);
                assert!(error(kernel, &pairs, 12) <= tolerance + 1e-7, "{} pairs for {tolerance}", pairs.len());
                assert!((1..=most).contains(&pairs.len()) && pairs.len() >= before, "{} pairs for {tolerance}", pairs.len());
                before = pairs.len();
            }
        }
        let product: Vec<f32> = (0..144).map(|k| ((k / 12 + 1) * (k % 12 + 2)) as f32).collect();
        let pairs = separable(&product, 12, 1e-6);
        assert!(pairs.len() == 1 && error(&product, &pairs, 12) < 1e-6);
        assert!(sum(&separable(&[0.0; 9], 3, 1e-6), 3).iter().all(|&value| value == 0.0));
    }
}

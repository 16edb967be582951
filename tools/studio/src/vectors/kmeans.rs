//! k-means (Lloyd 1982) with the seeding of Arthur & Vassilvitskii 2007 (k-means++). The outcome depends on the points and the seed,
//! never on the number of threads.

use std::num::NonZero;
use std::thread;

use stylegan_wgpu::latent::RandomState;

/// Rounds end when the sum of squared distances falls by less than this part of itself, and after so many.
const ENOUGH: f64 = 3e-4;
const MOST_ROUNDS: usize = 40;

/// Centres side by side in one accumulator: two vector registers on every CPU.
const LANES: usize = 8;
/// Points that are compared with them together, so that a value of a centre is loaded once for all of them.
const POINTS: usize = 4;

/// Rows of equal length, one after the other.
#[derive(Clone, Copy)]
pub(super) struct Points<'a> {
    pub(super) values: &'a [f32],
    pub(super) dim: usize,
}

impl<'a> Points<'a> {
    fn len(self) -> usize {
        self.values.len() / self.dim
    }

    fn row(self, index: usize) -> &'a [f32] {
        &self.values[index * self.dim..][..self.dim]
    }

    fn rows(self) -> std::slice::ChunksExact<'a, f32> {
        self.values.chunks_exact(self.dim)
    }
}

/// The centres `[k, dim]` of `k` clusters, the largest cluster first; `Err` has how many distinct points there are when those are
/// fewer. `progress` hears the part that is done.
pub(super) fn kmeans(points: Points<'_>, k: usize, seed: u32, progress: &mut dyn FnMut(f32)) -> Result<Vec<f32>, usize> {
    let mut centres = seeds(points, k, seed)?;
    let mut before = f64::INFINITY;
    let mut sizes = vec![0; k];
    for round in 0..MOST_ROUNDS {
        progress(round as f32 / MOST_ROUNDS as f32);
        let nearest = nearest(points, &centres);
        let sum: f64 = nearest.iter().map(|(_, distance)| f64::from(*distance)).sum();
        sizes = means(points, &nearest, &mut centres, k);
        if sum >= before * (1.0 - ENOUGH) {
            break;
        }
        before = sum;
    }
    progress(1.0);
    let mut order: Vec<usize> = (0..k).collect();
    order.sort_by_key(|&cluster| std::cmp::Reverse(sizes[cluster]));
    Ok(order.iter().flat_map(|&cluster| &centres[cluster * points.dim..][..points.dim]).copied().collect())
}

/// k-means++: each next one is a point, by chance in proportion to its squared distance from those chosen.
fn seeds(points: Points<'_>, k: usize, seed: u32) -> Result<Vec<f32>, usize> {
    let mut random = RandomState::new(seed);
    let first = (random.next_f64() * points.len() as f64) as usize;
    let mut centres = points.row(first).to_vec();
    let mut left: Vec<f64> = points.rows().map(|point| distance(point, points.row(first))).collect();
    for count in 1..k {
        let total: f64 = left.iter().sum();
        if total <= 0.0 {
            return Err(count);
        }
        let mut ahead = random.next_f64() * total;
        let reached = left.iter().position(|distance| {
            ahead -= distance;
            ahead < 0.0
        });
        // Rounding may leave a rest behind the last.
        let next = reached.or_else(|| left.iter().rposition(|distance| *distance > 0.0)).unwrap_or_default();
        let next = points.row(next);
        centres.extend(next);
        let closer = |(left, point): (&mut f64, &[f32])| *left = left.min(distance(point, next));
        left.iter_mut().zip(points.rows()).for_each(closer);
    }
    Ok(centres)
}

/// Squared, of two rows.
pub(super) fn distance(a: &[f32], b: &[f32]) -> f64 {
    // Eight sums, which a compiler may keep in vector registers.
    let (a, b) = (a.chunks(LANES), b.chunks(LANES));
    let mut sums = [0.0f32; LANES];
    for (a, b) in a.zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += (a - b) * (a - b);
        }
    }
    sums.iter().map(|sum| f64::from(*sum)).sum()
}

/// The nearest centre of every point, and the squared distance to it. Of two that are equally near, the first.
fn nearest(points: Points<'_>, centres: &[f32]) -> Vec<(usize, f32)> {
    let dim = points.dim;
    let k = centres.len() / dim;
    // |p - c|^2 = |p|^2 + (|c|^2 - 2 p c): centres in groups, a value of each of a group side by side.
    let groups: Vec<Vec<[f32; LANES]>> = centres
        .chunks(LANES * dim)
        .map(|group| (0..dim).map(|i| std::array::from_fn(|lane| group.get(lane * dim + i).copied().unwrap_or_default())).collect())
        .collect();
    let squares: Vec<f32> = centres.chunks_exact(dim).map(|centre| distance(centre, &vec![0.0; dim]) as f32).collect();
    let block = |values: &[f32]| {
        let mut found = Vec::with_capacity(values.len() / dim);
        for few in values.chunks(POINTS * dim) {
            let count = few.len() / dim;
            // Those that are missing at the end are the last one again.
            let rows: [&[f32]; POINTS] = std::array::from_fn(|i| &few[i.min(count - 1) * dim..][..dim]);
            let mut best = [(0, f32::INFINITY); POINTS];
            for (first, group) in (0..k).step_by(LANES).zip(&groups) {
                let products = products(rows, group);
                for (best, products) in best.iter_mut().zip(products) {
                    for (lane, square) in squares[first..k.min(first + LANES)].iter().enumerate() {
                        let score = square - 2.0 * products[lane];
                        if score < best.1 {
                            *best = (first + lane, score);
                        }
                    }
                }
            }
            found.extend(best.iter().zip(rows).take(count).map(|(&(centre, _), row)| {
                let exact = distance(row, &centres[centre * dim..][..dim]);
                (centre, exact as f32)
            }));
        }
        found
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(8);
    let share = points.len().div_ceil(threads).next_multiple_of(POINTS).max(POINTS) * dim;
    thread::scope(|scope| {
        let parts: Vec<_> = points.values.chunks(share).map(|part| scope.spawn(|| block(part))).collect();
        parts.into_iter().flat_map(|part| part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    })
}

/// Rows times a group of centres.
fn products(rows: [&[f32]; POINTS], group: &[[f32; LANES]]) -> [[f32; LANES]; POINTS] {
    let rows = rows.map(|row| &row[..group.len()]);
    let mut sums = [[0.0; LANES]; POINTS];
    for (i, centres) in group.iter().enumerate() {
        for (sums, row) in sums.iter_mut().zip(&rows) {
            for (sum, centre) in sums.iter_mut().zip(centres) {
                *sum += row[i] * centre;
            }
        }
    }
    sums
}

/// Moves every centre to the mean of its points, one without any to the point that is farthest from its own. Gives their numbers.
fn means(points: Points<'_>, nearest: &[(usize, f32)], centres: &mut [f32], k: usize) -> Vec<usize> {
    let dim = points.dim;
    let (mut sums, mut sizes) = (vec![0.0f64; k * dim], vec![0; k]);
    for (point, &(centre, _)) in points.rows().zip(nearest) {
        sizes[centre] += 1;
        sums[centre * dim..][..dim].iter_mut().zip(point).for_each(|(sum, value)| *sum += f64::from(*value));
    }
    let mut far: Vec<usize> = Vec::new();
    if sizes.contains(&0) {
        far = (0..points.len()).collect();
        far.sort_by(|&a, &b| nearest[a].1.total_cmp(&nearest[b].1));
    }
    for (cluster, centre) in centres.chunks_exact_mut(dim).enumerate() {
        match (sizes[cluster], far.pop()) {
            (0, Some(point)) => centre.copy_from_slice(points.row(point)),
            (0, None) => {}
            (size, popped) => {
                // Only an empty cluster uses one up.
                far.extend(popped);
                let sums = &sums[cluster * dim..][..dim];
                centre.iter_mut().zip(sums).for_each(|(value, sum)| *value = (sum / size as f64) as f32);
            }
        }
    }
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three clouds of 100, 60 and 40 points in 5 dimensions, mingled.
    fn clouds() -> (Vec<f32>, [[f32; 5]; 3]) {
        let middles = [[0.0, 0.0, 0.0, 0.0, 0.0], [10.0, 0.0, -10.0, 0.0, 3.0], [0.0, 20.0, 0.0, 5.0, 0.0]];
        let mut random = RandomState::new(7);
        let mut which: Vec<usize> = [0; 100].into_iter().chain([1; 60]).chain([2; 40]).collect();
        random.shuffle(&mut which);
        let values = which.iter().flat_map(|&cloud| middles[cloud].map(|middle| middle + 0.5 * random.next_gaussian() as f32)).collect();
        (values, middles)
    }

    #[test]
    fn clouds_are_found_the_largest_first() {
        let (values, middles) = clouds();
        for seed in 0..5 {
            let centres = kmeans(Points { values: &values, dim: 5 }, 3, seed, &mut |_| {}).unwrap();
            for (centre, middle) in centres.chunks_exact(5).zip(middles) {
                assert!(distance(centre, &middle) < 0.2, "seed {seed}: {centre:?} is not {middle:?}");
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_centres() {
        let (values, _) = clouds();
        let of = |k, seed| kmeans(Points { values: &values, dim: 5 }, k, seed, &mut |_| {}).unwrap();
        assert_eq!(of(11, 3), of(11, 3));
        assert_ne!(of(11, 3), of(11, 4));
    }

    #[test]
    fn one_centre_is_the_mean_and_as_many_as_points_are_the_points() {
        let values = [1.0, 0.0, 3.0, 0.0, 8.0, 6.0];
        let of = |k| kmeans(Points { values: &values, dim: 2 }, k, 0, &mut |_| {});
        assert_eq!(of(1).unwrap(), [4.0, 2.0]);
        let mut rows: Vec<[f32; 2]> = of(3).unwrap().as_chunks().0.to_vec();
        rows.sort_by(|a, b| a[0].total_cmp(&b[0]));
        assert_eq!(rows.as_flattened(), values);
        assert_eq!(of(4), Err(3), "there are three points");
        assert_eq!(kmeans(Points { values: &[2.0; 12], dim: 3 }, 2, 0, &mut |_| {}), Err(1), "they are all one");
    }

    /// Against every centre, one by one, for numbers of centres and points that fill no group.
    #[test]
    fn the_nearest_is_the_nearest() {
        let (values, _) = clouds();
        let points = Points { values: &values[..5 * 197], dim: 5 };
        for k in [1, 7, 8, 9, 23] {
            let centres = &values[5 * 30..][..5 * k];
            let found = nearest(points, centres);
            assert_eq!(found.len(), 197);
            for (point, (centre, far)) in points.rows().zip(found) {
                let distances: Vec<f64> = centres.chunks_exact(5).map(|centre| distance(point, centre)).collect();
                let least = distances.iter().copied().fold(f64::INFINITY, f64::min);
                assert!(distances[centre] - least < 1e-4 && (f64::from(far) - least).abs() < 1e-4, "{k}: {distances:?}, {centre}");
            }
        }
    }

    /// Two centres on one point: one of them has none.
    #[test]
    fn a_centre_without_points_goes_where_points_are_far() {
        let values = [0.0, 1.0, 2.0, 100.0];
        let points = Points { values: &values, dim: 1 };
        let mut centres = vec![1.0, 1.0];
        let nearest = nearest(points, &centres);
        assert_eq!(means(points, &nearest, &mut centres, 2), [4, 0]);
        assert_eq!(centres, [25.75, 100.0]);
    }
}

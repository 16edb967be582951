//! What is said of repeated measurements, and from how many on it may be said.

use serde::{Deserialize, Serialize};

/// Percentiles of fewer samples are one sample's figure.
const FOR_PERCENTILES: usize = 20;
/// A deviation of fewer samples says nothing.
const FOR_DEVIATION: usize = 3;
/// Samples of a repeat that a report keeps, evenly spaced; all of them count in its figures.
const KEPT: usize = 1000;

/// Of several samples, in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Stat {
    /// How many samples there were.
    pub(crate) count: usize,
    /// The 50th percentile.
    pub(crate) median: f64,
    /// The 90th; null of fewer than 20 samples.
    #[serde(default)]
    pub(crate) p90: Option<f64>,
    /// The 99th; null of fewer than 20 samples.
    #[serde(default)]
    pub(crate) p99: Option<f64>,
    /// Shortest.
    pub(crate) least: f64,
    /// Longest.
    pub(crate) most: f64,
    /// Coefficient of variation: standard deviation in percent of the mean; null of fewer than 3 samples.
    #[serde(default)]
    pub(crate) cov_percent: Option<f64>,
    /// The samples in their order, one list for each repeat; of more than 1000 a list has 1000, evenly spaced.
    pub(crate) samples: Vec<Vec<f64>>,
}

impl Stat {
    /// Of repeats; nothing of nothing.
    pub(crate) fn of(repeats: Vec<Vec<f64>>) -> Option<Stat> {
        let mut sorted: Vec<f64> = repeats.iter().flatten().copied().collect();
        sorted.sort_by(f64::total_cmp);
        let (&least, &most) = (sorted.first()?, sorted.last()?);
        let enough = sorted.len() >= FOR_PERCENTILES;
        Some(Stat {
            count: sorted.len(),
            median: percentile(&sorted, 0.5),
            p90: enough.then(|| percentile(&sorted, 0.9)),
            p99: enough.then(|| percentile(&sorted, 0.99)),
            least,
            most,
            cov_percent: (sorted.len() >= FOR_DEVIATION).then(|| cov(&sorted)),
            samples: repeats.into_iter().map(thinned).collect(),
        })
    }

    /// The medians of the repeats, as far as the samples are kept.
    pub(crate) fn medians(&self) -> Vec<f64> {
        let repeats = self.samples.iter().filter(|samples| !samples.is_empty());
        repeats.map(|samples| median(samples)).collect()
    }

    /// What most samples are at most: the 90th percentile, or the longest of a few.
    pub(crate) fn high(&self) -> f64 {
        self.p90.unwrap_or(self.most)
    }
}

/// The 50th percentile; 0 of nothing.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    if sorted.is_empty() { 0.0 } else { percentile(&sorted, 0.5) }
}

/// Whether a figure is above its limit; NaN is.
pub(crate) fn exceeds(value: f64, limit: f64) -> bool {
    value.is_nan() || value > limit
}

/// Linear between the neighbours, as numpy.percentile.
fn percentile(sorted: &[f64], part: f64) -> f64 {
    let last = sorted.len() - 1;
    let position = part * last as f64;
    let low = position.floor() as usize;
    sorted[low] + (sorted[(low + 1).min(last)] - sorted[low]) * position.fract()
}

/// Of the sample, with n - 1 degrees of freedom.
fn cov(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let square = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (values.len() - 1) as f64;
    square.sqrt() / mean * 100.0
}

fn thinned(samples: Vec<f64>) -> Vec<f64> {
    match samples.len() {
        count if count > KEPT => (0..KEPT).map(|i| samples[i * count / KEPT]).collect(),
        _ => samples,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_need_twenty_samples() {
        let of = |count: usize| Stat::of(vec![(1..=count).map(|i| i as f64).collect()]).unwrap();
        assert_eq!((of(19).p90, of(19).p99, of(19).median, of(19).high()), (None, None, 10.0, 19.0));
        assert_eq!((of(20).median, of(20).p90.unwrap(), of(101).p99), (10.5, 18.1, Some(100.0)));
        assert_eq!((of(2).cov_percent, of(1).least, of(4).most), (None, 1.0, 4.0));
        // Of 2, 4, 6: mean 4, deviation 2.
        assert_eq!(Stat::of(vec![vec![2.0], vec![6.0, 4.0]]).unwrap().cov_percent, Some(50.0));
        assert!(Stat::of(vec![vec![], vec![]]).is_none());
    }

    #[test]
    fn repeats_are_kept_apart_and_thinned() {
        let stat = Stat::of(vec![(0..2500).map(f64::from).collect(), vec![7.0, 9.0, 8.0]]).unwrap();
        assert_eq!((stat.count, stat.samples[0].len(), stat.samples[0][999], stat.most), (2503, 1000, 2497.0, 2499.0));
        assert_eq!((stat.medians()[1], median(&[])), (8.0, 0.0));
    }
}

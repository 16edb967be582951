//! The score of a preset.

use super::report::Outcome;

/// The geometric mean of images per second: of every network in f16 and in f32, single stream in the first batch and offline in the
/// last. On a device without f16 the f32 figures count for both: that is what its user waits for.
pub(super) fn of(results: &[Outcome]) -> Option<f64> {
    let mut figures = Vec::new();
    for outcome in results {
        let alone = results.iter().filter(|other| other.network == outcome.network).count() == 1;
        for _ in 0..if alone { 2 } else { 1 } {
            figures.push(outcome.runs.first()?.images_per_second);
            figures.push(outcome.runs.last()?.throughput());
        }
    }
    let product: f64 = figures.iter().map(|figure| figure.ln()).sum();
    Some((product / figures.len() as f64).exp()).filter(|score| score.is_finite() && !figures.is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::report::Offline;
    use super::super::tests::report;
    use super::*;

    fn outcome(name: &str, precision: &str, single: f64, offline: f64) -> Outcome {
        let mut outcome = report().results.remove(0);
        outcome.network.name = name.into();
        outcome.precision = precision.into();
        outcome.runs[0].images_per_second = single;
        outcome.runs[0].offline = Some(Offline { images: 1, images_per_second: offline, repeats: vec![offline] });
        outcome
    }

    #[test]
    fn scores_are_geometric_means() {
        let all = [("a", "f16", 2.0, 8.0), ("a", "f32", 1.0, 4.0), ("b", "f16", 20.0, 80.0), ("b", "f32", 10.0, 40.0)];
        let results = all.map(|(name, precision, single, offline)| outcome(name, precision, single, offline));
        // Of 1, 2, 4, 8, 10, 20, 40, 80: the root of 1 * 80.
        assert!((of(&results).unwrap() - 80f64.sqrt()).abs() < 1e-9);
        // Twice as fast everywhere is twice the score.
        let twice = all.map(|(name, precision, single, offline)| outcome(name, precision, 2.0 * single, 2.0 * offline));
        assert!((of(&twice).unwrap() / of(&results).unwrap() - 2.0).abs() < 1e-9);
        // Without f16, f32 counts for it.
        let [_, a, b, c] = results;
        assert!((of(std::slice::from_ref(&a)).unwrap() - 2.0).abs() < 1e-9);
        assert!((of(&[a, b, c]).unwrap() - (1.0f64 * 4.0 * 1.0 * 4.0 * 20.0 * 80.0 * 10.0 * 40.0).powf(0.125)).abs() < 1e-9);
        assert_eq!(of(&[]), None);
    }
}

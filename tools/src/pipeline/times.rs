//! Where the time of a pipeline went, for the closing line.

use std::time::Duration;

use serde_json::{Value, json};

/// Times of a run. A stage is busy while it works, not while it waits for another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) pictures: usize,
    /// Pictures of the first batch, and when it was there: it also waits for the driver's first run.
    pub(crate) first: (usize, Duration),
    /// Until the last picture was written.
    pub(crate) total: Duration,
    pub(crate) device: Duration,
    /// Of all threads together.
    pub(crate) encoders: Duration,
    pub(crate) threads: usize,
    pub(crate) disk: Duration,
}

impl Times {
    /// Milliseconds per picture: after the first batch when there is another, and of the first batch.
    fn per_picture(&self) -> (Option<f64>, f64) {
        let ms = |time: Duration, count: usize| time.as_secs_f64() * 1e3 / count.max(1) as f64;
        let rest = self.pictures - self.first.0;
        ((rest > 0).then(|| ms(self.total.saturating_sub(self.first.1), rest)), ms(self.first.1, self.first.0))
    }

    /// The stages and the part of the time each was busy, the slowest first.
    fn stages(&self) -> [(&'static str, f64); 3] {
        let part = |time: Duration, threads: usize| time.as_secs_f64() / (self.total.as_secs_f64() * threads as f64).max(1e-9);
        let mut stages = [("device", part(self.device, 1)), ("encoder", part(self.encoders, self.threads)), ("disk", part(self.disk, 1))];
        stages.sort_by(|a, b| b.1.total_cmp(&a.1));
        stages
    }

    /// The closing line.
    pub(crate) fn line(&self, device: &str) -> String {
        let plural = if self.pictures == 1 { "" } else { "s" };
        let (rest, first) = self.per_picture();
        let Some(rest) = rest else {
            return format!("{} image{plural}, {first:.1} ms per image, {device}", self.pictures);
        };
        let [slowest, second, third] = self.stages().map(|(name, part)| format!("{name} (busy {:.0}%)", part * 100.0));
        format!(
            "{} image{plural}, {rest:.1} ms per image after the first batch ({first:.1} ms per image), {device}; slowest is the \
             {slowest}, then {second}, {third}",
            self.pictures
        )
    }

    /// The same for a machine.
    pub(crate) fn json(&self) -> Value {
        let (rest, first) = self.per_picture();
        let stages = self.stages();
        json!({
            "images": self.pictures,
            "seconds": self.total.as_secs_f64(),
            "first_batch_ms_per_image": first,
            "ms_per_image": rest.unwrap_or(first),
            "slowest": stages[0].0,
            "busy": stages.into_iter().map(|(name, part)| (name.to_owned(), json!(part))).collect::<serde_json::Map<_, _>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(pictures: usize, first: (usize, u64), total: u64, [device, encoders, disk]: [u64; 3]) -> Times {
        let ms = Duration::from_millis;
        let first = (first.0, ms(first.1));
        Times { pictures, first, total: ms(total), device: ms(device), encoders: ms(encoders), threads: 4, disk: ms(disk) }
    }

    #[test]
    fn the_first_batch_is_timed_apart() {
        assert_eq!(times(3, (3, 30), 35, [30, 4, 1]).line("GPU"), "3 images, 10.0 ms per image, GPU");
        assert_eq!(times(1, (1, 5), 5, [5, 0, 0]).line("GPU"), "1 image, 5.0 ms per image, GPU");
        assert_eq!(
            times(5, (2, 90), 100, [90, 40, 1]).line("GPU"),
            "5 images, 3.3 ms per image after the first batch (45.0 ms per image), GPU; slowest is the device (busy 90%), then encoder \
             (busy 10%), disk (busy 1%)"
        );
    }

    #[test]
    fn the_slowest_stage_is_named() {
        // Four encoders of which each was busy nearly always.
        let encoder = times(9, (1, 10), 100, [60, 380, 20]).json();
        assert_eq!(encoder["slowest"], "encoder");
        assert!((encoder["busy"]["encoder"].as_f64().unwrap() - 0.95).abs() < 1e-9);
        assert_eq!(times(9, (1, 10), 100, [60, 380, 99]).json()["slowest"], "disk");
        assert_eq!(times(9, (1, 10), 0, [0, 0, 0]).json()["busy"]["disk"], 0.0);
    }
}

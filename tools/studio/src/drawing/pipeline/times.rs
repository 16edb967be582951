//! Where the time of a pipeline went, for the closing line.

use std::time::Duration;

use serde_json::{Value, json};

/// Times of a run. A stage is busy while it works, not while it waits for another.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// How many.
    pub pictures: usize,
    /// Pictures of the first batch, and when it was there: it also waits for the driver's first run.
    pub first: (usize, Duration),
    /// Until the last picture was written.
    pub total: Duration,
    /// The device was busy.
    pub device: Duration,
    /// The encoders were busy, of all threads together.
    pub encoders: Duration,
    /// How many encoded.
    pub threads: usize,
    /// The writer was busy.
    pub disk: Duration,
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

    /// The closing line: how many pictures, how long, and on what; of `verbose` also where the time went.
    pub fn line(&self, device: &str, verbose: bool) -> String {
        let count = self.pictures;
        let mut line = match count {
            1 => format!("1 picture in {} on {device}", spoken(self.total)),
            _ => format!("{count} pictures in {}, {} each, on {device}", spoken(self.total), spoken(self.total / count.max(1) as u32)),
        };
        if verbose && count > 0 {
            let (rest, first) = self.per_picture();
            let first_batch = if self.first.0 == 1 { "the first was" } else { &format!("the first {} were", self.first.0) };
            line.push_str(&format!("; {first_batch} there after {}", spoken(self.first.1)));
            if let Some(rest) = rest {
                line.push_str(&format!(", then {rest:.1} ms each (the first {first:.1} ms)"));
            }
            let stages = self.stages().map(|(name, part)| format!("{name} busy {:.0}%", part * 100.0));
            line.push_str(&format!("; {}", stages.join(", ")));
        }
        line
    }

    /// The same for a machine.
    pub fn json(&self) -> Value {
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

/// A time as people say it.
fn spoken(time: Duration) -> String {
    let (ms, seconds) = (time.as_secs_f64() * 1e3, time.as_secs_f64());
    let whole = seconds.round() as u64;
    match () {
        () if ms == 0.0 || (9.95..999.5).contains(&ms) => format!("{ms:.0} ms"),
        () if ms < 9.95 => format!("{ms:.1} ms"),
        () if seconds < 9.95 => format!("{seconds:.1} s"),
        () if seconds < 60.0 => format!("{whole} s"),
        () if whole < 3600 => format!("{} min {} s", whole / 60, whole % 60),
        () => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
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
        assert_eq!(times(3, (3, 30), 36, [30, 4, 1]).line("GPU", false), "3 pictures in 36 ms, 12 ms each, on GPU");
        assert_eq!(times(1, (1, 5), 5, [5, 0, 0]).line("GPU", false), "1 picture in 5.0 ms on GPU");
        assert_eq!(
            times(5, (2, 90), 100, [90, 40, 1]).line("GPU", true),
            "5 pictures in 100 ms, 20 ms each, on GPU; the first 2 were there after 90 ms, then 3.3 ms each (the first 45.0 ms); device \
             busy 90%, encoder busy 10%, disk busy 1%"
        );
        assert_eq!(times(0, (0, 0), 0, [0, 0, 0]).line("GPU", true), "0 pictures in 0 ms, 0 ms each, on GPU");
    }

    #[test]
    fn times_are_said_as_people_say_them() {
        let said = |ms| spoken(Duration::from_micros(ms));
        for (us, text) in [
            (0, "0 ms"),
            (1_260, "1.3 ms"),
            (99_940, "100 ms"),
            (999_400, "999 ms"),
            (1_234_000, "1.2 s"),
            (59_900_000, "60 s"),
            (61_000_000, "1 min 1 s"),
            (3_599_600_000, "1 h 0 min"),
            (7_322_000_000, "2 h 2 min"),
        ] {
            assert_eq!(said(us), text, "{us}");
        }
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

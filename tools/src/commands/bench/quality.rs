//! Whether a report's figures may be relied upon: what the machine did beside the bench, and how far the figures scatter.

use std::fs;

use serde::{Deserialize, Serialize};

use super::report::{BeforeAndAfter, Run};
use super::statistics::exceeds;

/// Most that the times of a run may scatter, in percent.
const MOST_COV: f64 = 5.0;
/// Most that the medians of repeats may differ, in percent of the lowest.
const MOST_SPREAD: f64 = 5.0;
/// Most that a ceiling may change between the beginning and the end, in percent.
const MOST_DRIFT: f64 = 10.0;
/// Most of all processors' time that other programs may take, in percent.
const MOST_OTHERS: f64 = 10.0;
/// Most of it that the host of a virtual machine may give to others.
const MOST_STEAL: f64 = 5.0;

/// The verdict, and what it rests on. A report that is not `ok` gives no row in docs/latency.md.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Quality {
    /// `ok` or `noisy`.
    pub(crate) verdict: String,
    /// Why it is noisy, one sentence each.
    pub(crate) reasons: Vec<String>,
    /// The largest coefficient of variation of a run's times, in percent (GPU time, or wall time where there are no timestamps).
    #[serde(default)]
    pub(crate) cov_percent: Option<f64>,
    /// What else the machine did.
    #[serde(default)]
    pub(crate) load: Load,
}

/// What else the machine did while the report was made. Linux only; null elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Load {
    /// Load average of a minute when it began.
    #[serde(default)]
    pub(crate) average_before: Option<f64>,
    /// The same at the end; on a software adapter the bench itself is most of it.
    #[serde(default)]
    pub(crate) average_after: Option<f64>,
    /// Time of all processors that other processes took, in percent.
    #[serde(default)]
    pub(crate) others_percent: Option<f64>,
    /// Time of all processors that the host of this virtual machine gave to others, in percent.
    #[serde(default)]
    pub(crate) steal_percent: Option<f64>,
}

impl Quality {
    pub(super) fn is_ok(&self) -> bool {
        self.verdict == "ok"
    }

    /// The verdict on these runs.
    pub(super) fn of<'r>(runs: impl Iterator<Item = (String, &'r Run)>, ceilings: Option<&BeforeAndAfter>, load: Load) -> Quality {
        let mut reasons = Vec::new();
        let mut highest: Option<f64> = None;
        for (title, run) in runs {
            let Some(stat) = run.best() else { continue };
            match stat.cov_percent {
                None => reasons.push(format!("{title}: {} samples are too few to tell", stat.count)),
                Some(cov) if exceeds(cov, MOST_COV) => {
                    reasons.push(format!("{title}: times scatter by {cov:.1} % (allowed: {MOST_COV:.0} %)"))
                }
                Some(_) => {}
            }
            highest = highest.into_iter().chain(stat.cov_percent).reduce(f64::max);
            let medians = stat.medians();
            let (least, most) = medians.iter().fold((f64::INFINITY, 0.0f64), |(least, most), &v| (least.min(v), most.max(v)));
            let spread = (most / least - 1.0) * 100.0;
            if medians.len() > 1 && exceeds(spread, MOST_SPREAD) {
                reasons.push(format!("{title}: repeats differ by {spread:.1} % (allowed: {MOST_SPREAD:.0} %)"));
            }
        }
        if let Some(drift) = ceilings.map(|ceilings| ceilings.drift_percent).filter(|&drift| exceeds(drift, MOST_DRIFT)) {
            reasons.push(format!("a ceiling changed by {drift:.0} % between beginning and end (allowed: {MOST_DRIFT:.0} %)"));
        }
        if let Some(others) = load.others_percent.filter(|&others| exceeds(others, MOST_OTHERS)) {
            reasons.push(format!("other programs took {others:.0} % of the processors' time (allowed: {MOST_OTHERS:.0} %)"));
        }
        if let Some(steal) = load.steal_percent.filter(|&steal| exceeds(steal, MOST_STEAL)) {
            reasons.push(format!("the virtual machine was refused {steal:.0} % of the processors' time (allowed: {MOST_STEAL:.0} %)"));
        }
        let verdict = if reasons.is_empty() { "ok" } else { "noisy" }.into();
        Quality { verdict, reasons, cov_percent: highest, load }
    }
}

/// The machine's clocks at some moment, from /proc; nothing where there is none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Clocks {
    average: Option<f64>,
    /// Ticks of all processors since the start: busy, given to other machines, all.
    ticks: Option<(u64, u64, u64)>,
    /// Of this process.
    own: Option<u64>,
}

impl Clocks {
    pub(super) fn now() -> Clocks {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        Clocks::parse(&read("/proc/loadavg"), &read("/proc/stat"), &read("/proc/self/stat"))
    }

    fn parse(loadavg: &str, stat: &str, own: &str) -> Clocks {
        let ticks = || {
            // user, nice, system, idle, iowait, irq, softirq, steal; guests are in user already.
            let fields = stat.lines().next()?.strip_prefix("cpu ")?.split_whitespace().take(8);
            let fields = fields.map(str::parse::<u64>).collect::<Result<Vec<_>, _>>().ok().filter(|fields| fields.len() == 8)?;
            let all: u64 = fields.iter().sum();
            Some((all - fields[3] - fields[4] - fields[7], fields[7], all))
        };
        let own = || {
            // The name in brackets may hold anything; utime and stime are the 12th and 13th field after it.
            let mut fields = own.rsplit_once(')')?.1.split_whitespace().skip(11);
            Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
        };
        Clocks { average: loadavg.split_whitespace().next().and_then(|text| text.parse().ok()), ticks: ticks(), own: own() }
    }

    /// What the machine did from `self` until `end`.
    pub(super) fn until(&self, end: &Clocks) -> Load {
        let passed = self.ticks.zip(end.ticks).filter(|(from, to)| to.2 > from.2);
        let percent = |part: u64, (from, to): ((u64, u64, u64), (u64, u64, u64))| part as f64 / (to.2 - from.2) as f64 * 100.0;
        let own = self.own.zip(end.own).map(|(from, to)| to.saturating_sub(from));
        Load {
            average_before: self.average,
            average_after: end.average,
            others_percent: passed.zip(own).map(|((from, to), own)| percent((to.0 - from.0).saturating_sub(own), (from, to))),
            steal_percent: passed.map(|(from, to)| percent(to.1.saturating_sub(from.1), (from, to))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::statistics::Stat;
    use super::super::tests::{ceilings, report};
    use super::*;

    fn verdict(samples: Vec<Vec<f64>>, drift: f64, load: Load) -> Quality {
        let mut run = report().results.remove(0).runs.remove(0);
        run.gpu_ms = Stat::of(samples);
        let mut ceilings = BeforeAndAfter::new(ceilings(), ceilings());
        ceilings.drift_percent = drift;
        Quality::of([("x".to_string(), &run)].into_iter(), Some(&ceilings), load)
    }

    fn steady() -> Vec<Vec<f64>> {
        vec![vec![100.0, 101.0, 99.0, 100.5]]
    }

    #[test]
    fn a_quiet_machine_is_ok_and_a_loaded_one_noisy() {
        let quiet = Load { others_percent: Some(2.0), steal_percent: Some(0.1), ..Load::default() };
        let ok = verdict(steady(), 3.0, quiet);
        assert!(ok.is_ok() && ok.reasons.is_empty() && ok.cov_percent.is_some_and(|cov| (0.7..1.0).contains(&cov)), "{ok:?}");
        // The same run beside a compiler on two of two processors.
        let loaded = verdict(vec![vec![330.0, 2560.0, 900.0]], 60.0, Load { others_percent: Some(48.0), ..quiet });
        assert!(!loaded.is_ok() && loaded.reasons.len() == 3, "{loaded:?}");
    }

    #[test]
    fn every_measure_alone_makes_it_noisy() {
        let stolen = Load { steal_percent: Some(9.0), ..Load::default() };
        let cases = [
            (vec![vec![100.0, 120.0, 80.0]], 0.0, Load::default(), "scatter by 20.0 %"),
            (vec![vec![100.0, 100.0]], 0.0, Load::default(), "2 samples are too few"),
            (vec![vec![100.0; 3], vec![106.0; 3]], 0.0, Load::default(), "repeats differ by 6.0 %"),
            (vec![vec![100.0, f64::NAN, 100.0]], 0.0, Load::default(), "scatter by NaN %"),
            (steady(), 11.0, Load::default(), "a ceiling changed by 11 %"),
            (steady(), f64::NAN, Load::default(), "a ceiling changed"),
            (steady(), 0.0, stolen, "refused 9 %"),
            (steady(), 0.0, Load { others_percent: Some(10.1), ..Load::default() }, "other programs took 10 %"),
        ];
        for (samples, drift, load, says) in cases {
            let quality = verdict(samples, drift, load);
            assert!(!quality.is_ok() && quality.reasons[0].contains(says), "{says}: {quality:?}");
        }
    }

    #[test]
    fn clocks_are_read_from_proc() {
        let at = |user: u64, idle: u64, steal: u64, own: u64| {
            let stat = format!("cpu  {user} 0 50 {idle} 10 0 0 {steal} 99 0\ncpu0 1 2 3\n");
            Clocks::parse("1.50 0.9 0.5 1/100 7\n", &stat, &format!("7 (a) b (c) S 1 1 1 0 -1 0 0 0 0 0 {own} 5 0 0 20 0"))
        };
        let load = at(100, 1000, 0, 20).until(&at(200, 1080, 20, 80));
        // 200 ticks: 100 busy, 60 of them ours; 20 stolen.
        assert_eq!((load.average_before, load.others_percent, load.steal_percent), (Some(1.5), Some(20.0), Some(10.0)));
        let nothing = Clocks::parse("", "", "");
        assert_eq!(nothing.until(&nothing), Load::default());
        if cfg!(target_os = "linux") {
            let now = Clocks::now();
            assert!(now.average.is_some() && now.ticks.is_some() && now.own.is_some(), "{now:?}");
        }
    }
}

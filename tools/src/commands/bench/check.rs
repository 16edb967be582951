//! `--check`: whether a report is whole, unchanged and good enough for a row.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::json;
use super::report::Report;
use super::statistics::exceeds;
use crate::failure::Failure;
use crate::say;

/// Says it of every file, of what cannot be read too; an error when one is not what it should be.
pub(super) fn run(paths: &[PathBuf]) -> Result<(), Failure> {
    let mut wrong = Vec::new();
    for path in paths {
        let name = path.display();
        match Checked::read(path) {
            Ok(Checked { report, faults, .. }) if faults.is_empty() => {
                let row = match refusal(&report) {
                    None => "gives a row in docs/latency.md".into(),
                    Some(why) => format!("gives no row: {why}"),
                };
                say(&format!("{name}: whole, {}; {row}", report.id.as_deref().unwrap_or("without an ID")))?;
            }
            Ok(Checked { faults, .. }) => wrong.push(format!("{name}: {}", faults.join("; "))),
            Err(failure) => wrong.push(failure.text().into()),
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(Failure::Runtime(wrong.join("; "))) }
}

/// A report, and what is wrong with it.
pub(super) struct Checked {
    pub(super) path: PathBuf,
    pub(super) report: Report,
    pub(super) faults: Vec<String>,
}

impl Checked {
    pub(super) fn read(path: &Path) -> Result<Checked, Failure> {
        Checked::of(path, &json::text(path)?)
    }

    /// Of the text of a file.
    pub(super) fn of(path: &Path, text: &str) -> Result<Checked, Failure> {
        let report = json::parse(text).map_err(|text| Failure::Runtime(format!("{}: {text}", path.display())))?;
        let value: Value = serde_json::from_str(text).unwrap_or_default();
        let faults = faults(&report, &value);
        Ok(Checked { path: path.into(), report, faults })
    }

    /// Why it gives no row in docs/latency.md, if it gives none.
    pub(super) fn refusal(&self) -> Option<String> {
        if self.faults.is_empty() { refusal(&self.report) } else { Some(self.faults.join("; ")) }
    }
}

/// What no program of ours would have written.
pub(super) fn faults(report: &Report, value: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let mut fault = |is: bool, text: String| faults.extend(is.then_some(text));
    match &report.id {
        Some(id) => {
            let wanted = json::id(&report.protocol.title(), value);
            fault(*id != wanted, format!("it was changed: its ID is {id}, its content's {wanted}"));
        }
        None => fault(report.engine.name == "stylegan-wgpu", "it has no ID".into()),
    }
    fault(report.results.is_empty(), "it has no results".into());
    for (outcome, run) in report.runs() {
        let title = format!("{} {}, batch {}", outcome.network.title(), outcome.precision, run.batch);
        fault(run.batch == 0, format!("{title}: no batch"));
        fault(run.best().is_none(), format!("{title}: no times"));
        for stat in [&run.gpu_ms, &run.gpu_passes_ms, &run.wall_ms, &run.wall_readback_ms].into_iter().flatten() {
            let positive = stat.least > 0.0 && stat.least <= stat.median && stat.median <= stat.most && stat.most.is_finite();
            fault(!positive, format!("{title}: times of {} to {} ms with a median of {}", stat.least, stat.most, stat.median));
        }
        fault(
            !run.images_per_second.is_normal() || run.images_per_second < 0.0,
            format!("{title}: {} images per second", run.images_per_second),
        );
        match &run.picture {
            Some(picture) => fault(exceeds(picture.relative_error, picture.tolerance), format!("{title}: the picture is wrong")),
            None => fault(report.engine.name == "stylegan-wgpu", format!("{title}: no picture was checked")),
        }
    }
    faults
}

/// Why a report without faults gives no row.
fn refusal(report: &Report) -> Option<String> {
    let made = report.made.as_ref();
    let foreign = made.is_some_and(|made| made.foreign_kernels);
    let untuned = made.is_some_and(|made| !made.tuning.tuned);
    let switch = made.and_then(|made| made.switches.keys().find(|name| name.starts_with("STYLEGAN_")));
    match () {
        _ if !report.quality.is_ok() => Some(format!("it is noisy: {}", report.quality.reasons.join(", "))),
        _ if report.engine.build == "debug" => Some("it is of a debug build".into()),
        _ if foreign => Some("its kernels are not the engine's".into()),
        _ if untuned => Some("its kernels were not tuned (--no-tune, or no folder to keep the choices in)".into()),
        _ if switch.is_some() => Some(format!("it was made with {}", switch.map_or("", String::as_str))),
        _ => None,
    }
}

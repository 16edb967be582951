//! Tuning: which variant of a kernel is the fastest for a layer's shape on a device, timed there, once.
//!
//! Variants sum in different orders, so a picture's last bits depend on the choice: a choice is kept in a file and stays. One that
//! cannot be kept is not made; the first variant that fits runs then, as it does without tuning.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::choice;
use crate::error::Result;
use crate::executor::{Executor, Options};
use crate::gpu::{Gpu, lock};
use crate::kernel::Chosen;
use crate::plan::{Pass, Plan};
use crate::tier::Tier;

pub(crate) mod book;
use book::Book;

/// What a variant that is not the first must save to be chosen: less is noise, and the next measurement would choose another.
const MARGIN: f64 = 0.1;
/// A variant this many times slower than the best is not timed a second time, nor for the kernel's smaller shapes.
const HOPELESS: f64 = 3.0;
/// A run on a slow device is cut to so many rows of the layer that it takes about this long ...
const RUN: Duration = Duration::from_millis(4);
/// ... found with at least this much work, in floating-point operations: less is mostly the cost of a dispatch.
const PROBE: u64 = 20_000_000;
/// Timed runs of a variant, after one that compiles it and maps its memory; the fastest counts.
const RUNS: usize = 5;

/// How variants are timed, and where the outcome is kept.
#[derive(Clone, Debug)]
pub struct Tuning {
    /// Folder of the outcomes: a file for each device, driver and version of the kernels. Made when it is not there.
    pub folder: PathBuf,
    /// Told about every shape before it is timed.
    pub progress: Option<Progress>,
}

/// Told how many shapes are timed, and of how many.
#[derive(Clone)]
pub struct Progress(pub Arc<dyn Fn(usize, usize) + Send + Sync>);

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Progress")
    }
}

/// The outcome for a shape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// The variant to run.
    pub variant: String,
    /// Times by variant, of as many rows as were timed; none when there was no time left for it, or nothing to compare.
    pub microseconds: BTreeMap<String, f64>,
}

/// Outcomes by shape, as [`shape`] names it.
pub(crate) type Choices = BTreeMap<String, Choice>;

/// What the tuner found or read, of a device.
#[derive(Default)]
struct Known(Mutex<Choices>);

/// A pass's kernel, element type and sizes: what its time depends on. Not the number of images: a picture must not depend on the
/// batch it was drawn in, nor on whether a run was interrupted.
pub(crate) fn shape(pass: &Pass) -> String {
    let constants: String = pass.constants.iter().map(|(name, value)| format!(" {name}={value}")).collect();
    format!("{} {:?} {:?}>{:?}{constants}", pass.kernel.name, pass.dtype, &pass.reads[0].shape[1..], &pass.write.shape[1..])
}

/// The outcomes for a plan's passes: known ones, those of the file, and the rest timed now.
pub(crate) fn choices(gpu: &Gpu, plan: &Plan, tier: &Tier, options: &Options) -> Choices {
    let Some(tuning) = &options.tuning else { return Choices::new() };
    let wanted = shapes(plan, tier);
    let missing = |known: &Choices| wanted.iter().any(|(shape, _)| !known.contains_key(shape));
    let kept = gpu.beside::<Known>();
    // Others wait while someone has it.
    let mut known = lock(&kept.0);
    if missing(&known) {
        let book = Book::new(&tuning.folder, gpu.info());
        known.extend(book.read());
        if missing(&known) {
            let extended = book.extend(|kept| {
                known.extend(kept);
                let mut all = known.clone();
                time(gpu, plan, tier, options, &wanted, &mut all);
                all
            });
            match extended {
                Ok(all) => *known = all,
                Err(error) => log::warn!("kernels are not tuned, because the outcome cannot be kept: {error}"),
            }
        }
    }
    wanted.into_iter().filter_map(|(shape, _)| known.get(&shape).cloned().map(|choice| (shape, choice))).collect()
}

/// The shapes that leave a choice, with the number of their first pass; the most work first, since time may run out.
fn shapes(plan: &Plan, tier: &Tier) -> Vec<(String, usize)> {
    let mut shapes: Vec<(String, usize)> = Vec::new();
    for (index, pass) in plan.passes.iter().enumerate().filter(|(_, pass)| pass.kernel.fitting(tier, pass).len() > 1) {
        let name = shape(pass);
        if shapes.iter().all(|(known, _)| *known != name) {
            shapes.push((name, index));
        }
    }
    shapes.sort_by_key(|&(_, index)| std::cmp::Reverse(plan.passes[index].flops));
    shapes
}

/// Times what is missing, until the time for it is over.
fn time(gpu: &Gpu, plan: &Plan, tier: &Tier, options: &Options, wanted: &[(String, usize)], all: &mut Choices) {
    let mut spent = Duration::ZERO;
    let mut hopeless: HashSet<(&str, &str)> = HashSet::new();
    // A software adapter compiles slowly and rarely has a surprise in store.
    let budget = Duration::from_millis(if tier.software { 500 } else { 1500 });
    let missing: Vec<_> = wanted.iter().filter(|(shape, _)| !all.contains_key(shape)).collect();
    for (done, (shape, index)) in missing.iter().enumerate() {
        if let Some(Progress(tell)) = &options.tuning.as_ref().and_then(|tuning| tuning.progress.clone()) {
            tell(done, missing.len());
        }
        let pass = &plan.passes[*index];
        let mut rows = None;
        let kernel = pass.kernel.name;
        let mut candidates: Vec<&str> = pass.kernel.fitting(tier, pass).into_iter().map(|variant| variant.name).collect();
        // Some remain: what made them hopeless may not fit this shape.
        if candidates.iter().any(|name| !hopeless.contains(&(kernel, *name))) {
            candidates.retain(|name| !hopeless.contains(&(kernel, *name)));
        }
        let (alone, first) = (candidates.len() == 1, candidates[0]);
        let choice = fastest(candidates, |name, best| {
            if spent > budget || alone {
                return None;
            }
            let start = Instant::now();
            let chosen = choice::admit(gpu, pass, name, tier, options);
            let timed = chosen.and_then(|chosen| chosen.map(|chosen| run(gpu, plan, *index, chosen, &mut rows, best)).transpose());
            spent += start.elapsed();
            match timed {
                Ok(Some((microseconds, compiling))) => {
                    // The first is needed in any case.
                    spent -= if name == first { compiling } else { Duration::ZERO };
                    Some(microseconds)
                }
                Ok(None) => None,
                Err(error) => {
                    log::warn!("{shape}: {name} could not be timed: {error}");
                    None
                }
            }
        });
        let best = choice.microseconds.get(&choice.variant).copied().unwrap_or(f64::INFINITY);
        let names = pass.kernel.variants.iter().map(|variant| variant.name);
        hopeless.extend(
            names.filter(|&name| choice.microseconds.get(name).is_some_and(|&time| time > best * HOPELESS)).map(|name| (kernel, name)),
        );
        log::info!("{shape}: {choice:?}");
        all.insert(shape.clone(), choice);
    }
    if let Some(Progress(tell)) = &options.tuning.as_ref().and_then(|tuning| tuning.progress.clone()) {
        tell(missing.len(), missing.len());
    }
}

/// The first candidate, or the fastest one if that saves enough. `time` gets a name and the best time so far, and yields
/// microseconds, or nothing when the candidate is out of the question.
fn fastest(candidates: Vec<&str>, mut time: impl FnMut(&str, f64) -> Option<f64>) -> Choice {
    let mut microseconds = BTreeMap::new();
    let mut best: Option<(&str, f64)> = None;
    for name in candidates.iter().copied() {
        let Some(time) = time(name, best.map_or(f64::INFINITY, |(_, time)| time)).filter(|time| time.is_finite()) else { continue };
        microseconds.insert(name.to_string(), time);
        if best.is_none_or(|(_, best)| time < best * (1.0 - MARGIN)) {
            best = Some((name, time));
        }
    }
    let variant = best.map_or(candidates[0], |(name, _)| name).to_string();
    Choice { variant, microseconds }
}

/// Microseconds of a variant on the first `rows` rows of a pass, and how long its first run took, which compiles it. The first
/// variant of a pass finds out how many rows.
fn run(gpu: &Gpu, plan: &Plan, index: usize, chosen: Chosen, rows: &mut Option<u32>, best: f64) -> Result<(f64, Duration)> {
    let pass = &plan.passes[index];
    let timed = |rows: u32, best: f64| -> Result<(f64, Duration)> {
        let start = Instant::now();
        let options = Options { variant: Some(chosen.variant.name), matrix: chosen.matrix, ..Options::default() };
        let executor = Executor::new(gpu, plan.alone(pass, rows), "tuning", &options)?;
        executor.run()?;
        let compiling = start.elapsed();
        let (start, mut least) = (Instant::now(), f64::INFINITY);
        for _ in 0..RUNS {
            let time = executor.time()?;
            least = least.min(time.nanoseconds.unwrap_or(time.wall.as_nanos() as f64) * 1e-3);
            if least > best * HOPELESS || start.elapsed() > RUN * 10 {
                break;
            }
        }
        Ok((least, compiling))
    };
    if let Some(rows) = *rows {
        return timed(rows, best);
    }
    let all = pass.domain.rows;
    let probe = (PROBE / (pass.flops / u64::from(all)).max(1)).clamp(16, u64::from(all.max(16))) as u32;
    let probe = probe.next_multiple_of(16).min(all);
    let (microseconds, compiling) = timed(probe, best)?;
    let affordable = f64::from(probe) * RUN.as_secs_f64() * 1e6 / microseconds.max(1e-3);
    let chosen_rows = (affordable.min(f64::from(all)) as u32).max(probe).next_multiple_of(16).min(all);
    *rows = Some(chosen_rows);
    let microseconds = if chosen_rows == probe { microseconds } else { timed(chosen_rows, best)?.0 };
    Ok((microseconds, compiling))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(times: &[(&str, Option<f64>)]) -> Choice {
        fastest(times.iter().map(|(name, _)| *name).collect(), |name, _| times.iter().find(|(known, _)| *known == name)?.1)
    }

    #[test]
    fn the_fastest_wins_by_a_margin() {
        assert_eq!(choice(&[("a", Some(100.0)), ("b", Some(50.0)), ("c", Some(60.0))]).variant, "b");
        assert_eq!(choice(&[("a", Some(100.0)), ("b", Some(95.0))]).variant, "a", "a difference within the noise");
        assert_eq!(choice(&[("a", Some(100.0)), ("b", Some(92.0)), ("c", Some(89.0))]).variant, "c");
        let timed = choice(&[("a", Some(2.0)), ("b", Some(1.0))]);
        assert_eq!(timed.microseconds, BTreeMap::from([("a".to_string(), 2.0), ("b".to_string(), 1.0)]));
    }

    #[test]
    fn what_cannot_be_timed_does_not_run() {
        assert_eq!(choice(&[("a", None), ("b", Some(9.0))]).variant, "b");
        assert_eq!(choice(&[("a", Some(9.0)), ("b", Some(f64::NAN))]).variant, "a");
        assert_eq!(choice(&[("a", None), ("b", None)]), Choice { variant: "a".into(), microseconds: BTreeMap::new() });
    }

    #[test]
    fn the_best_time_so_far_is_known() {
        let mut seen = Vec::new();
        fastest(vec!["a", "b", "c"], |_, best| {
            seen.push(best);
            Some(10.0 / seen.len() as f64)
        });
        assert_eq!(seen, [f64::INFINITY, 10.0, 5.0]);
    }
}

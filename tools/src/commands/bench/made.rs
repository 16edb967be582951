//! How a report was made: what one needs to make it again, without what is nobody's business (paths keep their last part).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sha2::{Digest, Sha256};
use stylegan_convert::hex;
use stylegan_wgpu::internals::executor::Executor;
use stylegan_wgpu::internals::text;
use stylegan_wgpu::{Gpu, Progress, Tuning};

use super::report::{Made, TuningState};
use crate::drawing::tuning;

/// Variables that the engine looks at. Not all that begin as these do: one holds the token of `serve`.
const OURS: [&str; 3] = ["STYLEGAN_CHECKED", "STYLEGAN_DUMP_WGSL", "STYLEGAN_TIER"];
/// Beginnings of the names of variables that wgpu, the Vulkan loader and drivers look at.
const SWITCHES: [&str; 15] =
    ["WGPU_", "VK_", "MESA_", "LIBGL_", "GALLIUM_", "LP_", "RADV_", "AMD_", "ANV_", "INTEL_", "NVK_", "NAK_", "__GL_", "CUDA_", "MTL_"];

/// Parts of the names of variables that nobody publishes, whatever they begin with.
const SECRETS: [&str; 7] = ["TOKEN", "KEY", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL", "AUTH"];

/// The tuning of a bench, and how much of it was news.
pub(super) struct Tuner {
    options: Option<Tuning>,
    timed_now: Arc<AtomicUsize>,
    known: usize,
    choices: Sha256,
    matrix_units: bool,
}

impl Tuner {
    /// As every command tunes; counts what is timed.
    pub(super) fn new(no_tune: bool) -> Tuner {
        let timed_now = Arc::new(AtomicUsize::new(0));
        let counter = timed_now.clone();
        let options = tuning::tuning(no_tune).map(|options| Tuning {
            progress: options.progress.map(|Progress(tell)| {
                Progress(Arc::new(move |done, of| {
                    // Told at the end of a plan, once.
                    if done == of {
                        counter.fetch_add(of, Ordering::Relaxed);
                    }
                    tell(done, of);
                }))
            }),
            ..options
        });
        Tuner { options, timed_now, known: 0, choices: Sha256::new(), matrix_units: false }
    }

    pub(super) fn options(&self) -> Option<Tuning> {
        self.options.clone()
    }

    /// Takes down what was chosen for the passes of a plan.
    pub(super) fn note(&mut self, executor: &Executor) {
        let choices = executor.plan().passes.iter().filter_map(|pass| executor.choice(pass).map(|choice| format!("{choice:?}")));
        self.known += choices.collect::<std::collections::BTreeSet<_>>().len();
        for (label, variant) in executor.variants() {
            self.choices.update(format!("{label} {variant}\n"));
            self.matrix_units |= variant.contains("matrix");
        }
    }

    fn state(&self) -> TuningState {
        let timed_now = self.timed_now.load(Ordering::Relaxed);
        TuningState {
            tuned: self.options.is_some(),
            timed_now,
            kept: self.known.saturating_sub(timed_now),
            choices: hex(&self.choices.clone().finalize())[..12].into(),
        }
    }
}

/// How this process makes a report.
pub(super) fn made(gpu: &Gpu, tuner: &Tuner, foreign_kernels: bool) -> Made {
    let built = |value: Option<&str>| value.map(String::from).filter(|value| !value.is_empty());
    Made {
        command: command(std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned())),
        commit: built(option_env!("STYLEGAN_COMMIT")),
        wgpu: built(option_env!("STYLEGAN_WGPU")),
        tier: gpu.tier().to_string(),
        matrix_units: tuner.matrix_units,
        tuning: tuner.state(),
        switches: switches(std::env::vars_os().map(|(name, value)| (name.to_string_lossy().into(), value.to_string_lossy().into()))),
        foreign_kernels,
    }
}

fn command(arguments: impl Iterator<Item = String>) -> String {
    let words = std::iter::once("stylegan".to_string()).chain(arguments.map(|argument| public(&argument)));
    words.collect::<Vec<_>>().join(" ")
}

fn switches(variables: impl Iterator<Item = (String, String)>) -> BTreeMap<String, String> {
    let is_secret = |name: &str| SECRETS.iter().any(|part| name.to_uppercase().contains(part));
    let is_known = |name: &str| OURS.contains(&name) || SWITCHES.iter().any(|prefix| name.starts_with(prefix));
    let wanted = variables.filter(|(name, _)| is_known(name) && !is_secret(name));
    wanted.map(|(name, value)| (name, public(&value))).collect()
}

/// Of every path in it the last part: the rest may name people.
fn public(value: &str) -> String {
    let last = |path: &str| match path.contains(['/', '\\']) {
        true => PathBuf::from(path.replace('\\', "/")).file_name().unwrap_or_default().to_string_lossy().into_owned(),
        false => path.to_string(),
    };
    let (flag, rest) = match value.split_once('=') {
        Some((flag, rest)) if flag.starts_with('-') => (format!("{flag}="), rest),
        _ => (String::new(), value),
    };
    // Lists of paths, and the letter of a drive.
    let parts: Vec<String> =
        rest.split([':', ';']).filter(|part| rest.len() == 1 || part.len() != 1 || !rest.contains('\\')).map(last).collect();
    text::line(&format!("{flag}{}", parts.join(":")), 120)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_people_is_left_out() {
        let words = ["bench", "--network", "/home/alice/x.pkl", "--json=C:\\Users\\bob\\y.json", "--batch", "1,8"];
        assert_eq!(command(words.into_iter().map(String::from)), "stylegan bench --network x.pkl --json=y.json --batch 1,8");
        let variables = [
            ("VK_DRIVER_FILES", "/home/a/one.json:/b/two.json"),
            ("HOME", "/home/a"),
            ("RADV_DEBUG", "nohiz"),
            ("STYLEGAN_TIER", "portable"),
            ("STYLEGAN_TOKEN", "hunter2"),
            ("AMD_API_KEY", "hunter2"),
            ("CUDA_client_secret", "hunter2"),
            ("INTEL_PASSWORD", "hunter2"),
        ];
        let found = switches(variables.into_iter().map(|(name, value)| (name.into(), value.into())));
        assert_eq!(
            found,
            BTreeMap::from(
                [("VK_DRIVER_FILES", "one.json:two.json"), ("RADV_DEBUG", "nohiz"), ("STYLEGAN_TIER", "portable")]
                    .map(|(a, b)| (a.into(), b.into()))
            )
        );
    }
}

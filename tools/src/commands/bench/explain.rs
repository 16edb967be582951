//! `--explain`: which variant of its kernel every pass runs, which others there were, and why it was chosen.

use std::fmt::Write as _;

use stylegan_wgpu::Gpu;
use stylegan_wgpu::internals::executor::Executor;
use stylegan_wgpu::internals::kernel::Variant;
use stylegan_wgpu::internals::plan::Pass;
use stylegan_wgpu::internals::trial;

/// One line per pass.
pub(super) fn text(executor: &Executor, gpu: &Gpu) -> String {
    let tier = gpu.tier();
    let refusals = trial::refusals(gpu);
    let mut text = format!("\nvariants, of tier {tier}; the fastest by timing, else the first that the device has and the shape fits\n");
    let mut seen = "";
    for (label, chosen) in executor.variants() {
        // A pass in several bands is several steps.
        if std::mem::replace(&mut seen, label) == label {
            continue;
        }
        let Some(pass) = executor.plan().passes.iter().find(|pass| pass.label == label) else { continue };
        let choice = executor.choice(pass);
        let time = |name: &str| choice.and_then(|choice| choice.microseconds.get(name).copied());
        let refused = |name: &str| refusals.iter().any(|refusal| (refusal.kernel, refusal.variant) == (pass.kernel.name, name));
        let why = |variant: &Variant, pass: &Pass| match (time(variant.name), (variant.fits)(pass)) {
            (Some(microseconds), _) => format!("{microseconds:.1} us"),
            (None, false) => "does not fit the shape".into(),
            (None, true) if refused(variant.name) => "refused".into(),
            (None, true) => "not timed".into(),
        };
        let others = pass.kernel.variants.iter().filter(|variant| variant.name != chosen && tier.has(variant.needs));
        let others: Vec<String> = others.map(|variant| format!("{} ({})", variant.name, why(variant, pass))).collect();
        let others = if others.is_empty() { "the only one".into() } else { format!("not {}", others.join(", ")) };
        let time = time(chosen).map_or(String::new(), |microseconds| format!("{microseconds:.1} us, "));
        let _ = writeln!(text, "  {label:<22} {:<22} {chosen:<12} {time}{others}", pass.kernel.name);
    }
    for refusal in refusals {
        let _ = writeln!(text, "  refused on this device: {}.{}: {}", refusal.kernel, refusal.variant, refusal.reason);
    }
    text.trim_end().to_string()
}

//! `--explain`: which variant of its kernel every pass runs, which others there were, and why it was chosen.

use std::fmt::Write as _;

use stylegan_wgpu::executor::Executor;
use stylegan_wgpu::gpu::Gpu;
use stylegan_wgpu::kernel::Variant;
use stylegan_wgpu::plan::Pass;

/// One line per pass.
pub(super) fn text(executor: &Executor, gpu: &Gpu) -> String {
    let tier = gpu.tier();
    let refusals = gpu.refusals();
    let mut text = format!("\nvariants, of tier {tier}; the fastest by timing, else the first that the device has and the shape fits\n");
    let mut seen = "";
    for (label, chosen) in executor.variants() {
        // A pass in several bands is several steps.
        if std::mem::replace(&mut seen, label) == label {
            continue;
        }
        let Some(pass) = executor.plan().passes.iter().find(|pass| pass.label == label) else { continue };
        let times = executor.choice(pass).map_or(&[][..], |choice| &choice.microseconds);
        let time = |name: &str| times.iter().find(|(timed, _)| timed == name).map(|(_, microseconds)| *microseconds);
        let refused = |name: &str| refusals.iter().any(|refusal| (refusal.kernel, refusal.variant) == (pass.kernel.name, name));
        let why = |variant: &Variant, pass: &Pass| match (tier.has(variant.needs), (variant.fits)(pass), time(variant.name)) {
            (_, _, Some(microseconds)) => format!("{microseconds:.1} us"),
            (false, ..) => format!("needs {:?}", variant.needs),
            (true, false, _) => "does not fit the shape".into(),
            (true, true, None) if refused(variant.name) => "refused".into(),
            (true, true, None) => "not timed".into(),
        };
        let others = pass.kernel.variants.iter().filter(|variant| variant.name != chosen);
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

//! `--explain`: which variant of its kernel every pass runs, and which others there were.

use std::fmt::Write as _;

use stylegan_wgpu::executor::Executor;
use stylegan_wgpu::tier::Tier;

/// One line per pass.
pub(super) fn text(executor: &Executor, tier: &Tier) -> String {
    let mut text = format!("\nvariants, of tier {tier}; the first of a kernel that the device has and the shape fits runs\n");
    let mut seen = "";
    for (label, chosen) in executor.variants() {
        // A pass in several bands is several steps.
        if std::mem::replace(&mut seen, label) == label {
            continue;
        }
        let Some(pass) = executor.plan().passes.iter().find(|pass| pass.label == label) else { continue };
        let others: Vec<String> = pass
            .kernel
            .variants
            .iter()
            .filter(|variant| variant.name != chosen)
            .map(|variant| match (tier.has(variant.needs), (variant.fits)(pass)) {
                (false, _) => format!("{} (needs {:?})", variant.name, variant.needs),
                (true, false) => format!("{} (does not fit the shape)", variant.name),
                (true, true) => format!("{} (fits, too)", variant.name),
            })
            .collect();
        let others = if others.is_empty() { "the only one".into() } else { format!("not {}", others.join(", ")) };
        let _ = writeln!(text, "  {label:<22} {:<22} {chosen:<10} {others}", pass.kernel.name);
    }
    text.trim_end().to_string()
}

//! `--explain`: which variant of its kernel every pass runs, which others there were, and why it was chosen.

use std::fmt::Write as _;

use stylegan_wgpu::internals::trial;
use stylegan_wgpu::{Alternative, Gpu, PassInfo, Why};

/// One line per pass.
pub(super) fn text(passes: &[PassInfo], gpu: &Gpu) -> String {
    let mut text =
        format!("\nvariants, of tier {}; the fastest by timing, else the first that the device has and the shape fits\n", gpu.tier());
    for pass in passes {
        let others: Vec<String> = pass.others.iter().map(|other| format!("{} ({})", other.variant, why(other))).collect();
        let others = if others.is_empty() { "the only one".into() } else { format!("not {}", others.join(", ")) };
        let time = pass.tuned.map_or(String::new(), |microseconds| format!("{microseconds:.1} us, "));
        let _ = writeln!(text, "  {:<22} {:<22} {:<12} {time}{others}", pass.name, pass.kernel, pass.variant);
    }
    for refusal in trial::refusals(gpu) {
        let _ = writeln!(text, "  refused on this device: {}.{}: {}", refusal.kernel, refusal.variant, refusal.reason);
    }
    text.trim_end().to_string()
}

fn why(other: &Alternative) -> String {
    match &other.why {
        Why::Slower(microseconds) => format!("{microseconds:.1} us"),
        Why::Misfit => "does not fit the shape".into(),
        Why::Refused(_) => "refused".into(),
        _ => "not timed".into(),
    }
}

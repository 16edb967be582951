//! The report on a terminal, 80 columns wide.

use std::fmt::Write as _;

use super::report::{Ceilings, Outcome, Report, Run};
use super::statistics::Stat;

/// Of a terminal that nobody has widened.
const WIDTH: usize = 80;
/// Of the words at the left.
const LABEL: usize = 12;

/// What `stylegan bench` prints.
pub(super) fn text(report: &Report) -> String {
    let mut text = String::new();
    let (device, engine) = (&report.device, &report.engine);
    line(&mut text, "program", &format!("{} {} ({}){}", engine.name, engine.version, engine.build, commit(report)));
    line(&mut text, "device", &format!("{}, {}, {}", device.name, device.backend, device.driver));
    line(&mut text, "protocol", &report.protocol.describe());
    if let Some(ceilings) = &report.ceilings {
        line(
            &mut text,
            "ceilings",
            &format!("{} (measured here, now; changed by {:.0} %)", self::ceilings(&ceilings.best()), ceilings.drift_percent),
        );
    }
    for outcome in &report.results {
        self::outcome(&mut text, outcome);
    }
    text.push('\n');
    if let Some(bytes) = report.peak_memory_bytes {
        line(&mut text, "process", &format!("{:.0} MiB at its peak", mebi(bytes)));
    }
    if report.engine.build == "debug" {
        line(&mut text, "note", "a debug build: what runs on the host is slower than it could be");
    }
    for run in report.results.iter().flat_map(|outcome| &outcome.runs).filter(|run| !run.layers.is_empty()).take(LAYERS_OF) {
        layers(&mut text, run);
        text.push('\n');
    }
    line(&mut text, "quality", &quality(report));
    text.trim_end().to_string()
}

/// A preset has many runs; the layers of all are in the JSON and the HTML.
const LAYERS_OF: usize = 2;

/// The last line, for scripts: its form does not change.
pub(super) fn result(report: &Report) -> String {
    let figure = report.score.or_else(|| report.results.first()?.runs.first().map(Run::throughput));
    format!(
        "Result: {} images/s ({}, {}, {})",
        number(figure.unwrap_or(0.0)),
        report.protocol.title(),
        report.quality.verdict,
        report.id.as_deref().unwrap_or("no ID")
    )
}

fn commit(report: &Report) -> String {
    let made = report.made.as_ref();
    made.and_then(|made| made.commit.as_ref()).map_or(String::new(), |commit| format!(" of commit {commit}"))
}

/// The verdict in words.
pub(super) fn quality(report: &Report) -> String {
    let quality = &report.quality;
    if !quality.is_ok() {
        return format!("{}, do not rely on it: {}", quality.verdict, quality.reasons.join("; "));
    }
    let part = |text: &str, value: Option<f64>| value.map_or(String::new(), |value| format!("; {text} {value:.1} %"));
    format!(
        "{}{}{}{}{}",
        quality.verdict,
        part("times scatter by at most", quality.cov_percent),
        part("ceilings changed by", report.ceilings.map(|ceilings| ceilings.drift_percent)),
        part("other programs took", quality.load.others_percent),
        part("refused by the host", quality.load.steal_percent),
    )
}

fn outcome(text: &mut String, outcome: &Outcome) {
    let network = &outcome.network;
    let size = format!("{}x{}", network.resolution, network.width.unwrap_or(network.resolution));
    text.push('\n');
    line(text, "network", &format!("{} {size}, {}, {}", network.name, network.source, outcome.precision));
    line(text, "work", &format!("{:.2} GMAC of convolutions an image; {:.1} GMAC as papers count", network.gmac, network.gmac_papers));
    if let Some(cold) = &outcome.cold_ms {
        let [total, device, load, build, first] = [cold.total, cold.device, cold.load, cold.build, cold.first].map(time);
        line(
            text,
            "cold start",
            &format!("{total} to the first image: device {device}, weights {load}, upload and pipelines {build}, image {first}"),
        );
    }
    if let Some(mapping) = &outcome.mapping_ms {
        line(text, "mapping", &format!("{} a latent", time(mapping.median)));
    }
    for run in &outcome.runs {
        self::run(text, run);
    }
}

fn run(text: &mut String, run: &Run) {
    let head = ["p50", "p90", "p99", "scatter", "samples"];
    let columns = |text: &mut String, label: &str, name: &str, cells: [String; 5]| {
        let [a, b, c, d, e] = cells;
        let _ = writeln!(text, "{label:<LABEL$}{name:<21}{a:>9} {b:>9} {c:>9} {d:>8} {e:>8}");
    };
    columns(text, &format!("batch {}", run.batch), "time of an image", head.map(String::from));
    for (name, stat) in [
        ("GPU", &run.gpu_ms),
        ("GPU, sum of passes", &run.gpu_passes_ms),
        ("wall", &run.wall_ms),
        ("wall with readback", &run.wall_readback_ms),
    ] {
        let Some(Stat { median, p90, p99, cov_percent, count, .. }) = stat else { continue };
        let optional = |value: &Option<f64>| value.map_or("-".into(), time);
        let scatter = cov_percent.map_or("-".into(), |cov| format!("{cov:.1} %"));
        columns(text, "", name, [time(*median), optional(p90), optional(p99), scatter, count.to_string()]);
    }
    if run.gpu_ms.is_none() {
        line(text, "", "no timestamps on this device");
    }
    let floor = run.floor_ms.zip(run.floor_percent());
    let floor = floor.map_or(String::new(), |(floor, percent)| format!("; floor {}, {percent:.0} % of the time", time(floor)));
    line(text, "", &format!("single stream {} images/s{floor}", number(run.images_per_second)));
    if let Some(offline) = &run.offline {
        line(text, "", &format!("offline {} images/s, of {} images", number(offline.images_per_second), offline.images));
    }
    if let Some(picture) = &run.picture {
        line(
            text,
            "",
            &format!("picture right: {:.1e} of its rms from the {}, {} alike", picture.relative_error, picture.against, picture.pictures),
        );
    }
    if let Some(telemetry) = run.telemetry.as_ref().map(readings).filter(|text| !text.is_empty()) {
        line(text, "", &telemetry);
    }
    if let Some(bytes) = run.plan_memory_bytes {
        line(text, "", &format!("{:.0} MiB of buffers", mebi(bytes)));
    }
}

/// Energy, then means of the sensors.
pub(super) fn readings(readings: &super::report::Readings) -> String {
    let mut parts = Vec::new();
    if let Some((joules, images)) = readings.joules_per_image.zip(readings.images_per_joule) {
        parts.push(format!("{} J an image, {} images/J", number(joules), number(images)));
    }
    parts.extend(readings.values.iter().map(|(name, spread)| {
        let (what, unit) = name.rsplit_once('_').unwrap_or((name, ""));
        let unit = match unit {
            "mhz" => "MHz",
            "watts" => "W",
            "celsius" => "C",
            other => other,
        };
        format!("{} {:.0} {unit} ({:.0} to {:.0})", what.replace('_', " "), spread.mean, spread.least, spread.most)
    }));
    if let Some(throttled) = readings.throttled_percent {
        let why = if readings.throttle_reasons.is_empty() { String::new() } else { format!(" ({})", readings.throttle_reasons.join(", ")) };
        parts.push(format!("held down {throttled:.0} % of the time{why}"));
    }
    parts.join("; ")
}

/// The passes, and their sums.
fn layers(text: &mut String, run: &Run) {
    let title = format!("layers, batch {}", run.batch);
    let _ = writeln!(text, "{title:<20} {:<27} {:>8} {:>5} {:>8} {:>7}", "kernel", "ms", "%", "GFLOP/s", "floor %");
    let total: f64 = run.layers.iter().map(|layer| layer.gpu_ms).sum::<f64>().max(1e-9);
    let mut row = |label: &str, kernel: &str, ms: f64, gflops: f64, floor: f64| {
        let kernel = cut(kernel, 27);
        let _ = writeln!(text, "{:<20} {kernel:<27} {ms:>8.3} {:>5.1} {gflops:>8.1} {floor:>7.1}", cut(label, 20), ms / total * 100.0);
    };
    for layer in &run.layers {
        row(&layer.label, &format!("{}.{}", layer.kernel, layer.variant), layer.gpu_ms, layer.gflops, layer.floor_percent);
    }
    let gflop: f64 = run.layers.iter().map(|layer| layer.gflop).sum();
    row("all", "", total, gflop / total * 1e3, run.floor_ms.unwrap_or(0.0) / total * 100.0);
}

/// At most so many characters.
fn cut(text: &str, most: usize) -> String {
    match text.chars().count() > most {
        true => text.chars().take(most - 1).chain(['~']).collect(),
        false => text.into(),
    }
}

/// A label and words, wrapped beside it.
fn line(text: &mut String, label: &str, words: &str) {
    for (i, words) in wrapped(words, WIDTH - LABEL).iter().enumerate() {
        let _ = writeln!(text, "{:<LABEL$}{words}", if i == 0 { label } else { "" });
    }
}

/// Lines of whole words.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => line.extend([" ", word]),
            _ => lines.push(word.into()),
        }
    }
    lines
}

/// A time in the unit that suits it.
pub(super) fn time(ms: f64) -> String {
    match ms {
        _ if ms >= 10_000.0 => format!("{:.1} s", ms / 1e3),
        _ if ms >= 1000.0 => format!("{:.2} s", ms / 1e3),
        _ if ms >= 100.0 => format!("{ms:.0} ms"),
        _ if ms >= 10.0 => format!("{ms:.1} ms"),
        _ if ms >= 0.1 => format!("{ms:.2} ms"),
        _ => format!("{:.1} us", ms * 1e3),
    }
}

/// Three digits that count.
pub(super) fn number(value: f64) -> String {
    let decimals = if value >= 100.0 { 0 } else { (2 - value.max(1e-6).log10().floor() as i32).clamp(0, 6) as usize };
    format!("{value:.decimals$}")
}

/// What the device can do.
pub(super) fn ceilings(ceilings: &Ceilings) -> String {
    let optional = |what: &str, rate: Option<f64>| rate.map_or(String::new(), |rate| format!(", {what} {}FLOP/s", giga(rate)));
    let half = optional("f16 multiply-adds", ceilings.fma_f16_gflops);
    let matrix = optional("matrix units", ceilings.matrix_f16_gflops);
    format!("copy {}B/s, f32 multiply-adds {}FLOP/s{half}{matrix}", giga(ceilings.copy_gbs), giga(ceilings.fma_f32_gflops))
}

/// A number of 10^9 with the prefix that suits it.
pub(super) fn giga(value: f64) -> String {
    match value {
        _ if value >= 1000.0 => format!("{:.2} T", value / 1e3),
        _ if value >= 100.0 => format!("{value:.0} G"),
        _ => format!("{value:.1} G"),
    }
}

/// 2^20 bytes.
pub(super) fn mebi(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}

//! `--compare`: reports of several devices and programs side by side, as a Markdown table (docs/latency.md).

use super::report::{Report, Run};
use super::table::{mebi, time};

/// One row per report and batch size. Ratios are to the first row of the same network and batch, so that a file of a peer given
/// first answers "how many times as fast".
pub(super) fn table(reports: &[Report]) -> String {
    let head = [
        "device",
        "driver",
        "program",
        "network",
        "precision",
        "batch",
        "GPU ms/image",
        "wall ms/image",
        "with readback",
        "images/s",
        "ratio",
        "% of floor",
        "first image",
        "buffers MiB",
        "date",
    ];
    let all: Vec<(&Report, &Run)> = reports.iter().flat_map(|report| report.runs.iter().map(move |run| (report, run))).collect();
    let mut rows = vec![head.map(String::from).to_vec()];
    for (report, run) in &all {
        let same = |other: &&(&Report, &Run)| {
            let (a, b) = (&report.network, &other.0.network);
            (&a.name, a.resolution, a.width, run.batch) == (&b.name, b.resolution, b.width, other.1.batch)
        };
        rows.push(row(report, run, all.iter().find(same).map(|(_, first)| *first)));
    }
    markdown(&rows)
}

fn row(report: &Report, run: &Run, first: Option<&Run>) -> Vec<String> {
    let dash = || "-".to_string();
    let per_image = |stat: Option<super::report::Stat>| stat.map_or_else(dash, |stat| number(stat.median / run.batch.max(1) as f64));
    // By wall time: the one figure that every program has.
    let wall = |run: &Run| run.wall_ms.or(run.wall_readback_ms).map(|stat| stat.median);
    let ratio = first.and_then(wall).zip(wall(run)).map_or_else(dash, |(first, this)| format!("{:.2}x", first / this));
    let floor = run.floor_ms.zip(run.median_ms()).map_or_else(dash, |(floor, median)| format!("{:.0}", floor / median * 100.0));
    vec![
        report.device.name.clone(),
        format!("{} {}", report.device.backend, report.device.driver).trim().to_string(),
        format!("{} {} {}", report.engine.name, report.engine.version, report.engine.build),
        report.network.title(),
        report.precision.clone(),
        run.batch.to_string(),
        per_image(run.gpu_ms),
        per_image(run.wall_ms),
        per_image(run.wall_readback_ms),
        number(run.images_per_second),
        ratio,
        floor,
        report.cold_ms.as_ref().map_or_else(dash, |cold| time(cold.total)),
        run.plan_memory_bytes.map_or_else(dash, |bytes| format!("{:.0}", mebi(bytes))),
        report.date.split('T').next().unwrap_or_default().to_string(),
    ]
}

/// Three digits that count.
fn number(value: f64) -> String {
    let decimals = if value >= 100.0 { 0 } else { (2 - value.max(1e-6).log10().floor() as i32).clamp(0, 6) as usize };
    format!("{value:.decimals$}")
}

/// Columns as wide as their widest cell: readable before it is rendered, too.
fn markdown(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let cell = |text: &str| text.replace('|', "\\|").replace(char::is_control, " ");
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|text| cell(text)).collect()).collect();
    let widths: Vec<usize> = (0..columns).map(|i| rows.iter().map(|row| row[i].chars().count()).max().unwrap_or(0)).collect();
    let mut lines: Vec<String> = rows
        .iter()
        .map(|row| {
            let cells: Vec<String> = row.iter().zip(&widths).map(|(text, &width)| format!("{text:<width$}")).collect();
            format!("| {} |", cells.join(" | "))
        })
        .collect();
    let rule: Vec<String> = widths.iter().map(|&width| "-".repeat(width)).collect();
    lines.insert(1, format!("| {} |", rule.join(" | ")));
    lines.join("\n")
}

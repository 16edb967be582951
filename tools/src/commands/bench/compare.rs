//! `--compare`: reports of several devices and programs side by side, on a terminal, as Markdown (docs/latency.md) and as CSV.

use std::path::Path;

use stylegan_wgpu::internals::text::is_plain;

use super::report::{Outcome, Report, Run};
use super::statistics::Stat;
use super::table::{mebi, number, time, wrapped};
use crate::failure::Failure;

/// Figures of two protocols mean two things.
pub(super) fn same_protocol(reports: &[(&Path, &Report)]) -> Result<(), Failure> {
    let first = &reports[0];
    match reports.iter().find(|(_, report)| report.protocol != first.1.protocol) {
        None => Ok(()),
        Some((path, report)) => Err(Failure::Runtime(format!(
            "reports of two protocols cannot be compared: {} is {}; {} is {}",
            first.0.display(),
            first.1.protocol.describe(),
            path.display(),
            report.protocol.describe()
        ))),
    }
}

/// A batch of a network on a device.
#[derive(Clone, Copy)]
pub(super) struct Row<'r> {
    pub(super) report: &'r Report,
    pub(super) outcome: &'r Outcome,
    pub(super) run: &'r Run,
    /// Its times by the clock of the group.
    pub(super) compared: Option<&'r Stat>,
    /// How many times as fast as the first row of the group.
    pub(super) ratio: Option<f64>,
}

/// What belongs together: the rows of a network, a precision and a batch. A network is known by its architecture, its size and its work:
/// weights are not a matter of time.
pub(super) struct Group<'r> {
    pub(super) title: String,
    pub(super) clock: Clock,
    pub(super) rows: Vec<Row<'r>>,
}

/// The host's clock, which every program has; GPU time is of few.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clock {
    Readback,
    /// Where a program has no times with readback.
    Wall,
}

impl Clock {
    pub(super) fn describe(self) -> &'static str {
        match self {
            Clock::Readback => "Wall time with readback",
            Clock::Wall => "Wall time without readback",
        }
    }

    /// As the fields of a report are called.
    fn field(self) -> &'static str {
        match self {
            Clock::Readback => "wall_readback_ms",
            Clock::Wall => "wall_ms",
        }
    }

    fn of(self, run: &Run) -> Option<&Stat> {
        match self {
            Clock::Readback => run.wall_readback_ms.as_ref(),
            Clock::Wall => run.wall_ms.as_ref(),
        }
    }
}

impl Row<'_> {
    /// Device and program, in words.
    pub(super) fn who(&self) -> String {
        let (device, engine) = (&self.report.device, &self.report.engine);
        format!("{}, {}: {} {} {}", device.name, device.backend, engine.name, engine.version, engine.build)
    }
}

/// The groups in the order of their first rows.
pub(super) fn groups(reports: &[Report]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for report in reports {
        for (outcome, run) in report.runs() {
            let title = format!("{} {}, batch {}", outcome.network.title(), outcome.precision, run.batch);
            let is_same = |group: &Group<'_>| {
                let known = group.rows[0].outcome;
                let (a, b) = (known.network.gmac, outcome.network.gmac);
                // Programs round it.
                group.title == title && (a - b).abs() <= 0.01 * a.max(b)
            };
            let group = groups.iter().position(is_same).unwrap_or_else(|| {
                groups.push(Group { title, clock: Clock::Readback, rows: Vec::new() });
                groups.len() - 1
            });
            groups[group].rows.push(Row { report, outcome, run, compared: None, ratio: None });
        }
    }
    // Configurations T and R of StyleGAN3 are called alike.
    let titles: Vec<String> = groups.iter().map(|group| group.title.clone()).collect();
    for group in &mut groups {
        if titles.iter().filter(|title| **title == group.title).count() > 1 {
            group.title += &format!(", {:.2} GMAC", group.rows[0].outcome.network.gmac);
        }
        if !group.rows.iter().all(|row| row.run.wall_readback_ms.is_some()) {
            group.clock = Clock::Wall;
        }
        let of = |row: &Row<'_>| group.clock.of(row.run).map(|stat| stat.median);
        let first = group.rows.first().and_then(of);
        for row in &mut group.rows {
            row.compared = group.clock.of(row.run);
            row.ratio = first.zip(row.compared).map(|(first, this)| first / this.median);
        }
    }
    groups
}

/// For a terminal: 80 columns, a table for each group.
pub(super) fn table(reports: &[Report]) -> String {
    let mut lines = Vec::new();
    for (i, report) in reports.iter().enumerate() {
        let (device, engine) = (&report.device, &report.engine);
        let text = format!(
            "[{}] {}, {} {}: {} {} {}, {}",
            i + 1,
            device.name,
            device.backend,
            device.driver,
            engine.name,
            engine.version,
            engine.build,
            if report.quality.is_ok() { "ok".into() } else { format!("{}: {}", report.quality.verdict, report.quality.reasons.join("; ")) }
        );
        lines.extend(wrapped(&text, 80));
    }
    for Group { title, rows, .. } in groups(reports) {
        lines.push(String::new());
        let head = ["GPU ms", "wall ms", "readback", "single/s", "offline/s", "ratio", "floor %"];
        lines.push(title);
        lines.push(format!("{:<5}{}", "", head.map(|text| format!("{text:>10}")).concat()));
        for row in rows {
            let number_of = reports.iter().position(|report| std::ptr::eq(report, row.report)).map_or(0, |i| i + 1);
            let cells = [
                median(&row.run.gpu_ms),
                median(&row.run.wall_ms),
                median(&row.run.wall_readback_ms),
                number(row.run.images_per_second),
                offline(row.run),
                row.ratio.map_or("-".into(), |ratio| format!("{ratio:.2}x")),
                row.run.floor_percent().map_or("-".into(), |percent| format!("{percent:.0}")),
            ];
            lines.push(format!("{:<5}{}", format!("[{number_of}]"), cells.map(|text| format!("{text:>10}")).concat()));
        }
    }
    lines.push(String::new());
    lines.extend(wrapped("Times are medians, in milliseconds an image; single and offline are images per second, with a wait for every one and without; the ratio is of times with readback (of wall times, where a program has none), to the first row.", 80));
    lines.join("\n")
}

fn median(stat: &Option<Stat>) -> String {
    stat.as_ref().map_or_else(|| "-".into(), |stat| number(stat.median))
}

fn offline(run: &Run) -> String {
    run.offline.as_ref().map_or_else(|| "-".into(), |offline| number(offline.images_per_second))
}

/// For a document: every figure in one row. Ratios are to the first row of the same network, precision and batch.
pub(super) fn markdown(reports: &[Report]) -> String {
    let head = [
        "device",
        "driver",
        "program",
        "network",
        "precision",
        "batch",
        "GPU ms",
        "GPU p90",
        "wall ms",
        "with readback",
        "images/s, single",
        "images/s, offline",
        "ratio",
        "% of floor",
        "J/image",
        "first image",
        "buffers MiB",
        "score",
        "report",
    ];
    let mut rows = vec![head.map(String::from).to_vec()];
    rows.extend(groups(reports).iter().flat_map(|group| &group.rows).map(cells));
    aligned(&rows)
}

fn cells(row: &Row<'_>) -> Vec<String> {
    let Row { report, outcome, run, ratio, .. } = row;
    let dash = || "-".to_string();
    let joules = run.telemetry.as_ref().and_then(|telemetry| telemetry.joules_per_image);
    vec![
        report.device.name.clone(),
        format!("{} {}", report.device.backend, report.device.driver).trim().to_string(),
        format!("{} {} {}", report.engine.name, report.engine.version, report.engine.build),
        outcome.network.title(),
        outcome.precision.clone(),
        run.batch.to_string(),
        median(&run.gpu_ms),
        run.gpu_ms.as_ref().and_then(|stat| stat.p90).map_or_else(dash, number),
        median(&run.wall_ms),
        median(&run.wall_readback_ms),
        number(run.images_per_second),
        offline(run),
        ratio.map_or_else(dash, |ratio| format!("{ratio:.2}x")),
        run.floor_percent().map_or_else(dash, |percent| format!("{percent:.0}")),
        joules.map_or_else(dash, number),
        outcome.cold_ms.as_ref().map_or_else(dash, |cold| time(cold.total)),
        run.plan_memory_bytes.map_or_else(dash, |bytes| format!("{:.0}", mebi(bytes))),
        report.score.map_or_else(dash, number),
        report.id.clone().unwrap_or_else(|| report.date.split('T').next().unwrap_or_default().to_string()),
    ]
}

/// Columns as wide as their widest cell: readable before it is rendered, too.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let cell = |text: &str| text.replace('|', "\\|").replace(|c| !is_plain(c), " ");
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

/// For a spreadsheet (RFC 4180): names of columns carry their units, what was not measured is empty.
pub(super) fn csv(reports: &[Report]) -> String {
    let head = "report,date,protocol,quality,device,backend,driver,program,version,build,network,precision,batch,gpu_ms_p50,gpu_ms_p90,\
                gpu_ms_p99,wall_ms_p50,readback_ms_p50,single_stream_images_per_second,offline_images_per_second,ratio,ratio_of,floor_percent,\
                cov_percent,joules_per_image";
    let mut text = format!("{head}\r\n");
    for Group { clock, rows, .. } in groups(reports) {
        for Row { report, outcome, run, ratio, .. } in rows {
            let number = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
            let of = |stat: &Option<Stat>, get: fn(&Stat) -> Option<f64>| number(stat.as_ref().and_then(get));
            let p50: fn(&Stat) -> Option<f64> = |stat| Some(stat.median);
            let cells = [
                report.id.clone().unwrap_or_default(),
                report.date.clone(),
                report.protocol.title(),
                report.quality.verdict.clone(),
                report.device.name.clone(),
                report.device.backend.clone(),
                report.device.driver.clone(),
                report.engine.name.clone(),
                report.engine.version.clone(),
                report.engine.build.clone(),
                outcome.network.title(),
                outcome.precision.clone(),
                run.batch.to_string(),
                of(&run.gpu_ms, p50),
                of(&run.gpu_ms, |stat| stat.p90),
                of(&run.gpu_ms, |stat| stat.p99),
                of(&run.wall_ms, p50),
                of(&run.wall_readback_ms, p50),
                number(Some(run.images_per_second)),
                number(run.offline.as_ref().map(|offline| offline.images_per_second)),
                number(ratio),
                clock.field().into(),
                number(run.floor_percent()),
                number(run.best().and_then(|stat| stat.cov_percent)),
                number(run.telemetry.as_ref().and_then(|telemetry| telemetry.joules_per_image)),
            ];
            text.push_str(&cells.map(|cell| quoted(&cell)).join(","));
            text.push_str("\r\n");
        }
    }
    text
}

/// In quotes where it needs them. A report is anybody's: a cell must not begin as a spreadsheet's formula does.
fn quoted(cell: &str) -> String {
    let cell = if cell.starts_with(['=', '+', '@', '\t', '\r']) { format!("'{cell}") } else { cell.to_string() };
    match cell.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell,
    }
}

//! The report as one HTML file: no script, nothing fetched, light and dark. It is XHTML, so that a test can read it with a parser.

use std::fmt::Write as _;

use stylegan_wgpu::internals::text::is_plain;

use super::report::{Outcome, Report, Run};
use super::statistics::Stat;
use super::table::{mebi, number, time};
use super::{chart, compare, table};

const STYLE: &str = include_str!("report.css");

/// A document with that title and body.
fn document(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>{title}</title>\n<style>\n{STYLE}</style>\n\
         </head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )
}

/// The page of a report.
pub(super) fn page(report: &Report) -> String {
    let what = match report.results.as_slice() {
        [only] => only.network.title(),
        _ => format!("Protocol {}", report.protocol.title()),
    };
    let title = escape(&format!("{what} on {}", report.device.name));
    let mut html = format!("<header>\n<h1>{title}</h1>\n<p>{}</p>\n{}</header>\n", subtitle(report), verdict(report));
    for (outcome, run) in report.runs() {
        section(&mut html, report, outcome, run);
    }
    let _ = writeln!(html, "<section>\n<h2>Method</h2>\n<dl>");
    for (term, text) in facts(report) {
        let _ = writeln!(html, "<dt>{term}</dt><dd>{}</dd>", escape(&text));
    }
    document(&title, &(html + "</dl>\n</section>\n"))
}

/// The page of several reports: a chart for each network, precision and batch.
pub(super) fn comparison(reports: &[Report]) -> String {
    let title = format!("{} reports of protocol {}", reports.len(), escape(&reports[0].protocol.title()));
    let mut html = format!(
        "<header>\n<h1>{title}</h1>\n<p>Milliseconds an image by the host's clock, shorter is better: medians, and the interval from the shortest to the 90th percentile (to the longest of fewer than 20 samples).</p>\n</header>\n"
    );
    for compare::Group { title, clock, rows } in compare::groups(reports) {
        let (title, clock) = (escape(&title), clock.describe());
        let _ = writeln!(html, "<section>\n<h2>{title}</h2>\n<p class=\"legend\">{clock}</p>\n{}</section>", chart::compared(&rows));
    }
    let _ = writeln!(html, "<section>\n<h2>Reports</h2>\n<dl class=\"reports\">");
    for report in reports {
        let score = report.score.map_or(String::new(), |score| format!(", score {}", number(score)));
        let text = format!(
            "{}, {}{score}, {}. Quality: {}",
            report.device.driver,
            report.date,
            report.id.as_deref().unwrap_or("no ID"),
            table::quality(report)
        );
        let who = format!("{}, {} {}", report.device.name, report.engine.name, report.engine.version);
        let _ = writeln!(html, "<dt>{}</dt><dd>{}</dd>", escape(&who), escape(&text));
    }
    document(&title, &(html + "</dl>\n</section>\n"))
}

fn subtitle(report: &Report) -> String {
    let engine = &report.engine;
    let score = report.score.map_or(String::new(), |score| format!("score {} images/s, ", number(score)));
    let id = report.id.as_deref().unwrap_or("no ID");
    escape(&format!("{} {} ({}), {}, {score}{}, {id}", engine.name, engine.version, engine.build, report.protocol.describe(), report.date))
}

/// A noisy report says so before any figure.
fn verdict(report: &Report) -> String {
    let class = if report.quality.is_ok() { "ok" } else { "noisy" };
    format!("<p class=\"verdict {class}\">Quality: {}</p>\n", escape(&table::quality(report)))
}

/// One batch: figures, roofline, bars, table.
fn section(html: &mut String, report: &Report, outcome: &Outcome, run: &Run) {
    let (network, precision) = (&outcome.network, &outcome.precision);
    let _ = writeln!(html, "<section>\n<h2>{}</h2>", escape(&format!("{} {precision}, batch {}", network.title(), run.batch)));
    let work = format!("{}, {:.2} GMAC an image ({:.1} as papers count)", network.source, network.gmac, network.gmac_papers);
    let _ = writeln!(html, "<p class=\"legend\">{}</p>\n<div class=\"cards\">", escape(&work));
    let stat = |stat: &Option<Stat>| stat.as_ref().map(|stat| (time(stat.median), spread(stat)));
    let floor = run.floor_ms.zip(run.floor_percent());
    let floor = floor.map(|(floor, percent)| (format!("{percent:.0} %"), format!("of the time is the floor, {}", time(floor))));
    let memory = run.plan_memory_bytes.map(|bytes| {
        let peak = report.peak_memory_bytes.map_or(String::new(), |peak| format!("process peak {:.0} MiB", mebi(peak)));
        (format!("{:.0} MiB", mebi(bytes)), peak)
    });
    let offline =
        run.offline.as_ref().map(|offline| (number(offline.images_per_second), format!("images/s, of {} images", offline.images)));
    let picture = run
        .picture
        .as_ref()
        .map(|picture| ("right".to_string(), format!("{:.1e} of its rms from the {}", picture.relative_error, picture.against)));
    let energy = run.telemetry.as_ref().and_then(|telemetry| telemetry.joules_per_image);
    for (name, figure) in [
        ("GPU time", stat(&run.gpu_ms)),
        ("wall time", stat(&run.wall_ms)),
        ("with readback", stat(&run.wall_readback_ms)),
        ("single stream", Some((number(run.images_per_second), "images/s".into()))),
        ("offline", offline),
        ("at the ceiling", floor),
        ("picture", picture),
        ("energy", energy.map(|joules| (format!("{} J", number(joules)), "an image".into()))),
        ("buffers", memory),
    ] {
        if let Some((value, note)) = figure {
            let (value, note) = (escape(&value), escape(&note));
            let _ = writeln!(html, "<div class=\"card\"><span>{name}</span><strong>{value}</strong><small>{note}</small></div>");
        }
    }
    html.push_str("</div>\n");
    if let Some(telemetry) = run.telemetry.as_ref().map(table::readings).filter(|text| !text.is_empty()) {
        let _ = writeln!(html, "<p class=\"legend\">{}</p>", escape(&telemetry));
    }
    if !run.layers.is_empty() {
        drawings(html, report, outcome, run);
    }
    html.push_str("</section>\n");
}

/// As much of a distribution as its samples allow.
fn spread(stat: &Stat) -> String {
    match stat.p90.zip(stat.p99) {
        Some((p90, p99)) => format!("p90 {}, p99 {}, {} samples", time(p90), time(p99), stat.count),
        None => format!("{} to {}, {} samples", time(stat.least), time(stat.most), stat.count),
    }
}

/// Where the time went.
fn drawings(html: &mut String, report: &Report, outcome: &Outcome, run: &Run) {
    html.push_str("<p class=\"legend\">");
    for (kernel, colour) in chart::colours(run) {
        let _ = write!(html, "<span><i class=\"k{colour}\"></i>{}</span> ", escape(kernel));
    }
    html.push_str("</p>\n");
    if let Some(ceilings) = &report.ceilings {
        let _ =
            writeln!(html, "<h3>Roofline</h3>\n<div class=\"chart\">{}</div>", chart::roofline(run, &ceilings.best(), &outcome.precision));
    }
    let _ = writeln!(html, "<h3>Layers</h3>\n<div class=\"chart\">{}</div>", chart::bars(run));
    html.push_str("<details>\n<summary>All figures</summary>\n<table>\n<thead><tr>");
    for head in ["layer", "kernel", "ms", "GFLOP", "MB", "GFLOP/s", "GB/s", "floor ms", "floor %", "bound"] {
        let _ = write!(html, "<th>{head}</th>");
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for layer in &run.layers {
        let _ = writeln!(
            html,
            "<tr><td>{}</td><td>{}.{}</td><td>{:.4}</td><td>{:.3}</td><td>{:.3}</td><td>{:.1}</td><td>{:.2}</td><td>{:.4}</td><td>{:.1}</td><td>{}</td></tr>",
            escape(&layer.label),
            escape(&layer.kernel),
            escape(&layer.variant),
            layer.gpu_ms,
            layer.gflop,
            layer.bytes / 1e6,
            layer.gflops,
            layer.gbs,
            layer.floor_ms,
            layer.floor_percent,
            escape(&layer.bound)
        );
    }
    html.push_str("</tbody>\n</table>\n</details>\n");
}

/// What a reader needs to judge the figures.
fn facts(report: &Report) -> Vec<(&'static str, String)> {
    let (device, host) = (&report.device, &report.host);
    let cpu = host.cpu.as_ref().map_or(String::new(), |cpu| format!("{cpu}, "));
    let pci = device.pci.as_ref().map_or(String::new(), |pci| format!(", PCI {pci}"));
    let mut facts = vec![
        ("Device", format!("{}, {}, {}{pci}", device.name, device.backend, device.driver)),
        ("Host", format!("{cpu}{} threads, {} {}", host.threads, host.os, host.arch)),
    ];
    if let Some(made) = &report.made {
        let built = |what: &str, value: &Option<String>| value.as_ref().map_or(String::new(), |value| format!("; {what} {value}"));
        let tuning = match made.tuning.tuned {
            true => format!("kernels tuned ({} shapes timed now, {} known)", made.tuning.timed_now, made.tuning.kept),
            false => "kernels in their fixed order".into(),
        };
        let units = if made.matrix_units { "on matrix units" } else { "no matrix units" };
        let switches: String = made.switches.iter().map(|(name, value)| format!("; {name}={value}")).collect();
        let (commit, wgpu) = (built("commit", &made.commit), built("wgpu", &made.wgpu));
        facts.push(("Made by", format!("{}{commit}{wgpu}; tier {}, {units}; {tuning}{switches}", made.command, made.tier)));
    }
    if let Some(ceilings) = &report.ceilings {
        let text = format!(
            "{}; measured on the same device before and after, changed by {:.1} %",
            table::ceilings(&ceilings.best()),
            ceilings.drift_percent
        );
        facts.push(("Ceilings", text));
        facts.push(("Floor", "of a layer: the longer of its operations at that rate and its bytes, each moved once, at that bandwidth; 100 % is as fast as the ceilings allow, and what stays in a cache can be faster".into()));
    }
    if let Some(cold) = report.results.iter().find_map(|outcome| outcome.cold_ms.as_ref()) {
        let [total, opening, weights, build, first] = [cold.total, cold.device, cold.load, cold.build, cold.first].map(time);
        facts.push(("First image", format!("{total}: device {opening}, weights {weights}, upload and pipelines {build}, image {first}")));
    }
    facts.push(("Times", "medians of warm runs, of one image: a batch's time divided by its images; GPU time by timestamps around the whole pass, a layer's around its dispatches alone".into()));
    facts
}

/// Text for HTML, in an element or an attribute.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // A control character is not legal in XML, escaped or not; one that turns the direction of writing makes a text look like another.
            c if !is_plain(c) => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

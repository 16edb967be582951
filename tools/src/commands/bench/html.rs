//! The report as one HTML file: no script, nothing fetched, light and dark. It is XHTML, so that a test can read it with a parser.

use std::fmt::Write as _;

use super::report::{Report, Run, Stat};
use super::table::{mebi, time};
use super::{chart, table};

const STYLE: &str = include_str!("report.css");

/// The whole page.
pub(super) fn page(report: &Report) -> String {
    let (network, device) = (&report.network, &report.device);
    let title = escape(&format!("{} on {}", network.title(), device.name));
    let mut html = format!(
        "<!DOCTYPE html>\n<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>{title}</title>\n<style>\n{STYLE}</style>\n\
         </head>\n<body>\n<main>\n"
    );
    let _ = writeln!(html, "<header>\n<h1>{title}</h1>\n<p>{}</p>\n</header>", subtitle(report));
    for run in &report.runs {
        section(&mut html, report, run);
    }
    let _ = writeln!(html, "<section>\n<h2>Method</h2>\n<dl>");
    for (term, text) in facts(report) {
        let _ = writeln!(html, "<dt>{term}</dt><dd>{}</dd>", escape(&text));
    }
    html + "</dl>\n</section>\n</main>\n</body>\n</html>\n"
}

fn subtitle(report: &Report) -> String {
    let (engine, network) = (&report.engine, &report.network);
    escape(&format!(
        "{} {} ({}), {} ({}), {:.2} GMAC an image ({:.1} as papers count), {}",
        engine.name, engine.version, engine.build, report.precision, network.source, network.gmac, network.gmac_papers, report.date
    ))
}

/// One batch: figures, roofline, bars, table.
fn section(html: &mut String, report: &Report, run: &Run) {
    let _ = writeln!(html, "<section>\n<h2>Batch {}</h2>\n<div class=\"cards\">", run.batch);
    let stat = |stat: &Option<Stat>| stat.map(|stat| (time(stat.median), format!("{} to {}", time(stat.p5), time(stat.p95))));
    let floor = run
        .floor_ms
        .zip(run.median_ms())
        .map(|(floor, median)| (format!("{:.0} %", floor / median * 100.0), format!("of the time is the floor, {}", time(floor))));
    let memory = run.plan_memory_bytes.map(|bytes| {
        let peak = report.peak_memory_bytes.map_or(String::new(), |peak| format!("process peak {:.0} MiB", mebi(peak)));
        (format!("{:.0} MiB", mebi(bytes)), peak)
    });
    let rate = (format!("{:.2}", run.images_per_second), format!("{} iterations", run.iterations));
    for (name, figure) in [
        ("GPU time", stat(&run.gpu_ms)),
        ("wall time", stat(&run.wall_ms)),
        ("with readback", stat(&run.wall_readback_ms)),
        ("images/s", Some(rate)),
        ("at the ceiling", floor),
        ("buffers", memory),
    ] {
        if let Some((value, note)) = figure {
            let _ = writeln!(
                html,
                "<div class=\"card\"><span>{name}</span><strong>{}</strong><small>{}</small></div>",
                escape(&value),
                escape(&note)
            );
        }
    }
    html.push_str("</div>\n");
    if run.layers.is_empty() {
        html.push_str("</section>\n");
        return;
    }
    html.push_str("<p class=\"legend\">");
    for (kernel, colour) in chart::colours(run) {
        let _ = write!(html, "<span><i class=\"k{colour}\"></i>{}</span> ", escape(kernel));
    }
    html.push_str("</p>\n");
    if let Some(ceilings) = &report.ceilings {
        let _ = writeln!(html, "<h3>Roofline</h3>\n{}", chart::roofline(run, ceilings, &report.precision));
    }
    let _ = writeln!(html, "<h3>Layers</h3>\n{}", chart::bars(run));
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
            layer.bytes as f64 / 1e6,
            layer.gflops,
            layer.gbs,
            layer.floor_ms,
            layer.floor_percent,
            escape(&layer.bound)
        );
    }
    html.push_str("</tbody>\n</table>\n</details>\n</section>\n");
}

/// What a reader needs to judge the figures.
fn facts(report: &Report) -> Vec<(&'static str, String)> {
    let (device, host) = (&report.device, &report.host);
    let cpu = host.cpu.as_ref().map_or(String::new(), |cpu| format!("{cpu}, "));
    let mut facts = vec![
        ("Device", format!("{}, {}, {}", device.name, device.backend, device.driver)),
        ("Host", format!("{cpu}{} threads, {} {}", host.threads, host.os, host.arch)),
    ];
    if let Some(ceilings) = &report.ceilings {
        facts.push(("Ceilings", format!("{}; measured on the same device in the same run", table::ceilings(ceilings))));
        facts.push(("Floor", "of a layer: the longer of its operations at that rate and its bytes, each moved once, at that bandwidth; 100 % is as fast as the ceilings allow, and what stays in a cache can be faster".into()));
    }
    if let Some(cold) = &report.cold_ms {
        let parts = [cold.device, cold.load, cold.build, cold.first].map(time);
        let [opening, weights, build, first] = parts;
        facts.push((
            "First image",
            format!("{}: device {opening}, weights {weights}, upload and pipelines {build}, image {first}", time(cold.total)),
        ));
    }
    facts.push(("Times", "medians of warm runs, with the 5th and 95th percentile; GPU time by timestamps around the whole pass, a layer's around its dispatches alone".into()));
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
            // A control character is not legal in XML, escaped or not.
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

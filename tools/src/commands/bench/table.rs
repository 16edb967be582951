//! The report on a terminal.

use std::fmt::Write as _;

use super::report::{Ceilings, Report, Run, Stat};

/// What `stylegan bench` prints.
pub(super) fn text(report: &Report) -> String {
    let mut text = String::new();
    let (network, device) = (&report.network, &report.device);
    let mut line = |label: &str, value: String| {
        let _ = writeln!(text, "{label:<11} {value}");
    };
    line(
        "network",
        format!(
            "{} {}x{}, {}, {}",
            network.name,
            network.resolution,
            network.width.unwrap_or(network.resolution),
            network.source,
            report.precision
        ),
    );
    line("device", format!("{}, {}, {}", device.name, device.backend, device.driver));
    line("work", format!("{:.2} GMAC of convolutions an image; {:.1} GMAC as papers count", network.gmac, network.gmac_papers));
    if let Some(ceilings) = &report.ceilings {
        line("ceilings", format!("{} (measured here, now)", self::ceilings(ceilings)));
    }
    if let Some(cold) = &report.cold_ms {
        line(
            "cold start",
            format!(
                "{} to the first image: device {}, weights {}, upload and pipelines {}, image {}",
                time(cold.total),
                time(cold.device),
                time(cold.load),
                time(cold.build),
                time(cold.first)
            ),
        );
    }
    if let Some(mapping) = &report.mapping_ms {
        line("mapping", format!("{} a latent", time(mapping.median)));
    }
    for run in &report.runs {
        let stat = |stat: &Option<Stat>| match stat {
            Some(stat) => format!("{} (p5 {}, p95 {})", time(stat.median), time(stat.p5), time(stat.p95)),
            None => "no timestamps on this device".into(),
        };
        line(&format!("batch {}", run.batch), format!("GPU {}; {} iterations", stat(&run.gpu_ms), run.iterations));
        if let Some(passes) = &run.gpu_passes_ms {
            line("", format!("GPU {}, sum of passes timed one by one", time(passes.median)));
        }
        line("", format!("wall {}", stat(&run.wall_ms)));
        line("", format!("wall {} with readback", stat(&run.wall_readback_ms)));
        let floor = run
            .floor_ms
            .zip(run.median_ms())
            .map_or(String::new(), |(floor, median)| format!("; floor {}, {:.0} % of the time", time(floor), floor / median * 100.0));
        let memory = run.plan_memory_bytes.map_or(String::new(), |bytes| format!("; {:.0} MiB of buffers", mebi(bytes)));
        line("", format!("{:.2} images/s{floor}{memory}", run.images_per_second));
    }
    if let Some(bytes) = report.peak_memory_bytes {
        line("process", format!("{:.0} MiB at its peak", mebi(bytes)));
    }
    if report.engine.build == "debug" {
        line("note", "a debug build: what runs on the host is slower than it could be".into());
    }
    for run in report.runs.iter().filter(|run| !run.layers.is_empty()) {
        text.push('\n');
        layers(&mut text, run);
    }
    text.trim_end().to_string()
}

/// The passes, and their sums.
fn layers(text: &mut String, run: &Run) {
    let title = format!("layers, batch {}", run.batch);
    let _ = writeln!(
        text,
        "{title:<22} {:<33} {:>9} {:>5} {:>8} {:>9} {:>9} {:>8} {:>7}",
        "kernel", "ms", "%", "GFLOP", "MB", "GFLOP/s", "GB/s", "floor %"
    );
    let total: f64 = run.layers.iter().map(|layer| layer.gpu_ms).sum::<f64>().max(1e-9);
    for layer in &run.layers {
        let _ = writeln!(
            text,
            "{:<22} {:<33} {:>9.3} {:>5.1} {:>8.3} {:>9.2} {:>9.1} {:>8.2} {:>7.1}",
            layer.label,
            format!("{}.{}", layer.kernel, layer.variant),
            layer.gpu_ms,
            layer.gpu_ms / total * 100.0,
            layer.gflop,
            layer.bytes as f64 / 1e6,
            layer.gflops,
            layer.gbs,
            layer.floor_percent
        );
    }
    let (gflop, bytes): (f64, u64) = run.layers.iter().fold((0.0, 0), |(gflop, bytes), layer| (gflop + layer.gflop, bytes + layer.bytes));
    let _ = writeln!(
        text,
        "{:<22} {:<33} {total:>9.3} {:>5.1} {gflop:>8.3} {:>9.2} {:>9.1} {:>8.2} {:>7.1}",
        "all",
        "",
        100.0,
        bytes as f64 / 1e6,
        gflop / total * 1e3,
        bytes as f64 / total / 1e6,
        run.floor_ms.unwrap_or(0.0) / total * 100.0
    );
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

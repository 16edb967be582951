//! The drawings of the HTML report, as inline SVG: a roofline and a bar per layer. Colours come from the page's classes.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::compare::Row;
use super::html::escape;
use super::report::{Ceilings, Layer, Run};
use super::table::{giga, number, time};

/// Classes `k0` .. `k9` of the style sheet: a kernel has the same colour in every report. What is in none of the lists is grey.
const COLOURS: [&[&str]; 9] = [
    &["modulated_conv2d"],
    &["modulated_conv2d_up"],
    &["filter_bias_act", "blur2d"],
    &["depthwise_conv2d"],
    &["to_rgb", "to_rgba8"],
    &["inverse_haar", "upsample2d_add"],
    &["affine", "adain", "adain_coefficients"],
    &["demodulate", "instance_statistics"],
    &["fully_connected", "normalize_2nd_moment"],
];

fn colour(kernel: &str) -> usize {
    COLOURS.iter().position(|kernels| kernels.contains(&kernel)).unwrap_or(COLOURS.len())
}

/// The kernels of a run and their colours, the one that takes most time first.
pub(super) fn colours(run: &Run) -> Vec<(&str, usize)> {
    let kernels: BTreeSet<&str> = run.layers.iter().map(|layer| layer.kernel.as_str()).collect();
    let time = |kernel: &str| run.layers.iter().filter(|layer| layer.kernel == kernel).map(|layer| layer.gpu_ms).sum::<f64>();
    let mut kernels: Vec<&str> = kernels.into_iter().collect();
    kernels.sort_by(|a, b| time(b).total_cmp(&time(a)));
    kernels.into_iter().map(|kernel| (kernel, colour(kernel))).collect()
}

/// An axis that counts in powers of ten.
struct LogAxis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl LogAxis {
    /// Around all values, with room of a fifth of a decade.
    fn new(values: impl Iterator<Item = f64>, from: f64, to: f64) -> LogAxis {
        let logs: Vec<f64> = values.filter(|value| *value > 0.0).map(f64::log10).collect();
        let low = logs.iter().copied().fold(f64::INFINITY, f64::min);
        let high = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let (low, high) = if low <= high { (low - 0.2, high + 0.2) } else { (0.0, 1.0) };
        LogAxis { low, high, from, to }
    }

    fn at(&self, value: f64) -> f64 {
        let log = value.max(1e-12).log10().clamp(self.low, self.high);
        self.from + (log - self.low) / (self.high - self.low) * (self.to - self.from)
    }

    fn ticks(&self) -> impl Iterator<Item = f64> {
        (self.low.ceil() as i32..=self.high.floor() as i32).map(|power| 10f64.powi(power))
    }
}

/// FLOP/s over FLOP/byte, both logarithmic: under the slope memory limits, under the flat roof arithmetic does. A point per layer,
/// its area the layer's share of the time.
pub(super) fn roofline(run: &Run, ceilings: &Ceilings, precision: &str) -> String {
    let (width, height, left, right, top, bottom) = (860.0, 420.0, 64.0, 16.0, 16.0, 48.0);
    let intensity = |layer: &Layer| layer.gflop * 1e9 / layer.bytes.max(1.0);
    let roof = ceilings.gflops(precision);
    let drawn = || run.layers.iter().filter(|layer| layer.gflop > 0.0);
    let knee = roof / ceilings.copy_gbs;
    let x = LogAxis::new(drawn().map(intensity).chain([knee]), left, width - right);
    let y = LogAxis::new(drawn().map(|layer| layer.gflops).chain([roof]), height - bottom, top);
    let mut svg = format!("<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"Roofline plot\">\n");
    for tick in x.ticks() {
        let at = x.at(tick);
        let _ = writeln!(svg, "<line class=\"grid\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{top}\" y2=\"{:.1}\"/>", height - bottom);
        let _ =
            writeln!(svg, "<text class=\"tick\" x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{tick}</text>", height - bottom + 16.0);
    }
    for tick in y.ticks() {
        let at = y.at(tick);
        let _ = writeln!(svg, "<line class=\"grid\" x1=\"{left}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>", width - right);
        let label = if tick >= 1.0 { giga(tick).replace(".0 ", " ").replace(".00 ", " ") } else { format!("{tick} G") };
        let _ = writeln!(svg, "<text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>", left - 6.0, at + 4.0);
    }
    let middle = (left + width - right) / 2.0;
    let _ = writeln!(svg, "<text class=\"axis\" x=\"{middle}\" y=\"{:.1}\" text-anchor=\"middle\">FLOP per byte</text>", height - 12.0);
    let _ = writeln!(
        svg,
        "<text class=\"axis\" transform=\"translate(14 {:.1}) rotate(-90)\" text-anchor=\"middle\">FLOP/s</text>",
        height / 2.0
    );
    // The slope starts where the lower of the two axes does.
    let start = 10f64.powf(x.low).max(10f64.powf(y.low) / ceilings.copy_gbs);
    let _ = writeln!(
        svg,
        "<polyline class=\"roof\" points=\"{:.1},{:.1} {:.1},{:.1} {:.1},{:.1}\"/>",
        x.at(start),
        y.at(start * ceilings.copy_gbs),
        x.at(knee),
        y.at(roof),
        width - right,
        y.at(roof)
    );
    let label = format!("{}FLOP/s, {}B/s", giga(roof), giga(ceilings.copy_gbs));
    let _ = writeln!(
        svg,
        "<text class=\"axis\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
        width - right - 4.0,
        y.at(roof) - 6.0
    );
    let total: f64 = run.layers.iter().map(|layer| layer.gpu_ms).sum::<f64>().max(1e-9);
    // Large points first: small ones stay visible on top of them.
    let mut layers: Vec<&Layer> = drawn().collect();
    layers.sort_by(|a, b| b.gpu_ms.total_cmp(&a.gpu_ms));
    for layer in layers {
        let radius = 3.0 + 22.0 * (layer.gpu_ms / total).sqrt();
        let _ = writeln!(
            svg,
            "<circle class=\"k{}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"{radius:.1}\"><title>{}: {}, {}FLOP/s, {:.0} % of its floor</title></circle>",
            colour(&layer.kernel),
            x.at(intensity(layer)),
            y.at(layer.gflops),
            escape(&layer.label),
            time(layer.gpu_ms),
            giga(layer.gflops),
            layer.floor_percent
        );
    }
    svg + "</svg>\n"
}

/// A bar per layer in the order of execution; its dark part is the floor.
pub(super) fn bars(run: &Run) -> String {
    let (width, row, left, right) = (860.0, 20.0, 190.0, 150.0);
    let height = row * run.layers.len() as f64 + 8.0;
    let longest = run.layers.iter().map(|layer| layer.gpu_ms.max(layer.floor_ms)).fold(1e-9, f64::max);
    let scale = (width - left - right) / longest;
    let mut svg = format!("<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"Time of every layer\">\n");
    for (i, layer) in run.layers.iter().enumerate() {
        let top = 4.0 + row * i as f64;
        let text = top + 14.0;
        let (length, floor) = ((layer.gpu_ms * scale).max(1.0), (layer.floor_ms * scale).min(layer.gpu_ms * scale));
        let _ = writeln!(
            svg,
            "<text class=\"label\" x=\"{:.1}\" y=\"{text:.1}\" text-anchor=\"end\">{}</text>",
            left - 8.0,
            escape(&layer.label)
        );
        let _ = writeln!(
            svg,
            "<rect class=\"k{}\" x=\"{left}\" y=\"{:.1}\" width=\"{length:.1}\" height=\"{:.1}\" rx=\"2\"><title>{}.{}: {:.2} GFLOP, {:.2} MB, {}-bound</title></rect>",
            colour(&layer.kernel),
            top + 3.0,
            row - 6.0,
            escape(&layer.kernel),
            escape(&layer.variant),
            layer.gflop,
            layer.bytes / 1e6,
            escape(&layer.bound)
        );
        let _ = writeln!(
            svg,
            "<rect class=\"floor\" x=\"{left}\" y=\"{:.1}\" width=\"{floor:.1}\" height=\"{:.1}\" rx=\"1\"/>",
            top + 8.0,
            row - 16.0
        );
        let value = format!("{}, floor {:.0} %", time(layer.gpu_ms), layer.floor_percent);
        let _ = writeln!(svg, "<text class=\"tick\" x=\"{:.1}\" y=\"{text:.1}\">{value}</text>", left + length + 6.0);
    }
    svg + "</svg>\n"
}

/// A bar per report, as long as an image takes, with its interval. What it says is text above it, which a phone can wrap.
pub(super) fn compared(rows: &[Row<'_>]) -> String {
    let longest = rows.iter().filter_map(|row| Some(row.compared?.high())).fold(1e-9, f64::max);
    let at = |ms: f64| ms / longest * 100.0;
    let mut html = String::new();
    for row in rows {
        let Some(stat) = row.compared else { continue };
        let ratio = row.ratio.map_or(String::new(), |ratio| format!(", {ratio:.2}x"));
        let joules = row.run.telemetry.as_ref().and_then(|telemetry| telemetry.joules_per_image);
        let joules = joules.map_or(String::new(), |joules| format!(", {} J", number(joules)));
        let (faint, noisy) = if row.report.quality.is_ok() { ("", "") } else { (" faint", ", noisy") };
        // By program: a device with a peer beside ours shows two colours.
        let class = if row.report.engine.name == "stylegan-wgpu" { "k0" } else { "k1" };
        let _ = writeln!(
            html,
            "<div class=\"bar\"><p><strong>{}{ratio}{joules}{noisy}</strong> {}</p>",
            escape(&time(stat.median)),
            escape(&row.who())
        );
        let (low, high, length) = (at(stat.least), at(stat.high()), at(stat.median).max(0.2));
        let _ = writeln!(
            html,
            "<svg viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{} to {}\">\
             <rect class=\"{class}{faint}\" width=\"{length:.2}\" height=\"10\"/>\
             <path class=\"interval\" d=\"M{low:.2} 5H{high:.2}M{low:.2} 2V8M{high:.2} 2V8\"/></svg></div>",
            escape(&time(stat.least)),
            escape(&time(stat.high()))
        );
    }
    html
}

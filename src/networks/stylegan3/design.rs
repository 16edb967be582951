//! Configurations T and R as NVIDIA trains them, and their filters (Karras et al. 2021, section 3 and appendix C): for networks without
//! a file. What comes out of a file is never computed.

use std::f64::consts::PI;

use super::{Config, Input, Layer, ToRgb};
use crate::kernels::filtered_lrelu::DOWN;

/// Layers, the last of which makes the image, is not counted; of which so many are critically sampled.
const LAYERS: usize = 14;
const CRITICAL: usize = 2;
/// Pixels around the picture, on each side.
const MARGIN: usize = 10;
/// Taps for each factor of up- or down-sampling.
const TAPS: usize = 6;

/// What signals the layers pass on: frequencies in cycles per unit.
struct Schedule {
    cutoffs: Vec<f64>,
    half_widths: Vec<f64>,
    rates: Vec<f64>,
}

impl Schedule {
    /// From the first cutoff to half of the resolution in a geometric progression, the critically sampled layers all at its end.
    fn new(layers: usize, resolution: usize, first_cutoff: f64) -> Schedule {
        let last_cutoff = resolution as f64 / 2.0;
        let (first_stop, last_stop) = (first_cutoff * 2f64.powf(1.1), last_cutoff * 2f64.powf(0.3));
        let exponents = || (0..=layers).map(|i| (i as f64 / layers.saturating_sub(CRITICAL).max(1) as f64).min(1.0));
        let cutoffs: Vec<f64> = exponents().map(|e| first_cutoff * (last_cutoff / first_cutoff).powf(e)).collect();
        let stops: Vec<f64> = exponents().map(|e| first_stop * (last_stop / first_stop).powf(e)).collect();
        let rates: Vec<f64> = stops.iter().map(|stop| (2.0 * stop).min(resolution as f64).log2().ceil().exp2()).collect();
        let widths = stops.iter().zip(&rates).zip(&cutoffs).map(|((stop, rate), cutoff)| stop.max(rate / 2.0) - cutoff);
        Schedule { half_widths: widths.collect(), cutoffs, rates }
    }
}

impl Config {
    /// Configuration T, equivariant to translation, of a picture of that side: a power of two, 64 to 2048.
    pub fn t(img_resolution: usize) -> Config {
        Config::designed(img_resolution, 32768, 512, 3)
    }

    /// Configuration R, to rotation, too.
    pub fn r(img_resolution: usize) -> Config {
        Config::designed(img_resolution, 65536, 1024, 1)
    }

    fn designed(resolution: usize, channel_base: usize, channel_max: usize, conv_kernel: usize) -> Config {
        // NVIDIA's networks of 256 pixels have half of the channels.
        let channel_base = if resolution <= 256 { channel_base / 2 } else { channel_base };
        let Schedule { cutoffs, rates, .. } = Schedule::new(LAYERS, resolution, 2.0);
        let channels: Vec<usize> =
            cutoffs.iter().map(|cutoff| (channel_base as f64 / 2.0 / cutoff).min(channel_max as f64).round_ties_even() as usize).collect();
        let size = |i: usize| if i + CRITICAL > LAYERS { resolution } else { rates[i] as usize + 2 * MARGIN };
        let half = |i: usize| rates[i] * 16.0 > resolution as f64;
        let layers = (0..LAYERS).map(|i| {
            let before = i.saturating_sub(1);
            let signal = 2.0 * rates[i].max(rates[before]);
            let up = (signal / rates[before]) as usize;
            let grown = (size(before) + conv_kernel - 1) * up;
            let total = (size(i) - 1) * DOWN + 1 + (TAPS * up) + TAPS * DOWN - 2;
            let total = total as isize - grown as isize;
            let low = (total + up as isize).div_euclid(2);
            Layer {
                name: format!("L{i}_{}_{}", size(i), channels[i]),
                in_channels: channels[before],
                out_channels: channels[i],
                conv_kernel,
                in_size: [size(before); 2],
                out_size: [size(i); 2],
                up_factor: up,
                up_taps: TAPS * up,
                down_taps: TAPS * DOWN,
                down_radial: conv_kernel == 1 && i + CRITICAL < LAYERS,
                padding: [low, total - low, low, total - low],
                conv_clamp: Some(256.0),
                use_fp16: half(i),
            }
        });
        Config {
            z_dim: 512,
            c_dim: 0,
            w_dim: 512,
            num_layers: 2,
            lr_multiplier: 0.01,
            class_embedding: None,
            input: Input { channels: channels[0], size: [size(0); 2], sampling_rate: rates[0] as f32, bandwidth: cutoffs[0] as f32 },
            layers: layers.collect(),
            torgb: ToRgb { name: format!("L{LAYERS}_{resolution}_3"), img_channels: 3, conv_clamp: Some(256.0), use_fp16: half(LAYERS) },
            output_scale: 0.25,
        }
    }

    /// The filter of a layer, by the name of its tensor: what NVIDIA's design gives for the frequencies of the schedule.
    pub(crate) fn designed_filter(&self, tensor: &str) -> Option<Vec<f32>> {
        let (layer, kind) = tensor.strip_prefix("synthesis.")?.rsplit_once('.')?;
        let i = self.layers.iter().position(|own| own.name == layer)?;
        let layer = &self.layers[i];
        let (height, width) = self.image_size();
        let Schedule { cutoffs, half_widths, rates } = Schedule::new(self.layers.len(), height.max(width), f64::from(self.input.bandwidth));
        let before = i.saturating_sub(1);
        let rate = 2.0 * rates[i].max(rates[before]);
        let taps = match kind {
            "up_filter" => low_pass(layer.up_taps, cutoffs[before], 2.0 * half_widths[before], rate),
            "down_filter" if layer.down_radial => radial(layer.down_taps, cutoffs[i], 2.0 * half_widths[i], rate),
            "down_filter" => low_pass(layer.down_taps, cutoffs[i], 2.0 * half_widths[i], rate),
            _ => return None,
        };
        let sum: f64 = taps.iter().sum();
        Some(taps.into_iter().map(|tap| (tap / sum) as f32).collect())
    }
}

/// A sinc in Kaiser's window, for signals of `rate` samples per unit.
fn low_pass(taps: usize, cutoff: f64, width: f64, rate: f64) -> Vec<f64> {
    let x = |i: usize| PI * 2.0 * cutoff * offset(i, taps) / rate;
    let sinc = |x: f64| if x == 0.0 { 1.0 } else { x.sin() / x };
    kaiser(taps, width, rate).into_iter().enumerate().map(|(i, window)| sinc(x(i)) * window).collect()
}

/// A jinc in the product of two windows: `[taps, taps]`.
fn radial(taps: usize, cutoff: f64, width: f64, rate: f64) -> Vec<f64> {
    let window = kaiser(taps, width, rate);
    let tap = |k: usize| {
        let (i, j) = (k / taps, k % taps);
        let r = PI * offset(i, taps).hypot(offset(j, taps)) / rate;
        let jinc = if r == 0.0 { cutoff } else { bessel_j1(2.0 * cutoff * r) / r };
        jinc * window[i] * window[j]
    };
    (0..taps * taps).map(tap).collect()
}

/// Samples from the middle of a filter.
fn offset(i: usize, taps: usize) -> f64 {
    i as f64 - (taps as f64 - 1.0) / 2.0
}

/// Kaiser's window for a transition of `width`, by his formulas.
fn kaiser(taps: usize, width: f64, rate: f64) -> Vec<f64> {
    let attenuation = 2.285 * (taps as f64 - 1.0) * PI * width / (rate / 2.0) + 7.95;
    let beta = match attenuation {
        a if a > 50.0 => 0.1102 * (a - 8.7),
        a if a > 21.0 => 0.5842 * (a - 21.0).powf(0.4) + 0.07886 * (a - 21.0),
        _ => 0.0,
    };
    let edge = ((taps as f64 - 1.0) / 2.0).max(0.5);
    (0..taps).map(|i| bessel_i0(beta * (1.0 - (offset(i, taps) / edge).powi(2)).max(0.0).sqrt()) / bessel_i0(beta)).collect()
}

/// By its series; arguments stay below 20.
fn bessel_i0(x: f64) -> f64 {
    let terms = (1..60).scan(1.0, |term, k| {
        *term *= (x / 2.0 / f64::from(k)).powi(2);
        Some(*term)
    });
    1.0 + terms.sum::<f64>()
}

/// By its series; arguments stay below 13, where what cancels leaves ten digits.
fn bessel_j1(x: f64) -> f64 {
    let terms = (1..60).scan(x / 2.0, |term, k| {
        *term *= -(x / 2.0).powi(2) / f64::from(k * (k + 1));
        Some(*term)
    });
    x / 2.0 + terms.sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_designs_are_nvidias() {
        let names = |config: &Config| config.layers.iter().map(|layer| layer.name.clone()).collect::<Vec<_>>().join(" ");
        let t = Config::t(1024);
        assert_eq!(
            names(&t),
            "L0_36_512 L1_36_512 L2_52_512 L3_52_512 L4_84_512 L5_148_512 L6_148_512 L7_276_323 L8_276_203 L9_532_128 L10_1044_81 \
             L11_1044_51 L12_1044_32 L13_1024_32"
        );
        assert_eq!((t.torgb.name.as_str(), t.num_ws(), t.image_size()), ("L14_1024_3", 16, (1024, 1024)));
        assert!(t.layers.iter().enumerate().all(|(i, layer)| layer.use_fp16 == (i > 4)));
        for config in [t, Config::r(1024), Config::t(256), Config::r(512)] {
            config.validate().unwrap_or_else(|error| panic!("{error}"));
        }
    }

    #[test]
    fn bessel_functions_are_those_of_the_tables() {
        // Abramowitz and Stegun, tables 9.1 and 9.8.
        for (x, j1) in [(1.0, 0.4400505857), (5.0, -0.3275791376), (12.0, -0.2234471045)] {
            assert!((bessel_j1(x) - j1).abs() < 1e-9, "J1({x}) = {}", bessel_j1(x));
        }
        for (x, i0) in [(1.0, 1.2660658778), (5.0, 27.2398718236)] {
            assert!((bessel_i0(x) / i0 - 1.0).abs() < 1e-9, "I0({x}) = {}", bessel_i0(x));
        }
    }
}

//! MobileStyleGAN's equations as plain loops: sums in f64, activations stored as f32.

use stylegan_wgpu::{Config, Model};

/// x = z / sqrt(mean(z^2) + 1e-8); per layer x = sqrt(2) * lrelu(x W^T + b)
pub(crate) fn mapping(model: &Model, z: &[f32]) -> Vec<f32> {
    let mean = z.iter().map(|&z| f64::from(z).powi(2)).sum::<f64>() / z.len() as f64;
    let mut x: Vec<f64> = z.iter().map(|&z| f64::from(z) / (mean + 1e-8).sqrt()).collect();
    let layers = model.arrays.keys().filter(|name| name.starts_with("mapping.fc") && name.ends_with("weight")).count();
    for i in 0..layers {
        let y = affine(model, &format!("mapping.fc{i}"), &x);
        x = y.into_iter().map(|y| std::f64::consts::SQRT_2 * if y < 0.0 { 0.2 * y } else { y }).collect();
    }
    x.into_iter().map(|x| x as f32).collect()
}

/// The image `[3, R, R]` of one w used in all slots.
pub(crate) fn synthesis(model: &Model, w: &[f32]) -> Vec<f32> {
    let w: Vec<f64> = w.iter().copied().map(f64::from).collect();
    let Config::MobileStyleGan(config) = &model.config else { panic!("{:?}", model.config) };
    let style = |name: &str| affine(model, &format!("synthesis.{name}.affine"), &w);
    let mut x = Image { values: values(model, "synthesis.b4.const"), side: 4 };

    x.scale(&style("b4.conv1"));
    x = x.convolve(&values(model, "synthesis.b4.conv1.weight"));
    x.finish(model, "b4.conv1");
    for resolution in config.resolutions() {
        x.scale(&style(&format!("b{resolution}.up")));
        x = x.inverse_wavelet();
        for name in ["conv1", "conv2"] {
            let layer = format!("b{resolution}.{name}");
            x.scale(&style(&layer));
            x = x.depthwise(&values(model, &format!("synthesis.{layer}.depthwise")));
            x = x.pointwise(&values(model, &format!("synthesis.{layer}.weight")));
            x.finish(model, &layer);
        }
    }
    x.scale(&style("torgb"));
    x = x.pointwise(&values(model, "synthesis.torgb.weight"));
    x.bias(&values(model, "synthesis.torgb.bias"));
    x.inverse_wavelet().values
}

/// `[channels, side, side]`
struct Image {
    values: Vec<f32>,
    side: usize,
}

impl Image {
    fn channels(&self) -> usize {
        self.values.len() / (self.side * self.side)
    }

    fn planes(&mut self) -> std::slice::ChunksExactMut<'_, f32> {
        self.values.chunks_exact_mut(self.side * self.side)
    }

    fn scale(&mut self, style: &[f64]) {
        assert_eq!(style.len(), self.channels());
        for (plane, &style) in self.planes().zip(style) {
            plane.iter_mut().for_each(|x| *x = (f64::from(*x) * style) as f32);
        }
    }

    fn bias(&mut self, bias: &[f32]) {
        assert_eq!(bias.len(), self.channels());
        for (plane, bias) in self.planes().zip(bias) {
            plane.iter_mut().for_each(|x| *x += bias);
        }
    }

    /// + noise, + bias, leaky ReLU 0.2 without a gain
    fn finish(&mut self, model: &Model, layer: &str) {
        let noise = values(model, &format!("synthesis.{layer}.noise_const"));
        let strength = values(model, &format!("synthesis.{layer}.noise_strength"))[0];
        for plane in self.planes() {
            plane.iter_mut().zip(&noise).for_each(|(x, noise)| *x += noise * strength);
        }
        self.bias(&values(model, &format!("synthesis.{layer}.bias")));
        self.values.iter_mut().for_each(|x| *x = if *x < 0.0 { 0.2 * *x } else { *x });
    }

    /// 3x3 correlation, padding 1; weight `[out, in, 3, 3]`
    fn convolve(&self, weight: &[f32]) -> Image {
        let inputs = self.channels();
        let mut values = Vec::new();
        for weight in weight.chunks_exact(inputs * 9) {
            let mut sum = vec![0.0; self.side * self.side];
            for (plane, kernel) in self.values.chunks_exact(self.side * self.side).zip(weight.chunks_exact(9)) {
                add_correlation(&mut sum, plane, kernel, self.side);
            }
            values.extend(sum.into_iter().map(|sum| sum as f32));
        }
        Image { values, side: self.side }
    }

    /// 3x3 correlation of each channel with its own kernel, padding 1; weight `[C, 1, 3, 3]`
    fn depthwise(&self, weight: &[f32]) -> Image {
        assert_eq!(weight.len(), self.channels() * 9);
        let mut values = Vec::with_capacity(self.values.len());
        for (plane, kernel) in self.values.chunks_exact(self.side * self.side).zip(weight.chunks_exact(9)) {
            let mut sum = vec![0.0; plane.len()];
            add_correlation(&mut sum, plane, kernel, self.side);
            values.extend(sum.into_iter().map(|sum| sum as f32));
        }
        Image { values, side: self.side }
    }

    /// 1x1 convolution; weight `[out, in]`
    fn pointwise(&self, weight: &[f32]) -> Image {
        let mut values = Vec::new();
        for weight in weight.chunks_exact(self.channels()) {
            let mut sum = vec![0.0_f64; self.side * self.side];
            for (plane, &weight) in self.values.chunks_exact(self.side * self.side).zip(weight) {
                sum.iter_mut().zip(plane).for_each(|(sum, &x)| *sum += f64::from(weight) * f64::from(x));
            }
            values.extend(sum.into_iter().map(|sum| sum as f32));
        }
        Image { values, side: self.side }
    }

    /// Channel c from low c and details C/4 + 3c + 0, 1, 2; twice the side.
    fn inverse_wavelet(&self) -> Image {
        let (side, area, quarter) = (self.side, self.side * self.side, self.channels() / 4);
        let plane = |channel: usize| &self.values[channel * area..][..area];
        let mut values = vec![0.0; self.values.len()];
        for (c, out) in values.chunks_exact_mut(4 * area).enumerate() {
            let (low, details) = (plane(c), [0, 1, 2].map(|k| plane(quarter + 3 * c + k)));
            for i in 0..area {
                let [a, b, c, d] = [low[i], details[0][i], details[1][i], details[2][i]].map(f64::from);
                let at = 4 * side * (i / side) + 2 * (i % side);
                out[at] = ((a + b + c + d) / 2.0) as f32;
                out[at + 1] = ((a + b - c - d) / 2.0) as f32;
                out[at + 2 * side] = ((a - b + c - d) / 2.0) as f32;
                out[at + 2 * side + 1] = ((a - b - c + d) / 2.0) as f32;
            }
        }
        Image { values, side: 2 * side }
    }
}

fn add_correlation(sum: &mut [f64], plane: &[f32], kernel: &[f32], side: usize) {
    for y in 0..side {
        for (ky, kernel) in kernel.chunks_exact(3).enumerate() {
            let Some(row) = (y + ky).checked_sub(1).filter(|&row| row < side) else { continue };
            let row = &plane[row * side..][..side];
            for x in 0..side {
                let tap = |kx: usize| (x + kx).checked_sub(1).and_then(|x| row.get(x)).map_or(0.0, |&value| f64::from(value));
                sum[y * side + x] += (0..3).map(|kx| f64::from(kernel[kx]) * tap(kx)).sum::<f64>();
            }
        }
    }
}

/// x W^T + b
fn affine(model: &Model, name: &str, x: &[f64]) -> Vec<f64> {
    let (weight, bias) = (values(model, &format!("{name}.weight")), values(model, &format!("{name}.bias")));
    let row = |(row, bias): (&[f32], &f32)| row.iter().zip(x).map(|(&w, x)| f64::from(w) * x).sum::<f64>() + f64::from(*bias);
    weight.chunks_exact(x.len()).zip(&bias).map(row).collect()
}

fn values(model: &Model, name: &str) -> Vec<f32> {
    model.array(name).to_f32()
}

//! Config F of StyleGAN2 in candle, on the CPU, written from the equations of Karras et al. 2020 (arXiv 1912.04958).
//!
//! What makes it as fast as candle's operators allow: styles and demodulation are multiplied into the weights. `conv_transpose2d` is a
//! loop of dot products in candle, and takes more than three times as long as `conv2d`, which is matrix products: a transposed
//! convolution is a 2x2 convolution here whose outputs are the four phases, which are then interleaved. The filter [1, 3, 3, 1] is
//! three sums of neighbours along each axis: an operator on whole maps is work of one thread.

use anyhow::{Context, Result, ensure};
use candle_core::{D, DType, Device, Tensor};
use serde_json::{Value, json};

#[path = "../../rust/peer.rs"]
mod peer;

use peer::{Kind, Network, Peer, Precision};

/// A layer's tensors. The gain of the leaky ReLU, sqrt(2), is in weights, noise and bias: it may be moved through it.
struct Layer {
    kind: Kind,
    /// [w, inputs]
    affine: Tensor,
    affine_bias: Tensor,
    /// [outputs, inputs, k, k]; of up-sampling layers by phases, [4 * outputs, inputs, 2, 2]
    weight: Tensor,
    /// Sums of a kernel's squared weights, [inputs, outputs]: demodulation is a matrix product with the squared styles.
    energy: Tensor,
    /// [1, outputs, 1, 1]
    bias: Tensor,
    /// [1, 1, R, R]; torgb has none.
    noise: Option<Tensor>,
}

/// A network, and the w that it draws.
struct Candle {
    device: Device,
    mapping: Vec<(Tensor, Tensor)>,
    constant: Option<Tensor>,
    layers: Vec<Layer>,
    clamp: f64,
    w: Option<Tensor>,
}

impl Candle {
    fn open(precision: Precision) -> Result<Candle> {
        ensure!(precision == Precision::F32, "candle's convolutions on the CPU are measured in f32 only");
        Ok(Candle { device: Device::Cpu, mapping: Vec::new(), constant: None, layers: Vec::new(), clamp: 0.0, w: None })
    }

    /// A tensor of the file, times a gain.
    fn upload(&self, network: &Network, name: &str, gain: f64) -> Result<Tensor> {
        let (values, shape) = network.tensor(name)?;
        Ok((Tensor::from_vec(values, shape, &self.device)? * gain)?)
    }

    /// [1, 3, R, R]
    fn image(&self) -> Result<Tensor> {
        let w = self.w.as_ref().context("there are no latents")?;
        let mut x = self.constant.clone().context("there is no network")?;
        let mut img: Option<Tensor> = None;
        for layer in &self.layers {
            let y = modulated_conv2d(&x, w, layer)?;
            match &layer.noise {
                Some(noise) => x = leaky_relu(&y.broadcast_add(noise)?.broadcast_add(&layer.bias)?)?.clamp(-self.clamp, self.clamp)?,
                None => {
                    let rgb = y.broadcast_add(&layer.bias)?.clamp(-self.clamp, self.clamp)?;
                    img = Some(if let Some(img) = img { (upsample2d(&img)? + rgb)? } else { rgb });
                }
            }
        }
        img.context("the network has no layers")
    }
}

impl Peer for Candle {
    type Image = Tensor;

    fn load(&mut self, network: &Network) -> Result<()> {
        self.clamp = network.conv_clamp;
        self.constant = Some(self.upload(network, "synthesis.b4.const", 1.0)?.unsqueeze(0)?);
        for i in 0..network.num_layers {
            let weight = self.upload(network, &format!("mapping.fc{i}.weight"), network.lr_multiplier)?.t()?.contiguous()?;
            let gain = 1.0 / (weight.dim(0)? as f64).sqrt();
            self.mapping.push(((weight * gain)?, self.upload(network, &format!("mapping.fc{i}.bias"), network.lr_multiplier)?));
        }
        for (name, kind) in network.layers() {
            let tensor = |part: &str, gain| self.upload(network, &format!("{name}.{part}"), gain);
            let weight = tensor("weight", 1.0)?;
            let energy = weight.sqr()?.sum((2, 3))?.t()?.contiguous()?;
            let rgb = kind == Kind::Rgb;
            let gain = if rgb { 1.0 } else { 2f64.sqrt() };
            let style_gain = if rgb { 1.0 / (weight.dim(1)? as f64).sqrt() } else { 1.0 };
            let weight = (if kind == Kind::Up { phases(&weight)? } else { weight } * gain)?;
            let noise = if rgb {
                None
            } else {
                let strength = f64::from(tensor("noise_strength", gain)?.to_scalar::<f32>()?);
                Some(tensor("noise_const", strength)?.unsqueeze(0)?.unsqueeze(0)?)
            };
            let affine = tensor("affine.weight", style_gain / (network.w_dim as f64).sqrt())?.t()?.contiguous()?;
            let (affine_bias, bias) = (tensor("affine.bias", style_gain)?, tensor("bias", gain)?.reshape((1, (), 1, 1))?);
            self.layers.push(Layer { kind, affine, affine_bias, weight, energy, bias, noise });
        }
        Ok(())
    }

    fn mapping(&mut self, z: &[f32]) -> Result<()> {
        let z = Tensor::from_slice(z, (1, z.len()), &self.device)?;
        let mut x = z.broadcast_div(&(z.sqr()?.mean_keepdim(D::Minus1)? + 1e-8)?.sqrt()?)?;
        for (weight, bias) in &self.mapping {
            x = (leaky_relu(&x.matmul(weight)?.broadcast_add(bias)?)? * 2f64.sqrt())?;
        }
        self.w = Some(x);
        Ok(())
    }

    fn synthesis(&self) -> Result<Tensor> {
        let pixels = self.image()?.affine(127.5, 128.0)?.clamp(0.0, 255.0)?.to_dtype(DType::U8)?;
        Ok(pixels.squeeze(0)?.permute((1, 2, 0))?.contiguous()?)
    }

    fn pixels(&self, image: Tensor) -> Result<Vec<u8>> {
        Ok(image.flatten_all()?.to_vec1()?)
    }

    fn planes(&self) -> Result<Vec<f32>> {
        Ok(self.image()?.flatten_all()?.to_vec1()?)
    }

    fn facts(&self) -> Value {
        json!({ "engine": "candle (CPU)", "version": "0.11.1", "device": {} })
    }
}

/// The convolution of a layer with the weights that a style makes.
fn modulated_conv2d(x: &Tensor, w: &Tensor, layer: &Layer) -> Result<Tensor> {
    let style = w.matmul(&layer.affine)?.broadcast_add(&layer.affine_bias)?;
    let weight = layer.weight.broadcast_mul(&style.reshape((1, (), 1, 1))?)?;
    let demodulate = || (style.sqr()?.matmul(&layer.energy)? + 1e-8)?.sqrt()?.recip();
    match layer.kind {
        Kind::Rgb => Ok(x.conv2d(&weight, 0, 1, 1, 1)?),
        Kind::Same => Ok(x.conv2d(&weight.broadcast_mul(&demodulate()?.reshape(((), 1, 1, 1))?)?, 1, 1, 1, 1)?),
        Kind::Up => {
            let factor = demodulate()?;
            let weight = weight.broadcast_mul(&Tensor::cat(&[&factor; 4], 1)?.reshape(((), 1, 1, 1))?)?;
            low_pass(&interleave(&x.conv2d(&weight, 1, 1, 1, 1)?)?)
        }
    }
}

/// [outputs, inputs, 3, 3] of a transposed convolution of stride 2 -> [4 * outputs, inputs, 2, 2]: row 2 j + p of its result has the taps
/// j - 1 and j, of which odd rows use the last only.
fn phases(weight: &Tensor) -> Result<Tensor> {
    let taps = |weight: &Tensor, axis: usize, phase: usize| {
        let last = weight.narrow(axis, 2, 1)?;
        let first = if phase == 0 { last } else { last.zeros_like()? };
        Tensor::cat(&[&first, &weight.narrow(axis, phase, 1)?], axis)
    };
    let phases: candle_core::Result<Vec<_>> = (0..4).map(|phase| taps(&taps(weight, 2, phase / 2)?, 3, phase % 2)).collect();
    Ok(Tensor::cat(&phases?, 0)?)
}

/// [1, 4 C, H, W], the four phases one after the other -> [1, C, 2 H, 2 W]
fn interleave(x: &Tensor) -> Result<Tensor> {
    let (_, count, height, width) = x.dims4()?;
    let phases = x.reshape(&[2, 2, count / 4, height, width][..])?.permute(vec![2, 3, 0, 4, 1])?;
    Ok(phases.contiguous()?.reshape((1, count / 4, 2 * height, 2 * width))?)
}

/// [1, C, 2 H + 2, 2 W + 2], of which the last row and column are empty -> [1, C, 2 H, 2 W]: [1, 3, 3, 1] / 4 along both axes.
fn low_pass(x: &Tensor) -> Result<Tensor> {
    let mut x = (x * (1.0 / 16.0))?;
    for axis in [2, 3] {
        x = x.pad_with_zeros(axis, 1, 0)?;
        for _ in 0..3 {
            let size = x.dim(axis)? - 1;
            x = (x.narrow(axis, 0, size)? + x.narrow(axis, 1, size)?)?;
        }
    }
    Ok(x)
}

/// upfirdn2d of the picture: zeros in between, and the filter [1, 3, 3, 1] / 4, by phases: a row has a quarter of one neighbour.
fn upsample2d(img: &Tensor) -> Result<Tensor> {
    let mut x = img.clone();
    for axis in [2, 3] {
        let size = x.dim(axis)?;
        let padded = (x.pad_with_zeros(axis, 1, 1)? * 0.25)?;
        let near = (x * 0.75)?;
        let pair = [(&near + padded.narrow(axis, 0, size)?)?, (&near + padded.narrow(axis, 2, size)?)?];
        let mut shape = near.dims().to_vec();
        shape[axis] *= 2;
        x = Tensor::stack(&pair, axis + 1)?.reshape(shape)?;
    }
    Ok(x)
}

/// Of slope 0.2, without a gain.
fn leaky_relu(x: &Tensor) -> Result<Tensor> {
    Ok(x.maximum(&(x * 0.2)?)?)
}

fn main() -> Result<()> {
    peer::run(Candle::open)
}

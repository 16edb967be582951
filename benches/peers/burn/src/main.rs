//! Config F of StyleGAN2 in burn, on wgpu, written from the equations of Karras et al. 2020 (arXiv 1912.04958).
//!
//! What makes it as fast as burn's operators allow: styles and demodulation are multiplied into the weights, up-sampling is a transposed
//! convolution and a depthwise filter, element-wise operators are fused by burn, and it times its kernels for every shape (autotune).
//! Pixels become 8-bit on the device, four to a word.

use anyhow::{Context, Result, anyhow, ensure};
use burn::tensor::activation::leaky_relu;
use burn::tensor::module::{conv_transpose2d, conv2d};
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};
use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use serde_json::{Value, json};

#[path = "../../rust/peer.rs"]
mod peer;

use peer::{Kind, Network, Peer, Precision};

/// A layer's tensors, in f32. The gain of the leaky ReLU, sqrt(2), is in weights, noise and bias: it may be moved through it.
struct Layer {
    kind: Kind,
    /// [w, inputs]
    affine: Tensor<2>,
    affine_bias: Tensor<2>,
    /// [outputs, inputs, k, k]; of up-sampling layers [inputs, outputs, 3, 3]
    weight: Tensor<4>,
    /// Sums of a kernel's squared weights, [inputs, outputs]: demodulation is a matrix product with the squared styles.
    energy: Tensor<2>,
    /// [1, outputs, 1, 1]
    bias: Tensor<4>,
    /// [1, 1, R, R]; torgb has none.
    noise: Option<Tensor<4>>,
}

/// A network, and the w that it draws.
struct Burn {
    device: Device,
    facts: Value,
    /// Of activations and weights in convolutions.
    dtype: DType,
    mapping: Vec<(Tensor<2>, Tensor<2>)>,
    constant: Option<Tensor<4>>,
    layers: Vec<Layer>,
    /// [1, 3, 3, 1] / 4 along both axes, [1, 1, 4, 4]
    filter: Tensor<4>,
    clamp: f64,
    w: Option<Tensor<2>>,
}

impl Burn {
    fn open(precision: Precision) -> Result<Burn> {
        let (device, setup) = Device::wgpu_options().init_with_setup().map_err(|error| anyhow!("{error:?}"))?;
        let info = setup.adapter.get_info();
        let dtype = if precision == Precision::F16 { DType::F16 } else { DType::F32 };
        ensure!(device.supports_dtype(dtype), "burn has no {dtype:?} on {}", info.name);
        let taps = [0.25f32, 0.75, 0.75, 0.25];
        let filter: Vec<f32> = taps.iter().flat_map(|row| taps.map(|column| row * column)).collect();
        let filter = Tensor::from_data(TensorData::new(filter, [1, 1, 4, 4]), (&device, DType::F32));
        let facts = json!({ "engine": "burn (wgpu)", "version": "0.23.0-pre.1", "device": {
            "name": info.name,
            "backend": format!("{:?}", info.backend),
            "driver": format!("{} {}", info.driver, info.driver_info),
            "kind": format!("{:?}", info.device_type),
        } });
        Ok(Burn { device, facts, dtype, mapping: Vec::new(), constant: None, layers: Vec::new(), filter, clamp: 0.0, w: None })
    }

    /// A tensor of the file, times a gain, with as many axes before its own as it lacks.
    fn upload<const N: usize>(&self, network: &Network, name: &str, gain: f64) -> Result<Tensor<N>> {
        let (mut values, mut shape) = network.tensor(name)?;
        ensure!(shape.len() <= N, "{name} is of shape {shape:?}");
        values.iter_mut().for_each(|value| *value *= gain as f32);
        shape.splice(0..0, std::iter::repeat_n(1, N - shape.len()));
        Ok(Tensor::from_data(TensorData::new(values, shape), (&self.device, DType::F32)))
    }

    /// [1, 3, R, R] in f32
    fn image(&self) -> Result<Tensor<4>> {
        let w = self.w.as_ref().context("there are no latents")?;
        let mut x = self.constant.clone().context("there is no network")?.cast(self.dtype);
        let mut img: Option<Tensor<4>> = None;
        for layer in &self.layers {
            let weight = modulate(w, layer).cast(self.dtype);
            match layer.kind {
                Kind::Rgb => {
                    let rgb = conv2d(x.clone(), weight, None, ConvOptions::new([1; 2], [0; 2], [1; 2], 1)).cast(DType::F32);
                    let rgb = (rgb + layer.bias.clone()).clamp(-self.clamp, self.clamp);
                    img = Some(if let Some(img) = img { self.upsample2d(img) + rgb } else { rgb });
                    continue;
                }
                Kind::Same => x = conv2d(x, weight, None, ConvOptions::new([1; 2], [1; 2], [1; 2], 1)),
                Kind::Up => {
                    x = self.low_pass(conv_transpose2d(x, weight, None, ConvTransposeOptions::new([2; 2], [0; 2], [0; 2], [1; 2], 1)))
                }
            }
            if let Some(noise) = &layer.noise {
                x = x + noise.clone().cast(self.dtype) + layer.bias.clone().cast(self.dtype);
            }
            x = leaky_relu(x, 0.2).clamp(-self.clamp, self.clamp);
        }
        img.context("the network has no layers")
    }

    /// [1, C, 2 H + 1, 2 W + 1] -> [1, C, 2 H, 2 W]
    fn low_pass(&self, x: Tensor<4>) -> Tensor<4> {
        let count = x.dims()[1];
        let filter = self.filter.clone().cast(self.dtype).expand([count, 1, 4, 4]);
        conv2d(x, filter, None, ConvOptions::new([1; 2], [1; 2], [1; 2], count))
    }

    /// upfirdn2d of the picture: zeros in between, and the filter.
    fn upsample2d(&self, img: Tensor<4>) -> Tensor<4> {
        let filter = self.filter.clone().expand([3, 1, 4, 4]);
        conv_transpose2d(img, filter, None, ConvTransposeOptions::new([2; 2], [1; 2], [0; 2], [1; 2], 3))
    }

    fn wait(&self) -> Result<()> {
        self.device.sync().map_err(|error| anyhow!("{error:?}"))
    }
}

/// A layer's weights with the style of w, demodulated unless they are torgb's.
fn modulate(w: &Tensor<2>, layer: &Layer) -> Tensor<4> {
    let style = w.clone().matmul(layer.affine.clone()) + layer.affine_bias.clone();
    let [inputs, outputs] = layer.energy.dims();
    let up = layer.kind == Kind::Up;
    let weight = layer.weight.clone() * style.clone().reshape(if up { [inputs, 1, 1, 1] } else { [1, inputs, 1, 1] });
    if layer.kind == Kind::Rgb {
        return weight;
    }
    let demodulation = (style.square().matmul(layer.energy.clone()) + 1e-8).sqrt().recip();
    weight * demodulation.reshape(if up { [1, outputs, 1, 1] } else { [outputs, 1, 1, 1] })
}

impl Peer for Burn {
    type Image = Tensor<2, Int>;

    fn load(&mut self, network: &Network) -> Result<()> {
        self.clamp = network.conv_clamp;
        self.constant = Some(self.upload(network, "synthesis.b4.const", 1.0)?);
        for i in 0..network.num_layers {
            let weight: Tensor<2> = self.upload(network, &format!("mapping.fc{i}.weight"), network.lr_multiplier)?.transpose();
            let gain = 1.0 / (weight.dims()[0] as f64).sqrt();
            self.mapping.push((weight * gain, self.upload(network, &format!("mapping.fc{i}.bias"), network.lr_multiplier)?));
        }
        for (name, kind) in network.layers() {
            let part = |part: &str| format!("{name}.{part}");
            let weight: Tensor<4> = self.upload(network, &part("weight"), 1.0)?;
            let energy = weight.clone().square().sum_dims_squeeze::<2, _>(&[2, 3]).transpose();
            let [inputs, outputs] = energy.dims();
            let rgb = kind == Kind::Rgb;
            let gain = if rgb { 1.0 } else { 2f64.sqrt() };
            let style_gain = if rgb { 1.0 / (inputs as f64).sqrt() } else { 1.0 };
            let weight = if kind == Kind::Up { weight.swap_dims(0, 1) } else { weight } * gain;
            let noise = if rgb {
                None
            } else {
                let strength = *network.tensor(&part("noise_strength"))?.0.first().context("noise_strength is empty")?;
                Some(self.upload(network, &part("noise_const"), f64::from(strength) * gain)?)
            };
            let affine: Tensor<2> = self.upload(network, &part("affine.weight"), style_gain / (network.w_dim as f64).sqrt())?;
            let affine_bias = self.upload(network, &part("affine.bias"), style_gain)?;
            let bias = self.upload::<1>(network, &part("bias"), gain)?.reshape([1, outputs, 1, 1]);
            self.layers.push(Layer { kind, affine: affine.transpose(), affine_bias, weight, energy, bias, noise });
        }
        self.wait()
    }

    fn mapping(&mut self, z: &[f32]) -> Result<()> {
        let z: Tensor<2> = Tensor::from_data(TensorData::new(z.to_vec(), [1, z.len()]), (&self.device, DType::F32));
        let mut x = z.clone() / (z.square().mean_dim(1) + 1e-8).sqrt();
        for (weight, bias) in &self.mapping {
            x = leaky_relu(x.matmul(weight.clone()) + bias.clone(), 0.2) * 2f64.sqrt();
        }
        self.w = Some(x);
        Ok(())
    }

    fn synthesis(&self) -> Result<Self::Image> {
        let img = (self.image()? * 127.5 + 128.0).clamp(0.0, 255.0).int();
        let [_, _, height, width] = img.dims();
        let plane = |i: usize| img.clone().slice([0..1, i..i + 1]).reshape([height, width]);
        // Alpha is 255, as the uppermost byte of a signed word.
        let pixels = plane(0) + plane(1) * 0x100 + plane(2) * 0x1_0000 - 0x100_0000;
        self.wait()?;
        Ok(pixels)
    }

    fn pixels(&self, image: Self::Image) -> Result<Vec<u8>> {
        Ok(image.try_into_data().map_err(|error| anyhow!("{error:?}"))?.as_bytes().to_vec())
    }

    fn planes(&self) -> Result<Vec<f32>> {
        let planes = self.image()?.try_into_data().map_err(|error| anyhow!("{error:?}"))?;
        planes.try_to_vec().map_err(|error| anyhow!("{error:?}"))
    }

    fn facts(&self) -> Value {
        self.facts.clone()
    }
}

fn main() -> Result<()> {
    peer::run(Burn::open)
}

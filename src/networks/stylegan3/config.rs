//! Configuration and tensors. The geometry of every layer is stated, not derived: files of one family differ in it.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::kernels::filtered_lrelu::{DOWN, DOWN_TAPS, UP_TAPS, output_size};
use crate::model::TensorSpec;
use crate::networks::{MOST_PIXELS, within};

/// Sizes and options; names as in NVIDIA's stylegan3, sizes as `[height, width]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Length of a latent z.
    pub z_dim: usize,
    /// Number of classes; 0 when unconditional.
    #[serde(default)]
    pub c_dim: usize,
    /// Length of an intermediate latent w.
    pub w_dim: usize,
    /// Number of fully connected layers of the mapping network.
    pub num_layers: usize,
    /// Learning-rate multiplier of the mapping layers, folded into their weights at run time.
    pub lr_multiplier: f32,
    /// StyleGAN-XL's embedding of classes; a linear map of the one-hot class when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class_embedding: Option<ClassEmbedding>,
    /// The Fourier features.
    pub input: Input,
    /// Between the features and the last layer, in order.
    pub layers: Vec<Layer>,
    /// The last layer, which makes an image of features.
    pub torgb: ToRgb,
    /// Factor of the image.
    pub output_scale: f32,
}

/// StyleGAN-XL: a table of embeddings, a fully connected layer with leaky ReLU to z_dim, and an average w for each class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassEmbedding {
    /// Length of a row of the table.
    pub features: usize,
}

/// The Fourier features and the 1x1 convolution of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Number of features, and of channels.
    pub channels: usize,
    /// Height and width in pixels, with the margin.
    pub size: [usize; 2],
    /// Pixels per unit; a unit is the side of a square picture.
    pub sampling_rate: f32,
    /// Cycles per unit up to which a feature has its full amplitude.
    pub bandwidth: f32,
}

/// A modulated convolution and the filtered leaky ReLU after it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// As `L0_36_512`.
    pub name: String,
    /// Channels of its input.
    pub in_channels: usize,
    /// Channels of its output.
    pub out_channels: usize,
    /// Side of the convolution's kernel: 3 (config T) or 1 (config R).
    pub conv_kernel: usize,
    /// Height and width of its input.
    pub in_size: [usize; 2],
    /// Height and width of its output.
    pub out_size: [usize; 2],
    /// Up-sampling before the activation: 1, 2 or 4.
    pub up_factor: usize,
    /// Taps of the filter `up_filter`; 1 is none.
    pub up_taps: usize,
    /// Taps of the filter `down_filter`, before the down-sampling by two; on each side, when it is radial.
    pub down_taps: usize,
    /// Whether that filter has two dimensions (config R).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub down_radial: bool,
    /// Zeros around the up-sampled signal `[x0, x1, y0, y1]`; negative ones crop it.
    pub padding: [isize; 4],
    /// Clamp after the activation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conv_clamp: Option<f32>,
    /// Whether `--precision f16` stores its input and weights as such.
    pub use_fp16: bool,
}

/// The last layer: a modulated 1x1 convolution without demodulation, bias, clamp.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToRgb {
    /// As `L14_1024_3`.
    pub name: String,
    /// Channels of the image, 1 to 4.
    pub img_channels: usize,
    /// Clamp of the image, before its scale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conv_clamp: Option<f32>,
    /// Whether `--precision f16` stores its input as such.
    pub use_fp16: bool,
}

impl Config {
    /// Number of rows of ws: the input's, one for each layer, the last one's.
    pub fn num_ws(&self) -> usize {
        self.layers.len() + 2
    }

    /// Height and width of the image.
    pub fn image_size(&self) -> (usize, usize) {
        let [height, width] = self.layers.last().map_or(self.input.size, |layer| layer.out_size);
        (height, width)
    }

    /// Channels of the last layer's input.
    pub fn torgb_channels(&self) -> usize {
        self.layers.last().map_or(self.input.channels, |layer| layer.out_channels)
    }

    /// Samples along a unit where the layer that reads row `slot` of ws puts out its signal.
    pub fn sampling_rate(&self, slot: usize) -> usize {
        let ratio = |layer: &Layer| layer.up_factor as f32 / DOWN as f32;
        let grown: f32 = self.layers.iter().take(slot).map(ratio).product();
        (self.input.sampling_rate * grown).round() as usize
    }

    /// Width of the class embedding that is concatenated to z.
    fn embed_features(&self) -> usize {
        match self.class_embedding {
            _ if self.c_dim == 0 => 0,
            Some(_) => self.z_dim,
            None => self.w_dim,
        }
    }

    /// Refuses what no network can have. Bounds keep the manifest's sizes far from overflow.
    pub fn validate(&self) -> Result<()> {
        within("z_dim", self.z_dim, 1, 8192)?;
        within("c_dim", self.c_dim, 0, 1 << 20)?;
        within("w_dim", self.w_dim, 1, 8192)?;
        within("num_layers", self.num_layers, 1, 64)?;
        within("lr_multiplier", self.lr_multiplier, 1e-6, 1e6)?;
        within("output_scale", self.output_scale, 1e-6, 1e6)?;
        if let Some(ClassEmbedding { features }) = self.class_embedding {
            within("features of class_embedding", features, 1, 8192)?;
            within("c_dim of a network with class_embedding", self.c_dim, 1, 1 << 20)?;
        }
        let Input { channels, size, sampling_rate, bandwidth } = &self.input;
        within("channels of the input", *channels, 1, 4096)?;
        size.iter().try_for_each(|&side| within("a side of the input", side, 1, MOST_PIXELS))?;
        within("sampling_rate of the input", *sampling_rate, 1e-3, 1e6)?;
        // The amplitude falls from the one to the other.
        within("bandwidth of the input", *bandwidth, 0.0, sampling_rate * 0.499)?;
        within("number of layers", self.layers.len(), 1, 64)?;
        let mut before = (*channels, *size);
        for layer in &self.layers {
            layer.validate(before)?;
            before = (layer.out_channels, layer.out_size);
        }
        for (i, name) in self.names().enumerate() {
            let plain = name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
            if name.is_empty() || name.len() > 64 || !plain || name == "input" || self.names().take(i).any(|other| other == name) {
                return Err(Error::Config(format!("{name:?} is no name of a layer, or another one's too; L0_36_512 is one")));
            }
        }
        within("img_channels", self.torgb.img_channels, 1, 4)?;
        within("conv_clamp", self.torgb.conv_clamp.unwrap_or(1.0), 1e-6, 1e9)
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.layers.iter().map(|layer| layer.name.as_str()).chain([self.torgb.name.as_str()])
    }

    /// Every tensor, in the order of the forward pass.
    pub fn manifest(&self) -> Vec<TensorSpec> {
        let mut specs = Vec::new();
        let mut add = |name: String, shape: &[usize]| specs.push(TensorSpec { name, shape: shape.to_vec() });
        match self.class_embedding {
            _ if self.c_dim == 0 => {}
            Some(ClassEmbedding { features }) => {
                add("mapping.embed.weight".into(), &[self.c_dim, features]);
                add("mapping.embed_proj.weight".into(), &[self.z_dim, features]);
                add("mapping.embed_proj.bias".into(), &[self.z_dim]);
            }
            None => {
                add("mapping.embed.weight".into(), &[self.w_dim, self.c_dim]);
                add("mapping.embed.bias".into(), &[self.w_dim]);
            }
        }
        for i in 0..self.num_layers {
            let inputs = if i == 0 { self.z_dim + self.embed_features() } else { self.w_dim };
            add(format!("mapping.fc{i}.weight"), &[self.w_dim, inputs]);
            add(format!("mapping.fc{i}.bias"), &[self.w_dim]);
        }
        match self.class_embedding {
            Some(_) => add("mapping.w_avg".into(), &[self.c_dim, self.w_dim]),
            None => add("mapping.w_avg".into(), &[self.w_dim]),
        }
        let channels = self.input.channels;
        add("synthesis.input.affine.weight".into(), &[4, self.w_dim]);
        add("synthesis.input.affine.bias".into(), &[4]);
        add("synthesis.input.freqs".into(), &[channels, 2]);
        add("synthesis.input.phases".into(), &[channels]);
        add("synthesis.input.transform".into(), &[3, 3]);
        add("synthesis.input.weight".into(), &[channels, channels]);
        let mut layer = |name: &str, inputs: usize, outputs: usize, kernel: usize| {
            add(format!("synthesis.{name}.affine.weight"), &[inputs, self.w_dim]);
            add(format!("synthesis.{name}.affine.bias"), &[inputs]);
            add(format!("synthesis.{name}.magnitude_ema"), &[]);
            add(format!("synthesis.{name}.weight"), &[outputs, inputs, kernel, kernel]);
            add(format!("synthesis.{name}.bias"), &[outputs]);
        };
        for own in &self.layers {
            layer(&own.name, own.in_channels, own.out_channels, own.conv_kernel);
        }
        layer(&self.torgb.name, self.torgb_channels(), self.torgb.img_channels, 1);
        for own in &self.layers {
            if own.up_taps > 1 {
                add(format!("synthesis.{}.up_filter", own.name), &[own.up_taps]);
            }
            match own.down_radial {
                true => add(format!("synthesis.{}.down_filter", own.name), &[own.down_taps, own.down_taps]),
                false if own.down_taps > 1 => add(format!("synthesis.{}.down_filter", own.name), &[own.down_taps]),
                false => {}
            }
        }
        specs
    }
}

impl Layer {
    /// Refuses sizes that do not follow from each other, and what the kernels do not do.
    fn validate(&self, (channels, size): (usize, [usize; 2])) -> Result<()> {
        let name = &self.name;
        let fail = |text: String| Err(Error::Config(format!("layer {}: {text}", crate::text::line(name, 64))));
        if (self.in_channels, self.in_size) != (channels, size) {
            return fail(format!("its input is {} x {:?}, and {channels} x {size:?} come to it", self.in_channels, self.in_size));
        }
        within("out_channels", self.out_channels, 1, 4096)?;
        if ![1, 3].contains(&self.conv_kernel) {
            return fail(format!("a convolution of {0}x{0}; 1x1 and 3x3 are supported", self.conv_kernel));
        }
        if ![1, 2, 4].contains(&self.up_factor) {
            return fail(format!("up-sampling by {}; 1, 2 and 4 are supported", self.up_factor));
        }
        within("up_taps", self.up_taps, 1, UP_TAPS * self.up_factor)?;
        within("down_taps", self.down_taps, 1, DOWN_TAPS)?;
        self.padding.iter().try_for_each(|&side| within("a side of padding", side, -4096, 4096))?;
        within("conv_clamp", self.conv_clamp.unwrap_or(1.0), 1e-6, 1e9)?;
        let [x0, x1, y0, y1] = self.padding;
        for (axis, padding) in [(0, [y0, y1]), (1, [x0, x1])] {
            let grown = self.in_size[axis] + self.conv_kernel - 1;
            within("a side of out_size", self.out_size[axis], 1, MOST_PIXELS)?;
            let follows = output_size(grown, self.up_factor, padding, self.up_taps, self.down_taps, DOWN);
            if follows != Some(self.out_size[axis]) {
                let follows = follows.map_or("nothing".into(), |size| size.to_string());
                return fail(format!("out_size {:?} where its input, padding and filters give {follows}", self.out_size));
            }
        }
        Ok(())
    }
}

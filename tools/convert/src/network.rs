//! What the converters share: tensors of a file fitted to a network's manifest, and sizes read from shapes.

use std::collections::BTreeMap;

use stylegan_wgpu::internals::model::TensorSpec;
use stylegan_wgpu::internals::networks::stylegan2::{self, Activation};
use stylegan_wgpu::{Array, Config};

use super::average_w::{Dense, average_w};
use super::course::Course;
use super::error::{ConvertError, Result};
use super::torch::Tensor;

/// A converted network, before the engine has checked it.
#[derive(Debug)]
pub(crate) struct Converted {
    pub(crate) config: Config,
    pub(crate) arrays: BTreeMap<String, Array>,
    /// The code base the file came from, as `stylegan2-ada-pytorch`.
    pub(crate) format: &'static str,
    /// The file's own configuration, in its own words.
    pub(crate) source_config: String,
}

/// Takes each tensor of the manifest from `read` (file name of the tensor, values).
pub(crate) fn gather(
    config: Config,
    format: &'static str,
    source_config: String,
    mut read: impl FnMut(&TensorSpec) -> Result<(String, Tensor)>,
    course: &mut Course<'_>,
) -> Result<Converted> {
    config.validate()?;
    let manifest = config.manifest();
    let mut arrays = BTreeMap::new();
    for (done, spec) in manifest.iter().enumerate() {
        course.tell(done as f32 / manifest.len() as f32);
        let (name, tensor) = read(spec)?;
        arrays.insert(spec.name.clone(), fit(&name, &tensor, spec)?);
    }
    course.tell(1.0);
    Ok(Converted { config, arrays, format, source_config })
}

/// `tensor` in the shape of `spec`; sides of 1 may come and go ([1, 3, 1, 1] is a bias of 3), nothing else may. Maps end in their
/// height and width: 5 x 1 is not 1 x 5.
pub(crate) fn fit(name: &str, tensor: &Tensor, spec: &TensorSpec) -> Result<Array> {
    let sides = |shape: &[usize]| shape.iter().copied().filter(|&side| side != 1).collect::<Vec<_>>();
    let is_map = spec.name.ends_with(".noise_const") || spec.name.ends_with(".const");
    if spec.name.ends_with(".noise_const") && !tensor.shape.ends_with(&spec.shape) {
        let needed = format!("{:?} ({}; noise maps grow from the size of the constant)", spec.shape, spec.name);
        return Err(ConvertError::tensor(name, needed, format!("{:?}", tensor.shape)));
    }
    if sides(&tensor.shape) != sides(&spec.shape) || (is_map && !tensor.shape.ends_with(&spec.shape)) {
        return Err(ConvertError::tensor(name, format!("{:?} ({})", spec.shape, spec.name), format!("{:?}", tensor.shape)));
    }
    Ok(Array::from_f32(&spec.shape, &tensor.values))
}

/// Height and width of a constant `[C, h, w]` or `[1, C, h, w]`: they decide the sizes of all maps and of the picture.
pub(crate) fn const_size(name: &str, shape: Option<Vec<usize>>) -> Result<[usize; 2]> {
    match shape.as_deref() {
        Some(&[_, height, width] | &[1, _, height, width]) => Ok([height, width]),
        found => {
            let found = found.map_or("nothing".into(), |shape| format!("{shape:?}"));
            Err(ConvertError::tensor(name, "a constant [C, h, w]", found))
        }
    }
}

/// A first mapping layer that is wider than w, in a file without an embedding of labels: a conditional network was exported without
/// it, and would draw noise.
pub(crate) fn refuse_lost_labels(name: &str, inputs: usize, w_dim: usize) -> Result<()> {
    if inputs <= w_dim {
        return Ok(());
    }
    Err(ConvertError::unsupported(format!(
        "{name} takes {inputs} inputs and w has {w_dim}: this is a conditional network whose label embedding is not in the file; convert the \
         checkpoint it was exported from"
    )))
}

/// How many channels the blocks have.
#[derive(Debug, PartialEq)]
pub(crate) enum Channels {
    /// min(base / R, max) at resolution R.
    Rule { base: usize, max: usize },
    /// These, at 4, 8, ...
    List(Vec<usize>),
}

impl Channels {
    /// From the (resolution, channels) of all blocks: by the rule the file states, when they follow it, else by one that fits.
    pub(crate) fn of(found: &[(usize, usize)], stated: Option<(usize, usize)>) -> Channels {
        let rules = stated.into_iter().chain([fitting_rule(found)]);
        let mut followed =
            rules.filter(|&(base, max)| found.iter().all(|&(resolution, channels)| (base / resolution).min(max) == channels));
        match followed.next() {
            Some((base, max)) => Channels::Rule { base, max },
            None => Channels::List(found.iter().map(|&(_, channels)| channels).collect()),
        }
    }

    /// (channel_base, channel_max, channels) of a StyleGAN2's configuration.
    pub(crate) fn fields(self) -> (usize, usize, Option<Vec<usize>>) {
        match self {
            Channels::Rule { base, max } => (base, max, None),
            // The defaults, which are unused.
            Channels::List(channels) => (32768, 512, Some(channels)),
        }
    }

    /// (channel_base, channel_max) of a network that has nothing else.
    pub(crate) fn rule(self) -> Result<(usize, usize)> {
        match self {
            Channels::Rule { base, max } => Ok((base, max)),
            Channels::List(channels) => Err(ConvertError::unsupported(format!(
                "this network has {channels:?} channels at 4, 8, ...; a StyleGAN must have min(channel_base / resolution, channel_max)"
            ))),
        }
    }
}

/// How many parts a network has of those that are called by a prefix and a number (`style.1.weight`), by the largest number below `most`: one
/// that is missing is a fault, not the end.
pub(crate) fn count<S: AsRef<str>>(names: impl Iterator<Item = S>, prefix: &str, most: usize) -> usize {
    let number = |name: S| name.as_ref().strip_prefix(prefix)?.split(['.', '/']).next()?.parse::<usize>().ok();
    names.filter_map(number).filter(|&number| number < most).max().map_or(0, |number| number + 1)
}

/// The rule that gives so many channels, if any does.
fn fitting_rule(channels: &[(usize, usize)]) -> (usize, usize) {
    let max = channels.iter().map(|&(_, channels)| channels).max().unwrap_or(0);
    // The least base that gives so many; a larger one can only give more.
    let base = channels.iter().map(|&(resolution, channels)| resolution.saturating_mul(channels)).max().unwrap_or(0);
    (base, max)
}

/// The one-dimensional filter whose outer product a buffer holds: a 2-D kernel, or the 1-D one of a separable filter.
/// In the customary integers when it is [1, 3, 3, 1]; normalised to sum 1 otherwise.
pub(crate) fn filter_taps(name: &str, kernel: &Tensor) -> Result<Vec<f32>> {
    let needed = "a separable low-pass filter of 1 to 8 taps";
    let wrong = |found: &str| ConvertError::tensor(name, needed, format!("{found} of shape {:?}", kernel.shape));
    let taps: Vec<f64> = match *kernel.shape {
        [taps] if (1..=8).contains(&taps) => kernel.values.iter().map(|&value| value.into()).collect(),
        [rows, columns] if rows == columns && (1..=8).contains(&rows) => {
            kernel.values.chunks_exact(columns).map(|row| row.iter().map(|&value| f64::from(value)).sum()).collect()
        }
        _ => return Err(wrong("a filter")),
    };
    let sum: f64 = taps.iter().sum();
    if !sum.is_finite() || sum.abs() < 1e-12 {
        return Err(wrong("a filter without a sum"));
    }
    let taps: Vec<f64> = taps.iter().map(|tap| tap / sum).collect();
    if kernel.shape.len() == 2 {
        let total: f64 = kernel.values.iter().map(|&value| f64::from(value)).sum();
        let outer = taps.iter().flat_map(|y| taps.iter().map(move |x| x * y));
        if outer.zip(&kernel.values).any(|(product, &value)| (product - f64::from(value) / total).abs() > 1e-5) {
            return Err(wrong("a filter that is not separable"));
        }
    }
    for usual in [&[1.0, 3.0, 3.0, 1.0][..], &[1.0, 2.0, 1.0], &[1.0, 1.0], &[1.0]] {
        if same_filter(&taps, usual) {
            return Ok(usual.iter().map(|&tap| tap as f32).collect());
        }
    }
    Ok(taps.iter().map(|&tap| tap as f32).collect())
}

/// Whether two filters are the same once normalised.
pub(crate) fn same_filter(a: &[f64], b: &[f64]) -> bool {
    let (sum_a, sum_b) = (a.iter().sum::<f64>(), b.iter().sum::<f64>());
    a.len() == b.len() && a.iter().zip(b).all(|(x, y)| (x / sum_a - y / sum_b).abs() < 1e-5)
}

/// w_avg of a network whose file has none, the mean of w over 10,000 latents; `layer` reads weight and bias of mapping layer `i`.
pub(crate) fn mean_w(
    config: &stylegan2::Config,
    layer: impl Fn(usize) -> Result<(Tensor, Tensor)>,
    course: &mut Course<'_>,
) -> Result<Tensor> {
    // With classes there is no one average; of other activations no genuine file is known.
    if config.c_dim > 0 || config.mapping_activation != Activation::Lrelu {
        return Err(ConvertError::tensor("w_avg", "the average of w", "nothing"));
    }
    let mut layers = Vec::new();
    for (i, (inputs, outputs)) in config.mapping_features().into_iter().enumerate() {
        let (weight, bias) = layer(i)?;
        if weight.shape != [outputs, inputs] || bias.shape != [outputs] {
            let needed = format!("[{outputs}, {inputs}] and [{outputs}]");
            return Err(ConvertError::tensor(format!("mapping layer {i}"), needed, format!("{:?} and {:?}", weight.shape, bias.shape)));
        }
        let gain = config.lr_multiplier / (inputs as f32).sqrt();
        layers.push(Dense {
            inputs,
            weight: weight.values.iter().map(|value| value * gain).collect(),
            bias: bias.values.iter().map(|value| value * config.lr_multiplier).collect(),
        });
    }
    Ok(Tensor { shape: vec![config.w_dim], values: average_w(&layers, config.z_dim, course) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_not_turned() {
        let spec = |name: &str, shape: &[usize]| TensorSpec { name: name.into(), shape: shape.to_vec() };
        let map = |shape: &[usize]| Tensor { shape: shape.to_vec(), values: vec![0.0; shape.iter().product()] };
        let noise = spec("synthesis.b4.conv1.noise_const", &[5, 1]);
        assert!(fit("noise", &map(&[1, 1, 5, 1]), &noise).is_ok() && fit("noise", &map(&[5, 1]), &noise).is_ok());
        for wrong in [&[1, 1, 1, 5][..], &[1, 5], &[5], &[1, 1, 5, 5]] {
            let text = fit("noises.noise_0", &map(wrong), &noise).unwrap_err().to_string();
            assert!(text.contains("tensor noises.noise_0: needed [5, 1]") && text.contains("size of the constant"), "{text}");
        }
        let constant = spec("synthesis.b4.const", &[8, 1, 2]);
        assert!(fit("const", &map(&[1, 8, 1, 2]), &constant).is_ok() && fit("const", &map(&[8, 2, 1]), &constant).is_err());
        assert!(fit("bias", &map(&[1, 3, 1, 1]), &spec("synthesis.b4.torgb.bias", &[3])).is_ok());
        assert_eq!(const_size("const", Some(vec![1, 8, 4, 2])).unwrap(), [4, 2]);
        assert_eq!(const_size("const", Some(vec![8, 3, 5])).unwrap(), [3, 5]);
        for wrong in [None, Some(vec![8]), Some(vec![2, 8, 4, 4]), Some(vec![4, 4])] {
            assert!(const_size("const", wrong).is_err());
        }
    }

    #[test]
    fn channels_follow_a_rule_or_are_listed() {
        let blocks = |channels: &[usize]| -> Vec<_> { channels.iter().enumerate().map(|(i, &channels)| (4 << i, channels)).collect() };
        // The rule the file states wins over the least one that fits.
        assert_eq!(Channels::of(&blocks(&[8, 8]), Some((512, 8))), Channels::Rule { base: 512, max: 8 });
        assert_eq!(Channels::of(&blocks(&[8, 8, 4]), Some((512, 8))), Channels::Rule { base: 64, max: 8 });
        assert_eq!(Channels::of(&blocks(&[8, 3, 4]), Some((512, 8))), Channels::List(vec![8, 3, 4]));
        assert_eq!(Channels::of(&blocks(&[8, 8, 9]), None), Channels::List(vec![8, 8, 9]));
    }
}

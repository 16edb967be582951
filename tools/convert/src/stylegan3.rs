//! NVIDIA's StyleGAN3 pickles (T and R), and what shares their layers: StyleGAN-Human v3, StyleGAN-XL's stems and super-resolution
//! networks, stylegan3-fun. The geometry of every layer is what the file's layer says; none of it is computed from arguments. Three things
//! beside it are, where a file lacks them: which layers store f16 when it was trained with --fp32, by NVIDIA's rule; the lr_multiplier of a
//! mapping network that does not state it, NVIDIA's 0.01; and the average w.

use std::collections::BTreeSet;

use stylegan_wgpu::internals::model::TensorSpec;
use stylegan_wgpu::internals::networks::stylegan3::{ClassEmbedding, Config, Input, Layer, ToRgb};
use stylegan_wgpu::internals::networks::{self, stylegan2};
use stylegan_wgpu::internals::text;

use super::course::Course;
use super::error::{ConvertError, Result};
use super::find::{self, Place};
use super::nest::Nest;
use super::network::{Converted, count, gather, mean_w};
use super::numpy;
use super::nvlabs::{Generator, Untold};
use super::record::record;
use super::state_dict::extra;
use super::torch::Tensor;
use super::value::Id;

/// StyleGAN-XL's layer between the table of classes and z.
const EMBED_PROJ: &str = "mapping.embed_proj.weight";

/// Converts the generator whose tensors' names begin with the prefix of `place`.
pub(crate) fn convert(nest: &Nest<'_>, place: &Place, course: &mut Course<'_>) -> Result<Converted> {
    let checkpoint = nest.checkpoint;
    let generator = Generator::new(nest, &place.prefix, Untold::default());
    if generator.is_bare() {
        return Err(ConvertError::unsupported(
            "this is a state_dict of a StyleGAN3, which does not tell the sizes, paddings and filters of its layers; convert the .pkl that it \
             was made from",
        ));
    }
    let config = config(&generator)?;
    config.validate()?;
    let format = if config.class_embedding.is_some() { "stylegan-xl" } else { "stylegan3" };
    let source_config = record(&checkpoint.pickle, "init_kwargs", generator.kwargs, 4);
    let average = match generator.tensors.get("mapping.w_avg").copied().or_else(|| find::average(nest, &place.prefix).map(|(_, id)| id)) {
        Some(id) => checkpoint.numbers("mapping.w_avg", id)?,
        None => course.part(0.0, 0.9, |course| average(&generator, &config, course))?,
    };
    let average = match config.class_embedding {
        // One average for all classes.
        Some(_) if average.shape == [config.w_dim] => {
            checkpoint.pickle.budget.elements("mapping.w_avg", &[config.c_dim, config.w_dim])?;
            Tensor { shape: vec![config.c_dim, config.w_dim], values: average.values.repeat(config.c_dim) }
        }
        _ => average,
    };
    let config = networks::Config::StyleGan3(config);
    let known: BTreeSet<String> = config.manifest().into_iter().map(|spec| spec.name).collect();
    // Filters that StyleGAN-XL's training looks at its discriminators' inputs with.
    let is_training = |name: &str| matches!(name.rsplit('.').next(), Some("up_filter4" | "up_filter16"));
    if let Some(name) = generator.tensors.keys().find(|name| !known.contains(*name) && !is_training(name)) {
        return Err(extra(name, "a StyleGAN3 of its configuration"));
    }
    let read = |spec: &TensorSpec| match spec.name.as_str() {
        "mapping.w_avg" => Ok((spec.name.clone(), average.clone())),
        name => Ok((spec.name.clone(), generator.tensor(name)?)),
    };
    course.part(0.9, 1.0, |course| gather(config, format, source_config, read, course))
}

/// w_avg of a file that kept none.
fn average(generator: &Generator<'_>, config: &Config, course: &mut Course<'_>) -> Result<Tensor> {
    let mapping = stylegan2::Config {
        z_dim: config.z_dim,
        c_dim: config.c_dim,
        w_dim: config.w_dim,
        num_layers: config.num_layers,
        lr_multiplier: config.lr_multiplier,
        ..stylegan2::Config::config_f()
    };
    let layer = |i: usize| Ok((generator.tensor(&format!("mapping.fc{i}.weight"))?, generator.tensor(&format!("mapping.fc{i}.bias"))?));
    mean_w(&mapping, layer, course)
}

fn config(generator: &Generator<'_>) -> Result<Config> {
    // As many as the module says, or as there are: one that is missing is told, one too many refused.
    let num_layers = match generator.attribute("mapping", "num_layers") {
        Some(_) => Part { generator, path: "mapping" }.index("num_layers")?,
        None => count(generator.tensors.keys(), "mapping.fc", 64),
    };
    let [w_dim, inputs] = generator.shape("mapping.fc0.weight")?;
    let (class_embedding, c_dim, embed) = match () {
        () if generator.tensors.contains_key(EMBED_PROJ) => {
            let ([classes, features], [outputs, _]) = (generator.shape("mapping.embed.weight")?, generator.shape(EMBED_PROJ)?);
            (Some(ClassEmbedding { features }), classes, outputs)
        }
        () if generator.tensors.contains_key("mapping.embed.weight") => {
            let [features, classes] = generator.shape("mapping.embed.weight")?;
            (None, classes, features)
        }
        () => (None, 0, 0),
    };
    let lr_multiplier = match generator.attribute("mapping.fc0", "bias_gain") {
        Some(id) => generator.number("lr_multiplier", id)?,
        None => 0.01,
    };
    let [channels, _] = generator.shape("synthesis.input.freqs")?;
    let input = Part { generator, path: "synthesis.input" };
    let input =
        Input { channels, size: input.size("size")?, sampling_rate: input.number("sampling_rate")?, bandwidth: input.number("bandwidth")? };
    let names = layer_names(generator)?;
    let Some((last, names)) = names.split_last() else {
        return Err(ConvertError::malformed("synthesis.layer_names is empty"));
    };
    let mut layers = names.iter().map(|name| layer(generator, name)).collect::<Result<Vec<_>>>()?;
    let mut torgb = torgb(generator, last, layers.last().map_or(input.size, |layer| layer.out_size))?;
    if !torgb.use_fp16 && layers.iter().all(|layer| !layer.use_fp16) {
        // Trained with --fp32: where f16 is asked for, it is stored where NVIDIA's rule would have.
        let rates = rates(generator, names)?;
        for (layer, half) in layers.iter_mut().zip(rates) {
            layer.use_fp16 = half;
        }
        torgb.use_fp16 = true;
    }
    let synthesis = Part { generator, path: "synthesis" };
    Ok(Config {
        z_dim: inputs.saturating_sub(embed),
        c_dim,
        w_dim,
        num_layers,
        lr_multiplier,
        class_embedding,
        input,
        layers,
        torgb,
        output_scale: synthesis.number("output_scale")?,
    })
}

fn layer_names(generator: &Generator<'_>) -> Result<Vec<String>> {
    let pickle = &generator.checkpoint.pickle;
    let found = generator.attribute("synthesis", "layer_names");
    let names = found.and_then(|id| pickle.items(id)).map(|items| items.iter().map(|&name| pickle.name(name)).collect::<Option<Vec<_>>>());
    match names {
        Some(Some(names)) if names.len() <= 65 => Ok(names.into_iter().map(|name| name.into_owned()).collect()),
        _ => {
            let found = found.map_or("nothing".into(), |id| pickle.describe(id));
            Err(ConvertError::malformed(format!("synthesis.layer_names is {found}, not a list of up to 65 names")))
        }
    }
}

/// NVIDIA's rule of what is stored in f16: of the four highest octaves of sampling rates.
fn rates(generator: &Generator<'_>, names: &[String]) -> Result<Vec<bool>> {
    let resolution = Part { generator, path: "synthesis" }.number("img_resolution")?;
    let half = |name: &String| {
        let path = format!("synthesis.{name}");
        Ok(Part { generator, path: &path }.number("out_sampling_rate")? * 16.0 > resolution)
    };
    names.iter().map(half).collect()
}

fn layer(generator: &Generator<'_>, name: &str) -> Result<Layer> {
    let path = format!("synthesis.{name}");
    let part = Part { generator, path: &path };
    let [out_channels, in_channels, conv_kernel, _] = generator.shape(&format!("{path}.weight"))?;
    if part.flag("is_torgb")? {
        return Err(ConvertError::unsupported(format!("layer {} makes an image before the last layer", text::line(name, 64))));
    }
    if part.index("down_factor")? != 2 {
        return Err(part.unsupported("down_factor", "2"));
    }
    let (up_filter, down_filter) = (part.filter("up_filter", "up_taps")?, part.filter("down_filter", "down_taps")?);
    if up_filter.len() > 1 {
        return Err(ConvertError::tensor(format!("{path}.up_filter"), "a filter of one dimension", format!("{up_filter:?}")));
    }
    Ok(Layer {
        name: name.to_owned(),
        in_channels,
        out_channels,
        conv_kernel,
        in_size: part.size("in_size")?,
        out_size: part.size("out_size")?,
        up_factor: part.index("up_factor")?,
        up_taps: up_filter.first().copied().unwrap_or(1),
        down_taps: down_filter.first().copied().unwrap_or(1),
        down_radial: down_filter.len() == 2,
        padding: part.padding()?,
        conv_clamp: part.clamp()?,
        use_fp16: part.flag("use_fp16")?,
    })
}

/// The last layer, which has a 1x1 kernel and no filters.
fn torgb(generator: &Generator<'_>, name: &str, size: [usize; 2]) -> Result<ToRgb> {
    let path = format!("synthesis.{name}");
    let part = Part { generator, path: &path };
    let [img_channels, _, kernel, _] = generator.shape(&format!("{path}.weight"))?;
    let plain = part.flag("is_torgb")? && kernel == 1 && part.index("up_factor")? == 1 && part.index("down_factor")? == 1;
    let filtered = !part.filter("up_filter", "up_taps")?.is_empty() || !part.filter("down_filter", "down_taps")?.is_empty();
    if !plain || filtered || part.padding()? != [0; 4] || part.size("in_size")? != size || part.size("out_size")? != size {
        return Err(ConvertError::unsupported(format!(
            "the last layer {} is not a plain 1x1 convolution to the image ({kernel}x{kernel}, filters or other sizes)",
            text::line(name, 64)
        )));
    }
    Ok(ToRgb { name: name.to_owned(), img_channels, conv_clamp: part.clamp()?, use_fp16: part.flag("use_fp16")? })
}

/// A module of the generator, whose attributes are read.
struct Part<'g> {
    generator: &'g Generator<'g>,
    path: &'g str,
}

impl Part<'_> {
    fn id(&self, key: &str) -> Result<Id> {
        let found = self.generator.attribute(self.path, key);
        found.ok_or_else(|| ConvertError::malformed(format!("{} has no {key}", text::line(self.path, 100))))
    }

    fn wrong(&self, key: &str, id: Id, needed: &str) -> ConvertError {
        let found = self.generator.checkpoint.pickle.describe(id);
        ConvertError::malformed(format!("{}.{key} is {found}, not {needed}", text::line(self.path, 100)))
    }

    fn unsupported(&self, key: &str, needed: &str) -> ConvertError {
        ConvertError::unsupported(format!("{}.{key} is not {needed}, which is all that is supported", text::line(self.path, 100)))
    }

    fn number(&self, key: &str) -> Result<f32> {
        let id = self.id(key)?;
        let value = numpy::number(&self.generator.checkpoint.pickle, id);
        value.map(|value| value as f32).ok_or_else(|| self.wrong(key, id, "a number"))
    }

    fn index(&self, key: &str) -> Result<usize> {
        let id = self.id(key)?;
        numpy::index(&self.generator.checkpoint.pickle, id).ok_or_else(|| self.wrong(key, id, "a whole number"))
    }

    fn flag(&self, key: &str) -> Result<bool> {
        let id = self.id(key)?;
        match numpy::number(&self.generator.checkpoint.pickle, id) {
            Some(0.0) => Ok(false),
            Some(1.0) => Ok(true),
            _ => Err(self.wrong(key, id, "True or False")),
        }
    }

    /// Whole numbers in an array, a tuple or a list of them.
    fn whole<const COUNT: usize>(&self, key: &str) -> Result<[isize; COUNT]> {
        let (id, checkpoint) = (self.id(key)?, self.generator.checkpoint);
        let shape = numpy::shape(&checkpoint.pickle, id).or_else(|| Some(vec![checkpoint.pickle.items(id)?.len()]));
        // Looked at before anything is copied.
        let values = shape.filter(|shape| *shape == [COUNT]).and_then(|_| checkpoint.numbers(key, id).ok()).map(|tensor| tensor.values);
        let is_whole = |value: &f32| value.fract() == 0.0 && value.abs() < 1e6;
        match values {
            Some(values) if values.len() == COUNT && values.iter().all(is_whole) => Ok(std::array::from_fn(|i| values[i] as isize)),
            _ => Err(self.wrong(key, id, &format!("{COUNT} whole numbers"))),
        }
    }

    /// Width and height, as NVIDIA has them; one number for both.
    fn size(&self, key: &str) -> Result<[usize; 2]> {
        if let Some(side) = numpy::index(&self.generator.checkpoint.pickle, self.id(key)?) {
            return Ok([side; 2]);
        }
        let [width, height] = self.whole(key)?;
        match (usize::try_from(height), usize::try_from(width)) {
            (Ok(height), Ok(width)) => Ok([height, width]),
            _ => Err(self.wrong(key, self.id(key)?, "a width and a height")),
        }
    }

    /// `[x0, x1, y0, y1]`
    fn padding(&self) -> Result<[isize; 4]> {
        self.whole("padding")
    }

    /// None with --fp32.
    fn clamp(&self) -> Result<Option<f32>> {
        match self.generator.checkpoint.pickle.is_none(self.id("conv_clamp")?) {
            true => Ok(None),
            false => self.number("conv_clamp").map(Some),
        }
    }

    /// The shape of a filter: taps, or taps on both sides; none where the layer has none. The layer says how many `taps` it was made with.
    fn filter(&self, key: &str, taps: &str) -> Result<Vec<usize>> {
        let name = format!("{}.{key}", self.path);
        let taps = self.index(taps)?;
        let checkpoint = self.generator.checkpoint;
        let id = self.generator.tensors.get(&name).copied();
        match (id, id.and_then(|id| checkpoint.shape(id)).as_deref()) {
            (None, _) if taps <= 1 => Ok(Vec::new()),
            (_, Some(&[side])) if side == taps && taps > 0 => Ok(vec![side]),
            (_, Some(&[rows, columns])) if rows == taps && columns == taps && taps > 0 => Ok(vec![rows, columns]),
            _ => {
                let found = id.map_or("nothing".into(), |id| checkpoint.describe(id));
                Err(ConvertError::tensor(name, format!("a filter of {taps} taps, or as many on both sides"), found))
            }
        }
    }
}

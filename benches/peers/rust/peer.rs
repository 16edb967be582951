//! What the peers in Rust share: their command line, our file format, and the talk with rust_config_f.py, which measures and reports.
//!
//! Standard input gives a line with the latents z, which is answered by a line of JSON about the start, and an empty line for every
//! further picture, which is answered by its times.

use std::io::{BufRead, Write, stdin, stdout};
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use safetensors::{Dtype, SafeTensors};
use serde_json::{Value, json};

/// The framework's part.
pub trait Peer {
    /// A picture of 8-bit pixels, where it was computed.
    type Image;
    /// Uploads the tensors.
    fn load(&mut self, network: &Network) -> Result<()>;
    /// z -> w, which is what is drawn from here on.
    fn mapping(&mut self, z: &[f32]) -> Result<()>;
    /// Returns when the picture is computed.
    fn synthesis(&self) -> Result<Self::Image>;
    /// Copies it to the host.
    fn pixels(&self, image: Self::Image) -> Result<Vec<u8>>;
    /// The picture as it is, [3, R, R] in f32.
    fn planes(&self) -> Result<Vec<f32>>;
    /// Version, device and precision, as a report has them.
    fn facts(&self) -> Value;
}

/// What a layer of the synthesis network does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Up-sampling convolution, 3x3.
    Up,
    /// Convolution, 3x3.
    Same,
    /// To RGB, 1x1.
    Rgb,
}

/// A file of `stylegan random-weights`, or of `stylegan convert`.
pub struct Network<'a> {
    tensors: SafeTensors<'a>,
    pub w_dim: usize,
    pub resolution: usize,
    pub num_layers: usize,
    pub lr_multiplier: f64,
    pub conv_clamp: f64,
}

impl<'a> Network<'a> {
    fn new(file: &'a [u8]) -> Result<Network<'a>> {
        let (_, metadata) = SafeTensors::read_metadata(file)?;
        let config = metadata.metadata().as_ref().and_then(|map| map.get("config")).context("there is no configuration in it")?;
        let config: Value = serde_json::from_str(config)?;
        for (key, wanted) in [
            ("network", json!("stylegan2")),
            ("architecture", json!("skip")),
            ("activation", json!("lrelu")),
            ("mapping_activation", json!("lrelu")),
            ("c_dim", json!(0)),
            ("img_channels", json!(3)),
            ("use_noise", json!(true)),
            ("resample_filter", json!([1.0, 3.0, 3.0, 1.0])),
        ] {
            ensure!(config[key] == wanted, "{key} is {}: this peer draws {wanted} only", config[key]);
        }
        let size = |key: &str| config[key].as_u64().with_context(|| format!("its configuration has no {key}")).map(|size| size as usize);
        Ok(Network {
            tensors: SafeTensors::deserialize(file)?,
            w_dim: size("w_dim")?,
            resolution: size("img_resolution")?,
            num_layers: size("num_layers")?,
            lr_multiplier: config["lr_multiplier"].as_f64().context("its configuration has no lr_multiplier")?,
            conv_clamp: config["conv_clamp"].as_f64().unwrap_or(f64::from(f32::MAX)),
        })
    }

    /// Values and shape of a tensor.
    pub fn tensor(&self, name: &str) -> Result<(Vec<f32>, Vec<usize>)> {
        let view = self.tensors.tensor(name).with_context(|| name.to_string())?;
        ensure!(view.dtype() == Dtype::F32, "{name} is not of f32");
        let values = view.data().chunks_exact(4).map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])).collect();
        Ok((values, view.shape().to_vec()))
    }

    /// Name and kind of the layers, in order.
    pub fn layers(&self) -> Vec<(String, Kind)> {
        let mut layers = Vec::new();
        let mut resolution = 4;
        while resolution <= self.resolution {
            let name = |layer| format!("synthesis.b{resolution}.{layer}");
            if resolution > 4 {
                layers.push((name("conv0"), Kind::Up));
            }
            layers.extend([(name("conv1"), Kind::Same), (name("torgb"), Kind::Rgb)]);
            resolution *= 2;
        }
        layers
    }
}

/// Whether to compute in f16.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    F32,
    F16,
}

/// `--network FILE [--precision f32|f16] [--picture FILE]`: the last writes the planes, little-endian, and measures nothing.
pub fn run<P: Peer>(open: impl FnOnce(Precision) -> Result<P>) -> Result<()> {
    let (mut path, mut picture, mut precision) = (None, None, Precision::F32);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let value = arguments.next().with_context(|| format!("{argument} needs a value"))?;
        match (argument.as_str(), value.as_str()) {
            ("--network", file) => path = Some(PathBuf::from(file)),
            ("--picture", file) => picture = Some(PathBuf::from(file)),
            ("--precision", "f32") => precision = Precision::F32,
            ("--precision", "f16") => precision = Precision::F16,
            _ => bail!("{argument} {value} is not known"),
        }
    }
    let path = path.context("--network FILE is missing")?;

    let start = Instant::now();
    let mut peer = open(precision)?;
    let opened = Instant::now();
    let file = std::fs::read(&path).with_context(|| path.display().to_string())?;
    Network::new(&file).and_then(|network| peer.load(&network)).with_context(|| path.display().to_string())?;
    drop(file);
    let loaded = Instant::now();

    let mut lines = stdin().lock().lines();
    let z = lines.next().context("no latents came")??;
    let z = z.split_whitespace().map(|value| Ok(value.parse()?)).collect::<Result<Vec<f32>>>().context("z")?;
    let seeded = Instant::now();
    peer.mapping(&z)?;
    if let Some(picture) = picture {
        let bytes: Vec<u8> = peer.planes()?.into_iter().flat_map(f32::to_le_bytes).collect();
        return std::fs::write(&picture, bytes).with_context(|| picture.display().to_string());
    }
    let pixels = peer.pixels(peer.synthesis()?)?;
    ensure!(pixels.iter().any(|&pixel| pixel != pixels[0]), "a picture of one colour");
    let cold = json!({
        "device": (opened - start).as_secs_f64(),
        "load": (loaded - opened).as_secs_f64(),
        "build": 0.0,
        "first": seeded.elapsed().as_secs_f64(),
    });
    let mut facts = peer.facts();
    facts["cold"] = cold;
    say(&facts)?;
    for line in lines {
        line?;
        let start = Instant::now();
        let image = peer.synthesis()?;
        let wall = start.elapsed();
        peer.pixels(image)?;
        say(&json!({ "wall": wall.as_secs_f64() * 1e3, "readback": start.elapsed().as_secs_f64() * 1e3 }))?;
    }
    Ok(())
}

fn say(value: &Value) -> Result<()> {
    let mut out = stdout().lock();
    writeln!(out, "{value}")?;
    Ok(out.flush()?)
}

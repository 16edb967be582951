//! The studio: a network on a device with the flags of a command that draws. Seeds go in, rows of w and pictures come out.

use std::sync::OnceLock;

use serde_json::Value;
use stylegan_studio::drawing::pipeline::Artist;
use stylegan_studio::drawing::place::Path;
use stylegan_studio::vectors::Centers;
use stylegan_wgpu::blocking::{self, Generator};
use stylegan_wgpu::latent::{Truncation, Ws, z};
use stylegan_wgpu::{Config, Look, Model, Noise, Options, PrecisionChoice, Transform};

use crate::args::{DevicePrecision, DrawArgs, NoiseMode, StudioArgs};
use crate::drawing::centers::{Anchor, Chosen};
use crate::drawing::stamp;
use crate::drawing::style_channels::{self, StyleChannel};
use crate::drawing::tuning::tuning;
use crate::drawing::{default_model, network};
use crate::failure::Failure;
use crate::{note, warn};

/// What is drawn: known, and checked, before a device is opened.
pub(crate) struct Subject {
    pub(crate) model: Model,
    class: Option<usize>,
    centers: Option<Chosen>,
    /// Where the pictures of a StyleGAN3 are drawn, if not where its file says.
    transform: Option<Transform>,
    sha256: OnceLock<String>,
    /// Auto is f32: the styles change from picture to picture, and one that is drawn again would get those of another.
    pub(crate) needs_f32: bool,
}

impl Subject {
    /// Opens the network and checks the flags that depend on it.
    pub(crate) fn open(args: &StudioArgs) -> Result<Subject, Failure> {
        let model = network::open_or_default_with(args.network.as_deref(), args.conv_clamp)?;
        if args.noise_mode == NoiseMode::Tf && !matches!(model.config, Config::StyleGan2(_)) {
            let network = model.config.network();
            return Err(Failure::usage(format!("--noise-mode tf is what TensorFlow's StyleGAN2 draws; this is a {network}")));
        }
        style_channels::check(&args.style_channel, &model)?;
        let class = check_class(args.class, model.config.c_dim())?;
        let sha256 = OnceLock::new();
        let hashed = || sha256.get_or_init(|| stylegan_studio::drawing::sha256(&model)).clone();
        let centers = args.centers.as_ref().map(|wanted| Chosen::of(wanted, &model, class, hashed)).transpose()?;
        Ok(Subject { transform: transform(args, &model.config)?, model, class, centers, needs_f32: false, sha256 })
    }

    /// The same for a command that has its rows of w already: there is no class, and no seed to draw noise from.
    pub(crate) fn without_latents(args: &StudioArgs) -> Result<Subject, Failure> {
        if args.noise_mode == NoiseMode::Tf {
            return Err(Failure::usage("--noise-mode tf draws the noise from a picture's seed, and rows of w have none"));
        }
        if args.centers.is_some() {
            return Err(Failure::usage("--centers is for pictures of seeds; rows of w are drawn as they are"));
        }
        let model = network::open_or_default_with(args.network.as_deref(), args.conv_clamp)?;
        style_channels::check(&args.style_channel, &model)?;
        Ok(Subject {
            transform: transform(args, &model.config)?,
            model,
            class: None,
            centers: None,
            needs_f32: false,
            sha256: OnceLock::new(),
        })
    }

    /// The network's: see [`sha256`](stylegan_studio::drawing::sha256).
    pub(crate) fn sha256(&self) -> &str {
        self.sha256.get_or_init(|| stylegan_studio::drawing::sha256(&self.model))
    }

    /// The class that is drawn.
    pub(crate) fn class(&self) -> Option<usize> {
        self.class
    }

    /// Of the centres that pictures are truncated towards, if they are known before a device is opened: their sha256.
    pub(crate) fn centers(&self) -> Option<Value> {
        match &self.centers {
            None => Some(Value::Null),
            Some(Chosen::Ready(centers)) => Some(stamp::sha256(centers.values()).into()),
            Some(Chosen::Missing(_)) => None,
        }
    }
}

fn transform(args: &StudioArgs, config: &Config) -> stylegan_wgpu::Result<Option<Transform>> {
    args.place().map(|place| place.transform(config)).transpose()
}

/// A generator with what the flags say about class, truncation, noise and batch.
pub(crate) struct Studio {
    pub(crate) generator: Generator,
    class: Option<usize>,
    truncation: Truncation,
    anchor: Anchor,
    noise_mode: NoiseMode,
    noise_seed: u32,
    /// Of all pictures, and those that move from picture to picture with the strength of each.
    style_channels: Vec<StyleChannel>,
    strengths: Vec<f32>,
    /// Of every picture of the run, for noise that is drawn from it.
    seeds: Vec<u32>,
    /// Of all pictures, if not where the network's file says; a film's lie on its path.
    transform: Option<Transform>,
    path: Option<Path>,
    batch: usize,
}

impl Studio {
    /// Opens the device for at most `images` pictures, and says so when the network is the built-in one.
    pub(crate) fn open(args: &DrawArgs, subject: &Subject, images: usize) -> Result<Studio, Failure> {
        if args.trunc == 1.0 && subject.centers.is_some() {
            note("--centers changes nothing at --trunc 1; 0.5 to 0.7 is usual");
        }
        Studio::with_psi(args, args.trunc, subject, images)
    }

    /// The same with this truncation.
    pub(crate) fn with_psi(args: &StudioArgs, psi: f32, subject: &Subject, images: usize) -> Result<Studio, Failure> {
        let gpu = blocking::open(args.device.as_deref())?;
        let batch = usize::from(args.batch).min(images.max(1));
        let precision = match args.precision {
            DevicePrecision::Auto if subject.needs_f32 => PrecisionChoice::F32,
            precision => precision.into(),
        };
        let options = Options::new().precision(precision).batch(batch).tuning(tuning(args.no_tune));
        let generator = Generator::new(&gpu, &subject.model, &options)?;
        if args.network.is_none() {
            default_model::introduce();
        }
        Ok(Studio {
            class: subject.class,
            truncation: Truncation { psi, cutoff: args.trunc_cutoff },
            anchor: match &subject.centers {
                None => Anchor::Average(generator.w_avg_of(subject.class)),
                Some(chosen) => Anchor::Centers(chosen.centers(|| Ok(gpu.clone()), &subject.model)?),
            },
            noise_mode: args.noise_mode,
            noise_seed: args.noise_seed,
            style_channels: args.style_channel.clone(),
            strengths: Vec::new(),
            seeds: Vec::new(),
            transform: subject.transform,
            path: None,
            batch,
            generator,
        })
    }

    /// Its psi and cutoff.
    pub(crate) fn truncation(&self) -> Truncation {
        self.truncation
    }

    /// What truncation pulls towards.
    pub(crate) fn anchor(&self) -> &Anchor {
        &self.anchor
    }

    /// Says the seed of every picture of the run, which `--noise-mode tf` needs.
    pub(crate) fn draws(&mut self, seeds: Vec<u32>) {
        self.seeds = seeds;
    }

    /// Has the pictures of the run drawn along a path.
    pub(crate) fn follows(&mut self, path: Path) {
        self.path = Some(path);
    }

    /// Where these pictures are drawn.
    fn transforms(&self, indices: &[usize]) -> stylegan_wgpu::Result<Vec<Transform>> {
        let Some(path) = self.path else { return Ok(self.transform.into_iter().collect()) };
        let config = self.generator.config();
        indices.iter().map(|&index| path.at(index).transform(config)).collect()
    }

    /// What it truncates towards, if that is not the average w.
    pub(crate) fn centers(&self) -> Option<&Centers> {
        match &self.anchor {
            Anchor::Average(_) => None,
            Anchor::Centers(centers) => Some(centers),
        }
    }

    /// Says the strength of every picture of the run, for style channels that go by it.
    pub(crate) fn goes_by(&mut self, strengths: Vec<f32>) {
        self.strengths = strengths;
    }

    /// Makes a strength of 1 the standard deviation of each style channel that goes by it.
    pub(crate) fn strengths_in_sigma(&mut self, subject: &Subject) -> Result<(), Failure> {
        style_channels::in_sigma(&mut self.style_channels, self.generator.gpu(), &subject.model, self.class)
    }

    /// Rows of w of these seeds, truncated.
    pub(crate) fn ws(&mut self, seeds: &[u32]) -> Result<Ws, Failure> {
        let z_dim = self.generator.config().z_dim();
        let latents: Vec<f32> = seeds.iter().flat_map(|&seed| z(seed, z_dim)).collect();
        self.ws_of(&latents, seeds.len())
    }

    /// The same of any number of seeds, a block at a time: the mapping network is built for as many as go in together.
    pub(crate) fn all_ws(&mut self, seeds: &[u32]) -> Result<Ws, Failure> {
        const BLOCK: usize = 64;
        let mut blocks = seeds.chunks(BLOCK);
        let mut all = self.ws(blocks.next().unwrap_or_default())?;
        for seeds in blocks {
            let block = self.ws(seeds)?;
            all.n += block.n;
            all.values.extend(block.values);
        }
        Ok(all)
    }

    /// Rows of w of these seeds, each with a truncation psi of its own.
    pub(crate) fn ws_with_psi(&mut self, pictures: &[(u32, f32)]) -> Result<Ws, Failure> {
        let truncation = std::mem::replace(&mut self.truncation, Truncation { psi: 1.0, cutoff: None });
        let ws = self.ws(&pictures.iter().map(|(seed, _)| *seed).collect::<Vec<_>>());
        self.truncation = truncation;
        let ws = ws?;
        let mut values = Vec::with_capacity(ws.values.len());
        for (i, &(_, psi)) in pictures.iter().enumerate() {
            let mut ws = ws.slice(i..i + 1);
            self.anchor.truncate(&Truncation { psi, ..truncation }, &mut ws)?;
            values.extend(ws.values);
        }
        Ok(Ws { values, ..ws })
    }

    /// Rows of w of `n` latents `[n, z_dim]`, truncated.
    pub(crate) fn ws_of(&mut self, latents: &[f32], n: usize) -> Result<Ws, Failure> {
        let classes = self.class.map(|class| vec![class; n]);
        let mut ws = self.generator.mapping(latents, classes.as_deref())?;
        self.anchor.truncate(&self.truncation, &mut ws)?;
        Ok(ws)
    }

    /// Noise of a call whose first picture is the `first` of the whole run.
    fn noise(&self, first: usize) -> Noise {
        match self.noise_mode {
            NoiseMode::Const => Noise::Const,
            NoiseMode::None => Noise::None,
            NoiseMode::Random => Noise::Random { seed: self.noise_seed.wrapping_add(first as u32) },
            NoiseMode::Tf => Noise::AfterZ { seed: self.seeds[first] },
        }
    }

    /// Adapter and element type, for a closing line.
    pub(crate) fn device(&self) -> String {
        format!("{} ({})", self.generator.gpu().name(), format!("{:?}", self.generator.dtype()).to_lowercase())
    }
}

impl Artist for Studio {
    fn generator(&mut self) -> &mut stylegan_wgpu::Generator {
        &mut self.generator
    }

    fn batch(&self) -> usize {
        self.batch
    }

    /// The noise of a call is numbered from its first picture on.
    fn may_follow(&self, first: usize, second: usize) -> bool {
        if self.strengths.get(first) != self.strengths.get(second) {
            return false;
        }
        match self.noise_mode {
            NoiseMode::Const | NoiseMode::None => true,
            NoiseMode::Random => first + 1 == second,
            NoiseMode::Tf => self.seeds[first].checked_add(1) == Some(self.seeds[second]),
        }
    }

    fn look(&mut self, pictures: &[usize]) -> stylegan_wgpu::Result<Look> {
        let look = Look::new().noise(self.noise(pictures[0])).transforms(&self.transforms(pictures)?);
        let strength = self.strengths.get(pictures[0]).copied().unwrap_or(0.0);
        Ok(style_channels::offsets(&self.style_channels, strength).into_iter().fold(look, Look::style))
    }
}

/// The class to draw: needed by conditional networks, ignored by others.
pub(crate) fn check_class(class: Option<usize>, c_dim: usize) -> Result<Option<usize>, Failure> {
    match class {
        None if c_dim > 0 => {
            Err(Failure::usage(format!("this network is conditional: choose one of its {c_dim} classes with --class 0 to {}", c_dim - 1)))
        }
        Some(class) if c_dim > 0 && class >= c_dim => {
            Err(Failure::usage(format!("--class {class} is out of range: this network has {c_dim} classes, 0 to {}", c_dim - 1)))
        }
        Some(_) if c_dim == 0 => {
            warn("--class is ignored: this network is not conditional");
            Ok(None)
        }
        class => Ok(class),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_needed_checked_or_ignored() {
        assert!(matches!(check_class(None, 0), Ok(None)));
        assert!(matches!(check_class(Some(4), 5), Ok(Some(4))));
        assert!(matches!(check_class(Some(4), 0), Ok(None)));
        assert!(matches!(check_class(Some(5), 5), Err(Failure::Usage(text)) if text.contains("5 classes, 0 to 4")));
        assert!(matches!(check_class(None, 5), Err(Failure::Usage(text)) if text.contains("5 classes")));
    }
}

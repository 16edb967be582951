//! `stylegan blend`: the coarse blocks of one network with the fine ones of another.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::json;
use stylegan_studio::blend::{Blend, BlendError, Side};
use stylegan_studio::pictures::flags;
use stylegan_studio::pictures::grid::{self, Grid};
use stylegan_studio::pictures::label::Font;
use stylegan_studio::pictures::picture::{Format, Picture};
use stylegan_wgpu::blocking::{self, Generator};
use stylegan_wgpu::latent::{Truncation, z};
use stylegan_wgpu::{Array, Config, Gpu, Look, Model, Options, Precision};

use crate::args::{self, DevicePrecision, FilePrecision, SeedRanges};
use crate::commands::convert::same_file;
use crate::drawing::network;
use crate::drawing::stamp::{self, Own};
use crate::drawing::studio::check_class;
use crate::failure::Failure;
use crate::{output, say, warn};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Of {
    Low,
    High,
}

/// Swaps layers: the coarse blocks of LOW (pose, shape) with the fine ones of HIGH (texture), as one network.
///
/// Of two networks of which one was trained on from the other: faces and cartoons made of them, for example. The blocks to b{split},
/// the mapping network, the average w and the noise maps are those of LOW; with --width the change is gradual.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  stylegan blend ffhq.pkl cartoon.pkl --split 32 -o toonify.safetensors
  stylegan blend ffhq.pkl cartoon.pkl --split 32 --width 0.5 -o toonify.safetensors --preview sheet.png --seeds 0-7 --trunc 0.7
  stylegan blend cartoon.pkl ffhq.pkl --split 16 --mapping high -o realistic.safetensors")]
pub(crate) struct BlendArgs {
    /// Network of the coarse blocks: any file that `convert` reads
    low: PathBuf,

    /// Network of the fine blocks, of the same sizes
    high: PathBuf,

    /// Resolution of the last block of LOW; with --width, where both have the same part. Blocks are named as in a square network
    #[arg(long, value_name = "RESOLUTION")]
    split: usize,

    /// Makes the change gradual, over about so many blocks to both sides; a hard one when absent
    #[arg(long, value_parser = args::parse_finite, allow_negative_numbers = true, value_name = "WIDTH")]
    width: Option<f32>,

    /// Whose mapping network and average w to take
    #[arg(long, value_enum, default_value_t = Of::Low)]
    mapping: Of,

    /// File to write
    #[arg(short, long, value_name = "OUT.safetensors")]
    output: PathBuf,

    /// Element type in the file; f16 when both networks are in it, else f32
    #[arg(long, value_enum)]
    precision: Option<FilePrecision>,

    /// Additionally draws a sheet: a row of LOW, of HIGH and of the blend, of the same seeds (.png, .jpg or .webp)
    #[arg(long, value_name = "FILE")]
    preview: Option<PathBuf>,

    /// Seeds of --preview, as 0,3-5; the flag may be repeated
    #[arg(long, default_value = "0-5", requires = "preview", value_parser = args::parse_seeds, value_name = "LIST")]
    seeds: Vec<SeedRanges>,

    /// Truncation psi of --preview
    #[arg(
        long,
        default_value_t = args::USUAL_TRUNC,
        requires = "preview",
        value_parser = args::parse_finite,
        allow_negative_numbers = true,
        value_name = "PSI"
    )]
    trunc: f32,

    /// Class of --preview, for conditional networks
    #[arg(long, requires = "preview", value_name = "N")]
    class: Option<usize>,

    /// Leaves out of --preview what it says about how it was made (see stylegan inspect PICTURE)
    #[arg(long, requires = "preview")]
    no_metadata: bool,

    /// Adapter that draws --preview: its index, or a part of its name (see stylegan devices)
    #[arg(long, requires = "preview", value_name = "INDEX|NAME")]
    device: Option<String>,

    /// Prints JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &BlendArgs) -> Result<(), Failure> {
    for (path, what) in [(Some(&args.output), "the output"), (args.preview.as_ref(), "the preview")] {
        let Some(path) = path else { continue };
        if let Some(input) = [&args.low, &args.high].into_iter().find(|input| same_file(input, path)) {
            return Err(Failure::usage(format!("{} is both an input and {what}", input.display())));
        }
    }
    output::check_network_file(&args.output)?;
    let seeds = args::seeds("--seeds", &args.seeds)?;
    let format = args.preview.as_deref().map(Format::of_picture).transpose()?;
    args.preview.as_deref().map(output::check_file).transpose()?;
    // By one of its names.
    if args.preview.as_ref().is_some_and(|preview| same_file(preview, &args.output)) {
        return Err(Failure::usage(format!("{} is both the output and the preview", args.output.display())));
    }
    let mapping = if args.mapping == Of::Low { Side::Low } else { Side::High };
    let blend = Blend { split: args.split, width: args.width, mapping };
    let [low, high] = [&args.low, &args.high].map(|path| network::open(path));
    let (low, high) = (low?, high?);
    let blended = blend.of(&low, &high).map_err(|error| match error {
        BlendError::Model(error) => Failure::from(error),
        error => Failure::usage(error.to_string()),
    })?;
    if clamp(&low.config) != clamp(&high.config) {
        warn("the networks clamp their layers at different values; the blend has the looser one");
    }
    let preview =
        args.preview.as_deref().zip(format).map(|(path, format)| Preview::of(path, format, &[&low, &high, &blended], &seeds, args));
    let preview = preview.transpose()?;
    let stored = if [&low, &high].into_iter().all(is_half) { Precision::F16 } else { Precision::F32 };
    let precision = args.precision.map_or(stored, Precision::from);
    blended.save(&args.output, precision)?;
    if let Some(preview) = &preview {
        preview.draw()?;
    }

    let differs = |(name, array): &(&String, &Array)| low.arrays.get(*name).is_none_or(|low| low.bytes() != array.bytes());
    let changed = blended.arrays.iter().filter(differs).count();
    if args.json {
        return say(&json!({
            "output": args.output, "preview": args.preview, "tensors": blended.arrays.len(), "not_of_low": changed,
            "provenance": blended.provenance
        })
        .to_string());
    }
    let preview = args.preview.as_ref().map_or(String::new(), |path| format!("; {}", path.display()));
    say(&format!("{}: {changed} of {} tensors are not those of LOW{preview}", args.output.display(), blended.arrays.len()))
}

fn is_half(model: &Model) -> bool {
    model.arrays.values().all(|array| array.precision() == Precision::F16)
}

fn clamp(config: &Config) -> Option<f32> {
    if let Config::StyleGan2(config) = config { config.conv_clamp } else { None }
}

/// A sheet with a row for each network.
struct Preview<'a> {
    path: &'a Path,
    format: Format,
    gpu: Gpu,
    models: Vec<(&'a Model, Option<usize>)>,
    seeds: &'a [u32],
    args: &'a BlendArgs,
}

/// What the rows are called.
const ROWS: [&str; 3] = ["low", "high", "blend"];

impl<'a> Preview<'a> {
    /// Refuses what cannot be drawn, and opens the device, before anything is written.
    fn of(path: &'a Path, format: Format, models: &[&'a Model], seeds: &'a [u32], args: &'a BlendArgs) -> Result<Preview<'a>, Failure> {
        let config = &models[0].config;
        format.check(config.img_channels())?;
        let (height, width) = config.image_size();
        grid::check_pixels(seeds.len().saturating_mul(width), models.len() * (height + Font::of(height).line()))?;
        // The mapping networks may differ: a class is for those that have them.
        let class = |model: &Model| match model.config.c_dim() {
            0 => Ok(None),
            c_dim => check_class(args.class, c_dim),
        };
        if args.class.is_some() && models.iter().all(|model| model.config.c_dim() == 0) {
            warn("--class is ignored: neither network is conditional");
        }
        let models = models.iter().map(|&model| Ok((model, class(model)?))).collect::<Result<_, Failure>>()?;
        Ok(Preview { path, format, gpu: blocking::open(args.device.as_deref())?, models, seeds, args })
    }

    /// The command that draws the sheet again.
    fn packet(&self) -> Option<String> {
        let BlendArgs { low, high, split, width, mapping, trunc, .. } = self.args;
        let mapping = if *mapping == Of::Low { "low" } else { "high" };
        let mut own =
            Own::default().flag("split", split).flag("mapping", mapping).flag("seeds", flags::ranges(self.seeds)).flag("trunc", trunc);
        if let Some(width) = width {
            own = own.flag("width", width);
        }
        if let Some(class) = self.models.iter().find_map(|(_, class)| *class) {
            own = own.flag("class", class);
        }
        stamp::of_blend([(low, self.models[0].0), (high, self.models[1].0)], own)
    }

    fn draw(&self) -> Result<(), Failure> {
        let config = &self.models[0].0.config;
        let ((height, width), channels) = (config.image_size(), config.img_channels());
        let font = Font::of(height.min(width));
        let text = |row: usize, seed: u32| format!("{} {seed}", ROWS[row]);
        let widest =
            (0..ROWS.len()).flat_map(|row| self.seeds.iter().map(move |&seed| text(row, seed))).map(|text| font.width(&text)).max();
        let labelled = widest.is_some_and(|widest| widest <= width);
        let strip = if labelled { font.line() } else { 0 };
        let mut sheet = Grid::with_strips(self.seeds.len(), self.models.len(), (height, width), strip, channels);
        let bar = network::bar((self.seeds.len() * self.models.len()) as u64, "rendering");
        for (row, &(model, class)) in self.models.iter().enumerate() {
            let options = Options::new().precision(DevicePrecision::Auto.into());
            let mut generator = Generator::new(&self.gpu, model, &options)?;
            for (column, &seed) in self.seeds.iter().enumerate() {
                let mut ws =
                    generator.mapping(&z(seed, model.config.z_dim()), class.map(|class| [class]).as_ref().map(|class| &class[..]))?;
                Truncation { psi: self.args.trunc, cutoff: None }.apply(&mut ws, &generator.w_avg())?;
                let cell = row * self.seeds.len() + column;
                for image in generator.synthesis_rgba8(&ws, &Look::new())? {
                    sheet.put(cell, &Picture::from_rgba(&image, channels));
                }
                if labelled {
                    sheet.label(cell, font, &text(row, seed));
                }
                bar.inc(1);
            }
        }
        bar.finish_and_clear();
        let packet = (!self.args.no_metadata).then(|| self.packet()).flatten();
        Ok(sheet.sheet().write(self.path, self.format, packet.as_deref())?)
    }
}

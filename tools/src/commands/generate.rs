//! `stylegan generate`: one picture per seed, or per row of a file. Goes on where an earlier run was stopped.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use clap::Args;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use stylegan_convert::{array_file, hex};
use stylegan_studio::drawing::pipeline::{self, Drawn, Pixels, Stages, Times};
use stylegan_studio::pictures::flags;
use stylegan_studio::pictures::grid::{self, Grid};
use stylegan_studio::pictures::manifest::{self, Choice, Entry, Header, History, Manifest, Shard};
use stylegan_studio::pictures::picture::Format;
use stylegan_studio::vectors::Source;
use stylegan_wgpu::Config;
use stylegan_wgpu::latent::Ws;

use crate::args::{self, DevicePrecision, DrawArgs, NoiseMode, SeedRanges};
use crate::drawing::latents::{self, Latents};
use crate::drawing::stamp::Stamp;
use crate::drawing::studio::{Studio, Subject};
use crate::drawing::{diverse, network, style_channels};
use crate::failure::Failure;
use crate::{output, say, warn};

/// Renders one picture per seed into a folder, as seed0085.png.
///
/// The same seed gives the same picture as the original code. A network is one of our .safetensors files, or any checkpoint
/// that `convert` knows, which is then converted in memory.
///
/// The folder's manifest.jsonl records what is finished: the same command goes on after an interruption, and pictures of another
/// network or other settings are not mixed into the folder.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  stylegan generate --seeds 0-15 --grid 4x4 --outdir out
  stylegan generate --network ffhq.safetensors --seeds 85,265-270 --trunc 0.7 --outdir out
  stylegan generate --network cifar10.pkl --seeds 0-9 --class 3 --outdir ships
  stylegan generate --network ffhq.pkl --seeds 0-7 --outdir out --grid 4x2 --format jpg
  stylegan generate --network ffhq.pkl --seeds 0-99999 --batch 8 --shard 3/16 --outdir many
  stylegan generate --network ffhq.pkl --seeds 0-9999 --diverse 16 --trunc 0.5 --centers auto --grid 4x4 --outdir varied
  stylegan generate --network ffhq.pkl --projected-w projected_w.npz --outdir out
  stylegan generate --network ffhq.pkl --seeds 0 --noise-mode random --noise-seed 7 --outdir out --format npy")]
pub(crate) struct GenerateArgs {
    #[command(flatten)]
    draw: DrawArgs,

    /// Seeds, as 0,3-5; the flag may be repeated
    #[arg(long, default_value = "0", value_parser = args::parse_seeds, value_name = "LIST")]
    seeds: Vec<SeedRanges>,

    /// Draws so many of the seeds only: those whose w are farthest from each other. Says which, as --seeds takes them
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..), value_name = "N")]
    diverse: Option<u32>,

    /// Rows of w to draw instead of seeds, from a .npz, .npy or .pt as --save-ws, projectors and encoders write them; FILE:KEY picks one
    /// of several entries or pictures
    #[arg(long, value_name = "FILE[:KEY]", conflicts_with_all = ["seeds", "class", "trunc", "trunc_cutoff", "centers", "diverse"])]
    projected_w: Option<Source>,

    /// Folder to write into; made when it is not there
    #[arg(long, value_name = "DIR")]
    outdir: PathBuf,

    /// File format; npy holds f32 of C x H x W, not clamped
    #[arg(long, value_parser = args::format(), default_value = Format::Png.extension())]
    format: Format,

    /// Additionally writes grid.png, a sheet of all pictures in order, row by row; nothing is skipped then
    #[arg(long, value_parser = args::parse_grid, value_name = "COLSxROWS")]
    grid: Option<(usize, usize)>,

    /// Additionally writes the rows of w of every picture as seed0085.npz, into the folder of the pictures or another
    #[arg(long, value_name = "DIR", num_args = 0..=1)]
    save_ws: Option<Option<PathBuf>>,

    /// Draws one of several equal parts of the list, as 3/16
    #[arg(long, value_name = "I/N", conflicts_with = "grid")]
    shard: Option<Shard>,

    /// Draws everything anew, instead of going on after the pictures that the manifest has as finished
    #[arg(long)]
    overwrite: bool,

    /// Of the pictures that are finished, reads each again and compares its sha256 with the manifest's; what differs is drawn anew
    #[arg(long, conflicts_with = "overwrite")]
    verify: bool,

    /// Prints the closing line as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &GenerateArgs) -> Result<(), Failure> {
    // Everything that can be wrong is looked at before a device is opened, and before a file or folder is made.
    let mut order = Order::of(args)?;
    let chooser = order.choose()?;
    let todo = order.todo()?;
    if todo.is_empty() {
        return order.report(0, None);
    }
    let mut studio = match chooser {
        Some(studio) => studio,
        None => Studio::open(&args.draw, &order.subject, todo.len())?,
    };
    let mut settings = order.settings.clone();
    settings.insert(manifest::PRECISION.into(), format!("{:?}", studio.generator.dtype()).to_lowercase().into());
    settings.insert(manifest::CENTERS.into(), studio.anchor().record());
    order.check(&settings)?;
    if let Latents::Seeds(seeds) = &order.latents {
        studio.draws(seeds.clone());
    }

    output::make_folder(&args.outdir)?;
    if let Some(folder) = order.ws_folder() {
        output::make_folder(folder)?;
    }
    let header = Header::new(&order.network, settings, studio.device());
    let mut manifest = Manifest::open(&args.outdir.join(manifest::name(args.shard)), &header, args.overwrite)?;
    if let Some(choice) = order.choice.as_ref().filter(|choice| args.overwrite || !order.history.has_choice(choice)) {
        manifest.append_choice(choice)?;
    }
    let times = order.draw(&mut studio, &todo, manifest)?;
    order.report(todo.len(), Some((times, studio.device())))
}

/// What was asked for, checked.
struct Order<'a> {
    args: &'a GenerateArgs,
    subject: Subject,
    latents: Latents,
    /// Of --diverse.
    choice: Option<Choice>,
    network: String,
    /// Beside the network and the latents, what decides how a picture looks.
    settings: Map<String, Value>,
    history: History,
}

/// A picture on its way from an encoder to the disk.
struct Encoded {
    index: usize,
    ws: Ws,
    bytes: Vec<u8>,
    sha256: String,
}

impl Order<'_> {
    fn of(args: &GenerateArgs) -> Result<Order<'_>, Failure> {
        let seeds = args::seeds("--seeds", &args.seeds)?;
        args.draw.refuse_open_channels()?;
        output::check_folder(&args.outdir)?;
        if let Some(Some(folder)) = &args.save_ws {
            output::check_folder(folder)?;
        }
        let (subject, latents) = match &args.projected_w {
            None => (Subject::open(&args.draw)?, Latents::Seeds(seeds)),
            Some(source) => {
                let subject = Subject::without_latents(&args.draw)?;
                let latents = Latents::read(source, &subject.model.config)?;
                (subject, latents)
            }
        };
        let count = match args.diverse {
            None => latents.len(),
            Some(n) => diverse::check(n, latents.len(), &subject, args.draw.trunc_cutoff)?,
        };
        check_pictures(args, &subject.model.config, count)?;
        let network = subject.sha256().to_owned();
        let mut settings = settings(&args.draw, &latents, &subject);
        if args.diverse.is_some() {
            // Those of the list that are drawn are not known yet.
            settings.remove(manifest::SEEDS);
        }
        let order = Order { args, subject, latents, choice: None, network, settings, history: History::read(&args.outdir)? };
        order.check(&order.settings)?;
        Ok(order)
    }

    /// Of --diverse: keeps the seeds that are farthest from each other, and says which. Gives the studio it was done in.
    fn choose(&mut self) -> Result<Option<Studio>, Failure> {
        let (Some(n), Latents::Seeds(seeds)) = (self.args.diverse, &self.latents) else { return Ok(None) };
        let mut studio = Studio::open(&self.args.draw, &self.subject, n as usize)?;
        let chosen = diverse::choose(&mut studio, seeds, n as usize, self.args.draw.trunc)?;
        self.choice = Some(Choice { chosen: flags::ranges(&chosen), of: flags::ranges(seeds) });
        let flag = format!("--seeds {}", flags::ranges(&chosen));
        self.latents = Latents::Seeds(chosen);
        self.settings = settings(&self.args.draw, &self.latents, &self.subject);
        self.check(&self.settings)?;
        if !self.args.json {
            say(&flag)?;
        }
        Ok(Some(studio))
    }

    /// Refuses a folder of other pictures.
    fn check(&self, settings: &Map<String, Value>) -> Result<(), Failure> {
        let name = manifest::name(self.args.shard);
        let remedy = match self.args.overwrite {
            false => "choose another --outdir, or --overwrite to start anew",
            true => "choose another --outdir, or remove that file",
        };
        let checked = self.history.check(&self.network, settings, self.args.overwrite.then_some(&name));
        checked.map_err(|clash| Failure::usage(format!("{clash}: {remedy}")))
    }

    /// Places in the list of the pictures to draw: of this shard, and not finished.
    fn todo(&self) -> Result<Vec<usize>, Failure> {
        let all = self.args.shard.unwrap_or(Shard { index: 1, count: 1 }).of(self.latents.len());
        // A sheet needs every picture, and a file may have lost a part of it (jpg).
        let anew = self.args.overwrite || self.args.grid.is_some();
        let ws_is_there = |index| self.ws_path(index).is_none_or(|path| path.is_file());
        let mut todo = Vec::new();
        for index in all {
            let file = self.file(index);
            if anew || !self.history.has(&file) || !ws_is_there(index) {
                todo.push(index);
            } else if self.args.verify && !self.history.has_bytes(&file)? {
                warn(&format!("{}: is not what was finished; it is drawn again", self.args.outdir.join(&file).display()));
                todo.push(index);
            }
        }
        Ok(todo)
    }

    fn file(&self, index: usize) -> String {
        format!("{}.{}", self.latents.name(index), self.args.format.extension())
    }

    fn ws_folder(&self) -> Option<&Path> {
        self.args.save_ws.as_ref().map(|folder| folder.as_deref().unwrap_or(&self.args.outdir))
    }

    fn ws_path(&self, index: usize) -> Option<PathBuf> {
        Some(self.ws_folder()?.join(format!("{}.npz", self.latents.name(index))))
    }

    fn draw(&self, studio: &mut Studio, todo: &[usize], mut manifest: Manifest) -> Result<Times, Failure> {
        let config = &self.subject.model.config;
        let (channels, (height, width)) = (config.img_channels(), config.image_size());
        let sheet = self.args.grid.map(|(columns, rows)| Mutex::new(Grid::new(columns, rows, (height, width), channels)));
        let stamp = Stamp::new("generate", &self.args.draw, &self.subject, studio);
        let trunc = self.args.draw.trunc.to_string();
        let bar = network::bar(todo.len() as u64, "rendering");
        let encode = |drawn: Drawn| {
            let Drawn { index, ws, pixels } = drawn;
            let picture = pixels.picture(channels, (height, width));
            if let Some(sheet) = &sheet {
                sheet.lock().unwrap_or_else(PoisonError::into_inner).put(index, &picture);
            }
            let bytes = match &pixels {
                Pixels::Planes(planes) => array_file::npy_bytes(&[channels, height, width], planes),
                Pixels::Rgba(_) => {
                    let failed = |error| Failure::Runtime(format!("{}: {error}", self.file(index)));
                    let packet = stamp.packet(self.latents.own(Some(index), &trunc), index);
                    picture.encode(self.args.format, packet.as_deref()).map_err(failed)?
                }
            };
            let sha256 = hex(&Sha256::digest(&bytes));
            Ok(Encoded { index, ws, bytes, sha256 })
        };
        let mut write = |encoded: Encoded| {
            let Encoded { index, ws, bytes, sha256 } = encoded;
            if let Some(path) = self.ws_path(index) {
                latents::save(&path, &ws)?;
            }
            let file = self.file(index);
            let written = output::write_unsynced(&self.args.outdir.join(&file), &bytes)?;
            manifest.append(Entry { seed: self.latents.seed(index), file, bytes: bytes.len() as u64, sha256 }, written)?;
            bar.inc(1);
            Ok(())
        };
        let stages = Stages {
            ws: &mut |studio, indices| self.latents.ws(studio, indices),
            planes: self.args.format == Format::Npy,
            encode: &encode,
            write: &mut write,
        };
        let times = pipeline::run(studio, todo, stages);
        bar.finish_and_clear();
        let times = times?;
        manifest.flush()?;
        if let (Some(sheet), Some((columns, rows))) = (sheet, self.args.grid) {
            let sheet = sheet.into_inner().unwrap_or_else(PoisonError::into_inner);
            let packet = stamp.packet(self.latents.own(None, &trunc).flag("grid", format!("{columns}x{rows}")), 0);
            sheet.sheet().write(&self.args.outdir.join("grid.png"), Format::Png, packet.as_deref())?;
        }
        Ok(times)
    }

    /// The closing line.
    fn report(&self, drawn: usize, times: Option<(Times, String)>) -> Result<(), Failure> {
        let all = self.args.shard.unwrap_or(Shard { index: 1, count: 1 }).of(self.latents.len()).len();
        let manifest = self.args.outdir.join(manifest::name(self.args.shard));
        if self.args.json {
            let mut summary = times.as_ref().map_or_else(|| json!({ "images": 0 }), |(times, _)| times.json());
            summary["device"] = times.map(|(_, device)| device).into();
            summary["finished_before"] = (all - drawn).into();
            summary["seeds"] = self.choice.as_ref().map(|choice| choice.chosen.as_str()).into();
            summary["shard"] = self.args.shard.map(|shard| shard.to_string()).into();
            summary["outdir"] = self.args.outdir.display().to_string().into();
            summary["manifest"] = manifest.display().to_string().into();
            return say(&summary.to_string());
        }
        let mut line = match times {
            Some((times, device)) => times.line(&device, self.args.draw.verbose),
            None => "nothing to draw".into(),
        };
        if drawn < all {
            line.push_str(&format!("; {} of {all} were finished before (--overwrite draws them again)", all - drawn));
        }
        say(&line)
    }
}

/// What of the flags decides how a picture looks.
fn settings(draw: &DrawArgs, latents: &Latents, subject: &Subject) -> Map<String, Value> {
    let mut settings = Map::new();
    match latents {
        Latents::Seeds(_) => {
            settings.insert("trunc".into(), flags::as_typed(draw.trunc).into());
            settings.insert("trunc_cutoff".into(), draw.trunc_cutoff.into());
            settings.insert("class".into(), subject.class().into());
            settings.extend(subject.centers().map(|centers| (manifest::CENTERS.into(), centers)));
        }
        Latents::Rows { sha256, .. } => {
            settings.insert("projected_w".into(), sha256.as_str().into());
        }
    }
    match draw.precision {
        // The device decides.
        DevicePrecision::Auto => None,
        precision => settings.insert(manifest::PRECISION.into(), format!("{precision:?}").to_lowercase().into()),
    };
    // Only where they are given: manifests of other pictures have no such entries.
    if let Some(translate) = draw.translate {
        settings.insert("translate".into(), translate.map(flags::as_typed).to_vec().into());
    }
    for (name, value) in [("rotate", draw.rotate), ("zoom", draw.zoom)] {
        if let Some(value) = value {
            settings.insert(name.into(), flags::as_typed(value).into());
        }
    }
    if !draw.style_channel.is_empty() {
        settings.insert("style_channels".into(), style_channels::text(&draw.style_channel).into());
    }
    settings.insert("noise_mode".into(), format!("{:?}", draw.noise_mode).to_lowercase().into());
    if draw.noise_mode == NoiseMode::Random {
        // The noise of a picture goes by its place in the list.
        settings.insert("noise_seed".into(), draw.noise_seed.into());
        if let Latents::Seeds(seeds) = latents {
            settings.insert(manifest::SEEDS.into(), flags::ranges(seeds).into());
        }
    }
    settings
}

/// Refuses what the picture formats cannot hold.
fn check_pictures(args: &GenerateArgs, config: &Config, count: usize) -> Result<(), Failure> {
    args.format.check(config.img_channels())?;
    if let Some((columns, rows)) = args.grid {
        grid::check(columns, rows, config.image_size(), count)?;
    }
    Ok(())
}

//! `stylegan edit`: one picture moved along a direction in w, as a strip or a video.

use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use clap::Args;
use serde_json::json;
use stylegan_studio::drawing::film::Film;
use stylegan_studio::drawing::pipeline::{self, Drawn, Pixels, Stages};
use stylegan_studio::pictures::animation::{self, Spec};
use stylegan_studio::pictures::flags;
use stylegan_studio::pictures::grid::{self, Grid};
use stylegan_studio::pictures::picture::{self, Format, Picture};
use stylegan_studio::vectors::{self, Direction, Layers, Source};
use stylegan_wgpu::latent::Ws;

use crate::args::{DrawArgs, parse_finite};
use crate::drawing::latents::{self, Latents};
use crate::drawing::network;
use crate::drawing::stamp::{self, Own, Stamp};
use crate::drawing::studio::{Studio, Subject};
use crate::failure::Failure;
use crate::{output, say};

/// Moves a picture along a direction in w: a strip (.png, .jpg), or a video there and back (.mp4, .webp, .gif, .apng).
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  stylegan edit --seed 3 --direction dirs.npz:0 --strength=-3..3 -o strip.png
  stylegan edit --network ffhq.pkl --seed 85 --trunc 0.7 --direction dirs.npz:3 --strength=-5..5 --steps 7 -o strip.png
  stylegan edit --network ffhq.pkl --seed 85 --direction age.pt --strength=-4..4 -o age.mp4
  stylegan edit --network ffhq.pkl --projected-w me.npz --direction boundaries.pt:age --strength=-3..3 -o me.png
  stylegan edit --network ffhq.pkl --seed 85 --style-channel b64.conv0:123 --strength=-10sigma..10sigma -o channel.png
  stylegan edit --network ffhq.pkl --seed 85 --direction smile.npy --strength 3 --layers middle -o smile.png")]
pub(crate) struct EditArgs {
    #[command(flatten)]
    draw: DrawArgs,

    /// Seed of the picture
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u32,

    /// The picture by its rows of w instead of a seed, from a file as `generate` takes it
    #[arg(long, value_name = "FILE[:KEY]", conflicts_with_all = ["seed", "class", "trunc", "trunc_cutoff", "centers"])]
    projected_w: Option<Source>,

    /// Direction: a file of `directions` with a number; or a .npy, .npz or .pt of others, with the number or name of one of several. In
    /// its place, --style-channel LAYER:CHANNEL without an amount goes by --strength
    #[arg(long, value_name = "FILE[:KEY]", required_unless_present = "style_channel")]
    direction: Option<Source>,

    /// How far to go along it, from and to, or one distance (write --strength=-3..3 with =); in standard deviations of w where the
    /// file was made for them, and as -3sigma..3sigma where it has them [default: -3..3 in those, else -5..5; of a style channel
    /// -10sigma..10sigma]
    #[arg(long, value_parser = parse_strength, allow_hyphen_values = true, value_name = "FROM..TO")]
    strength: Option<Strength>,

    /// Pictures from one end to the other [default: 7 of a strip, 60 of a video]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..), value_name = "N")]
    steps: Option<u16>,

    /// Layers to change [default: those the directions were found for, or all]
    #[arg(long, requires = "direction", value_name = "LAYERS")]
    layers: Option<Layers>,

    /// Scales every picture to that side, in pixels; of pictures that are not square, the longer one
    #[arg(long, value_parser = clap::value_parser!(u16).range(8..=4096), value_name = "PIXELS")]
    size: Option<u16>,

    /// Frames per second of a video [default: 60, of a GIF 50]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..), value_name = "N")]
    fps: Option<u16>,

    /// File to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,

    /// Prints the closing line as JSON
    #[arg(long)]
    json: bool,
}

/// A single channel does little: twice what a direction is moved by would hardly show.
const USUAL_OF_CHANNELS: Strength = Strength { from: -10.0, to: 10.0, in_sigma: true };

/// What the file is to be.
enum Form {
    Strip(Format),
    Video(animation::Format),
}

pub(crate) fn run(args: &EditArgs) -> Result<(), Failure> {
    let form = form(args)?;
    output::check_file(&args.output)?;
    let (mut subject, latents) = match &args.projected_w {
        None => (Subject::open(&args.draw)?, Latents::Seeds(vec![args.seed])),
        Some(source) => {
            let subject = Subject::without_latents(&args.draw)?;
            let latents = Latents::read(source, &subject.model.config)?;
            (subject, latents)
        }
    };
    if latents.len() != 1 {
        let most = latents.len() - 1;
        return Err(Failure::usage(format!("--projected-w holds {} pictures; choose one with FILE:0 to FILE:{most}", most + 1)));
    }
    subject.needs_f32 = args.draw.style_channel.iter().any(|channel| channel.amount.is_none());
    let config = &subject.model.config;
    // Channels of styles go by the strength where no direction does.
    let goes = subject.needs_f32;
    let direction = match &args.direction {
        Some(_) if goes => {
            return Err(Failure::usage(
                "--strength is that of --direction; --style-channel needs an amount beside it, as b64.conv0:123=+5",
            ));
        }
        None if !goes && args.strength.is_some() => {
            return Err(Failure::usage("--strength has nothing to move: give --style-channel without an amount, or a --direction"));
        }
        Some(source) => Some(latents::direction(source, config)?),
        None => None,
    };
    let moves = goes || direction.is_some();
    if !moves && args.steps.is_some() {
        return Err(Failure::usage("--steps has nothing to move: give --style-channel without an amount, or a --direction"));
    }
    let (strength, scale) = match &direction {
        Some(direction) => strength(direction, args.strength)?,
        None => (args.strength.unwrap_or(if goes { USUAL_OF_CHANNELS } else { Strength { from: 0.0, to: 0.0, in_sigma: false } }), 1.0),
    };
    let direction = direction.unwrap_or(Direction { rows: Vec::new(), layers: Some(Vec::new()), sigma: None, in_sigma: false });
    let layers = match (&args.layers, direction.layers) {
        (Some(layers), _) => layers.rows("--layers", config)?,
        (None, Some(layers)) => layers,
        (None, None) => (0..config.num_ws()).collect(),
    };
    let steps = match (strength.from == strength.to, &form) {
        (true, _) => 1,
        (false, Form::Strip(_)) => args.steps.unwrap_or(7).into(),
        (false, Form::Video(_)) => args.steps.unwrap_or(60).into(),
    };
    let strengths = strengths(strength, steps, matches!(form, Form::Video(_)));
    let (drawn, channels) = (config.image_size(), config.img_channels());
    let size = args.size.map_or(drawn, |longer| picture::scaled(drawn, longer.into()));
    match form {
        Form::Strip(format) => {
            format.check(channels)?;
            grid::check_pixels(steps * size.1, size.0)?;
        }
        Form::Video(format) => spec(args, format, size).check()?,
    }

    let mut studio = Studio::open(&args.draw, &subject, strengths.len())?;
    studio.draws(vec![args.seed; strengths.len()]);
    if goes {
        if strength.in_sigma {
            studio.strengths_in_sigma(&subject)?;
        }
        studio.goes_by(strengths.clone());
    }
    let origin = latents.ws(&mut studio, &[0])?;
    let mut ws = |_: &mut Studio, indices: &[usize]| -> Result<Ws, Failure> {
        let moved = |&index: &usize| {
            let mut ws = origin.clone();
            vectors::shift(&mut ws, &direction.rows, &layers, scale * strengths[index]);
            ws.values
        };
        Ok(Ws::new(indices.len(), origin.num_ws, origin.w_dim, indices.iter().flat_map(moved).collect())?)
    };
    let mut own = match &latents {
        Latents::Seeds(_) => Own::default().flag("seed", args.seed).flag("trunc", args.draw.trunc),
        rows => rows.own(Some(0), ""),
    };
    if let Some(source) = &args.direction {
        let chosen: Vec<u32> = layers.iter().map(|&layer| layer as u32).collect();
        own = own.file("direction", stamp::source_name(source), stamp::sha256(&direction.rows)).flag("layers", flags::ranges(&chosen));
    }
    if moves {
        own = own.flag("strength", strength).flag("steps", steps);
    }
    if let Form::Video(format) = form {
        own = own.flag("fps", spec(args, format, size).fps);
    }
    if let Some(size) = args.size {
        own = own.flag("size", size);
    }
    let packet = Stamp::new("edit", &args.draw, &subject, &studio).packet(own, 0);
    let times = match form {
        Form::Video(format) => {
            let film = Film { columns: 1, rows: 1, frames: strengths.len(), spec: spec(args, format, size) };
            let bar = network::bar(film.frames as u64, "rendering");
            let times = film.shoot(&mut studio, &args.output, &mut ws, packet.as_deref(), &|done| bar.set_position(done as u64));
            bar.finish_and_clear();
            times?
        }
        Form::Strip(format) => {
            let strip = Mutex::new(Grid::new(steps, 1, size, channels));
            let bar = network::bar(steps as u64, "rendering");
            let encode = |drawn: Drawn| {
                let Pixels::Rgba(image) = drawn.pixels else { unreachable!("8 bits were asked for") };
                let picture = Picture::from_rgba(&picture::resized(image, size), channels);
                strip.lock().unwrap_or_else(PoisonError::into_inner).put(drawn.index, &picture);
                Ok(())
            };
            let mut write = |()| {
                bar.inc(1);
                Ok(())
            };
            let stages = Stages { ws: &mut ws, planes: false, encode: &encode, write: &mut write };
            let times = pipeline::run(&mut studio, &(0..steps).collect::<Vec<_>>(), stages);
            bar.finish_and_clear();
            let times = times?;
            strip.into_inner().unwrap_or_else(PoisonError::into_inner).sheet().write(&args.output, format, packet.as_deref())?;
            times
        }
    };

    let device = studio.device();
    if args.json {
        let mut summary = times.json();
        summary["output"] = args.output.display().to_string().into();
        summary["device"] = device.into();
        summary["layers"] = json!(layers);
        summary["strengths"] = strengths.iter().filter(|_| moves).map(|&strength| flags::as_typed(strength)).collect::<Vec<_>>().into();
        return say(&summary.to_string());
    }
    let unit = if strength.in_sigma || direction.in_sigma { " sigma" } else { "" };
    let range = if moves { format!("strength {} to {}{unit}; ", strength.from, strength.to) } else { String::new() };
    say(&format!("{}: {range}{}", args.output.display(), times.line(&device, args.draw.verbose)))
}

/// By the ending; a .png is a strip, and a PNG that moves is an .apng.
fn form(args: &EditArgs) -> Result<Form, Failure> {
    let extension = args.output.extension().and_then(|extension| extension.to_str()).unwrap_or_default().to_lowercase();
    match extension.as_str() {
        "png" | "jpg" | "jpeg" if args.fps.is_some() => Err(Failure::usage("--fps is for videos; a strip of pictures does not move")),
        "png" | "jpg" | "jpeg" => Ok(Form::Strip(Format::of_picture(&args.output)?)),
        "mp4" | "webp" | "gif" | "apng" => Ok(Form::Video(animation::Format::of(&args.output)?)),
        _ => Err(Failure::usage(format!(
            "{}: the ending says what it is: .png or .jpg a strip, .mp4, .webp, .gif or .apng a video",
            args.output.display()
        ))),
    }
}

fn spec(args: &EditArgs, format: animation::Format, (height, width): (usize, usize)) -> Spec {
    Spec { format, width: width as u32, height: height as u32, fps: args.fps.unwrap_or(format.default_fps()) }
}

/// From end to end in equal steps; of a video back again too, without showing an end twice.
fn strengths(Strength { from, to, .. }: Strength, steps: usize, back: bool) -> Vec<f32> {
    let at = |step: usize| from + (to - from) * step as f32 / (steps.max(2) - 1) as f32;
    let there = 0..steps;
    let returning = if back { 1..steps.saturating_sub(1).max(1) } else { 0..0 };
    there.chain(returning.rev()).map(at).collect()
}

/// From where to where along a direction.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Strength {
    from: f32,
    to: f32,
    /// Counted in standard deviations of w, whatever the file was made for.
    in_sigma: bool,
}

impl Display for Strength {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let unit = if self.in_sigma { "sigma" } else { "" };
        match self.from == self.to {
            true => write!(f, "{}{unit}", self.from),
            false => write!(f, "{}{unit}..{}{unit}", self.from, self.to),
        }
    }
}

fn parse_strength(text: &str) -> Result<Strength, String> {
    let plain = text.replace("sigma", "");
    let (from, to) = plain.split_once("..").unwrap_or((&plain, &plain));
    match (parse_finite(from), parse_finite(to)) {
        (Ok(from), Ok(to)) if (to - from).is_finite() => Ok(Strength { from, to, in_sigma: plain != text }),
        _ => Err("write from and to, as -3..3 or -3sigma..3sigma, or one number".into()),
    }
}

/// How far to go, and what a strength of 1 multiplies the direction by.
fn strength(direction: &Direction, asked: Option<Strength>) -> Result<(Strength, f32), Failure> {
    let usual = if direction.in_sigma { 3.0 } else { 5.0 };
    let strength = asked.unwrap_or(Strength { from: -usual, to: usual, in_sigma: false });
    match direction.sigma {
        Some(sigma) if strength.in_sigma || direction.in_sigma => Ok((strength, sigma)),
        None if strength.in_sigma => {
            Err(Failure::usage("--strength counts sigma, and the file of --direction has none; write plain numbers"))
        }
        _ => Ok((strength, 1.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strengths_go_there_and_back() {
        let range = |from, to| Strength { from, to, in_sigma: false };
        assert_eq!(strengths(range(-1.0, 1.0), 3, false), [-1.0, 0.0, 1.0]);
        assert_eq!(strengths(range(-1.0, 1.0), 3, true), [-1.0, 0.0, 1.0, 0.0]);
        assert_eq!(strengths(range(0.0, 1.0), 2, true), [0.0, 1.0]);
        assert_eq!(strengths(range(2.0, 2.0), 1, true), [2.0]);
        assert_eq!(parse_strength("-5..5"), Ok(range(-5.0, 5.0)));
        assert_eq!(parse_strength("-2.5"), Ok(range(-2.5, -2.5)));
        assert_eq!(parse_strength("-2sigma..2sigma"), Ok(Strength { in_sigma: true, ..range(-2.0, 2.0) }));
        for wrong in ["", "..", "1..", "a..b", "1..2..3", "nan", "1..inf", "-3e38..3e38", "sigma", "1 sigma"] {
            assert!(parse_strength(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn strengths_count_what_the_file_was_made_for() {
        let direction = |sigma, in_sigma| Direction { rows: vec![], layers: None, sigma, in_sigma };
        let asked = |in_sigma| Some(Strength { from: 1.0, to: 1.0, in_sigma });
        let scale = |sigma, made_for_it, in_sigma| strength(&direction(sigma, made_for_it), asked(in_sigma)).map(|(_, scale)| scale);
        assert_eq!(scale(Some(0.5), true, false).unwrap(), 0.5);
        assert_eq!(scale(Some(0.5), false, false).unwrap(), 1.0);
        assert_eq!(scale(Some(0.5), false, true).unwrap(), 0.5);
        assert_eq!(scale(None, false, false).unwrap(), 1.0);
        assert!(scale(None, false, true).is_err());
        let usual = |in_sigma| strength(&direction(Some(0.5), in_sigma), None).unwrap().0.to;
        assert_eq!((usual(true), usual(false)), (3.0, 5.0));
    }
}

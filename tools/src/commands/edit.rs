//! `stylegan edit`: one picture moved along a direction in w, as a strip or a video.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use clap::Args;
use serde_json::json;
use stylegan_tools::animation::{self, Spec};
use stylegan_wgpu::latent::Ws;

use crate::args::{DrawArgs, Format, parse_finite};
use crate::direction::{Source, parse_source};
use crate::failure::Failure;
use crate::film::Film;
use crate::grid::{self, Grid};
use crate::layers::{Layers, parse_layers};
use crate::pipeline::{self, Drawn, Stages};
use crate::studio::{Studio, Subject};
use crate::{network, output, say};

/// Moves a picture along a direction in w: a strip (.png, .jpg), or a video there and back (.mp4, .webp, .gif, .apng).
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  stylegan edit --seed 3 --direction dirs.npz:0 --strength=-3..3 -o strip.png
  stylegan edit --network ffhq.pkl --seed 85 --trunc 0.7 --direction dirs.npz:3 --strength=-5..5 --steps 7 -o strip.png
  stylegan edit --network ffhq.pkl --seed 85 --direction age.pt --strength=-4..4 -o age.mp4
  stylegan edit --network ffhq.pkl --seed 85 --direction smile.npy --strength 3 --layers middle -o smile.png")]
pub(crate) struct EditArgs {
    #[command(flatten)]
    draw: DrawArgs,

    /// Seed of the picture
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u32,

    /// Direction: a file of `directions` with a number, or a .npy, .npz or .pt of w_dim or num_ws x w_dim values
    #[arg(long, value_parser = parse_source, value_name = "FILE[:N]")]
    direction: Source,

    /// How far to go along it, from and to, or one distance (write --strength=-5..5 with =)
    #[arg(long, default_value = "-5..5", value_parser = parse_strength, allow_hyphen_values = true, value_name = "FROM..TO")]
    strength: (f32, f32),

    /// Pictures from one end to the other [default: 7 of a strip, 60 of a video]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..), value_name = "N")]
    steps: Option<u16>,

    /// Layers to change [default: those the directions were found for, or all]
    #[arg(long, value_parser = parse_layers, value_name = "LAYERS")]
    layers: Option<Layers>,

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

/// What the file is to be.
enum Form {
    Strip(Format),
    Video(animation::Format),
}

pub(crate) fn run(args: &EditArgs) -> Result<(), Failure> {
    let form = form(args)?;
    output::check_file(&args.output)?;
    let subject = Subject::open(&args.draw)?;
    let config = &subject.model.config;
    let direction = args.direction.read(config)?;
    let layers = match (&args.layers, direction.layers) {
        (Some(layers), _) => layers.rows("--layers", config)?,
        (None, Some(layers)) => layers,
        (None, None) => (0..config.num_ws()).collect(),
    };
    let steps = match (args.strength.0 == args.strength.1, &form) {
        (true, _) => 1,
        (false, Form::Strip(_)) => args.steps.unwrap_or(7).into(),
        (false, Form::Video(_)) => args.steps.unwrap_or(60).into(),
    };
    let strengths = strengths(args.strength, steps, matches!(form, Form::Video(_)));
    let (size, channels) = (config.image_size(), config.img_channels());
    match form {
        Form::Strip(format) => {
            format.check(channels)?;
            grid::check_pixels(steps * size.1, size.0).map_err(Failure::usage)?;
        }
        Form::Video(format) => spec(args, format, size).check()?,
    }

    let mut studio = Studio::open(&args.draw, &subject, strengths.len())?;
    let origin = studio.ws(&[args.seed])?;
    let mut ws = |_: &mut Studio, indices: &[usize]| -> Result<Ws, Failure> {
        let moved = indices.iter().flat_map(|&index| moved(&origin, &direction.rows, &layers, strengths[index])).collect();
        Ok(Ws::new(indices.len(), origin.num_ws, origin.w_dim, moved)?)
    };
    let times = match form {
        Form::Video(format) => {
            let film = Film { columns: 1, rows: 1, frames: strengths.len(), spec: spec(args, format, size) };
            film.shoot(&mut studio, &args.output, &mut ws)?
        }
        Form::Strip(format) => {
            let strip = Mutex::new(Grid::new(steps, 1, size, channels));
            let bar = network::bar(steps as u64, "rendering");
            let encode = |drawn: Drawn| {
                let picture = drawn.pixels.picture(channels, size);
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
            strip.into_inner().unwrap_or_else(PoisonError::into_inner).sheet().write(&args.output, format)?;
            times
        }
    };

    let device = studio.device();
    if args.json {
        let mut summary = times.json();
        summary["output"] = args.output.display().to_string().into();
        summary["device"] = device.into();
        summary["layers"] = json!(layers);
        summary["strengths"] = json!(strengths);
        return say(&summary.to_string());
    }
    say(&format!("{}: strength {} to {}; {}", args.output.display(), args.strength.0, args.strength.1, times.line(&device)))
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
fn strengths((from, to): (f32, f32), steps: usize, back: bool) -> Vec<f32> {
    let at = |step: usize| from + (to - from) * step as f32 / (steps.max(2) - 1) as f32;
    let there = 0..steps;
    let returning = if back { 1..steps.saturating_sub(1).max(1) } else { 0..0 };
    there.chain(returning.rev()).map(at).collect()
}

/// The rows of w, those of `layers` moved.
fn moved(origin: &Ws, direction: &[f32], layers: &[usize], strength: f32) -> Vec<f32> {
    let mut values = origin.values.clone();
    for &layer in layers {
        let row = layer * origin.w_dim..(layer + 1) * origin.w_dim;
        values[row.clone()].iter_mut().zip(&direction[row]).for_each(|(value, step)| *value += strength * step);
    }
    values
}

fn parse_strength(text: &str) -> Result<(f32, f32), String> {
    let (from, to) = text.split_once("..").unwrap_or((text, text));
    match (parse_finite(from), parse_finite(to)) {
        (Ok(from), Ok(to)) if (to - from).is_finite() => Ok((from, to)),
        _ => Err("write from and to, as -5..5, or one number".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strengths_go_there_and_back() {
        assert_eq!(strengths((-1.0, 1.0), 3, false), [-1.0, 0.0, 1.0]);
        assert_eq!(strengths((-1.0, 1.0), 3, true), [-1.0, 0.0, 1.0, 0.0]);
        assert_eq!(strengths((0.0, 1.0), 2, true), [0.0, 1.0]);
        assert_eq!(strengths((2.0, 2.0), 1, true), [2.0]);
        assert_eq!(parse_strength("-5..5"), Ok((-5.0, 5.0)));
        assert_eq!(parse_strength("-2.5"), Ok((-2.5, -2.5)));
        for wrong in ["", "..", "1..", "a..b", "1..2..3", "nan", "1..inf", "-3e38..3e38"] {
            assert!(parse_strength(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_the_layers_chosen_move() {
        let origin = Ws::new(1, 3, 2, vec![1.0; 6]).unwrap();
        assert_eq!(moved(&origin, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[0, 2], -2.0), [-1.0, -3.0, 1.0, 1.0, -9.0, -11.0]);
    }
}

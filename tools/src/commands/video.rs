//! `stylegan video`: a walk through w from seed to seed that ends where it began.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::json;
use stylegan_studio::drawing::film::Film;
use stylegan_studio::drawing::place::{Path, Place};
use stylegan_studio::pictures::animation::{Format, Spec};
use stylegan_studio::pictures::grid;
use stylegan_studio::pictures::picture;
use stylegan_studio::vectors::Source;
use stylegan_wgpu::latent::{Interpolation, Keyframes, RandomState, Ws, slerp, z};

use crate::args::{self, DrawArgs, SeedRanges};
use crate::drawing::latents::Latents;
use crate::drawing::network;
use crate::drawing::stamp::Stamp;
use crate::drawing::studio::{Studio, Subject};
use crate::failure::Failure;
use crate::{output, say};

/// More rows of w than this are a typing error rather than a film: 1 GiB of them.
const MOST_VALUES: usize = 1 << 28;
/// And so are more pictures: two days at 60 in a second.
const MOST_PICTURES: usize = 10_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// A cubic spline through w, as the original code
    Cubic,
    /// Straight lines through w
    Linear,
    /// Great circles through z
    SlerpZ,
}

/// Writes a video that moves from seed to seed and repeats: MP4 (with ffmpeg), WebP, GIF or APNG, by the name of the file.
///
/// Flags and pictures are those of the stylegan3 repository's gen_video.py.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  stylegan video --seeds 0-3 --w-frames 30 --fps 30 -o avatars.webp
  stylegan video --network ffhq.pkl --seeds 0-31 --grid 4x2 --trunc 0.7 -o lerp.mp4
  stylegan video --network ffhq.pkl --seeds 0-7 --num-keyframes 5 --grid 3x1 --shuffle-seed 1 -o walk.mp4
  stylegan video --network ffhq.pkl --projected-w faces.npy -o faces.mp4
  stylegan video --network stylegan3-r.pkl --seeds 1,2 --turns 1 --zoom-to 2 -o turn.mp4
  stylegan video --network ffhq.pkl --seeds 85,86 --interpolation slerp-z -o two.gif")]
pub(crate) struct VideoArgs {
    #[command(flatten)]
    draw: DrawArgs,

    /// Seeds of the keyframes, as 0,3-5; the flag may be repeated, and so may a seed
    #[arg(long, required_unless_present = "projected_w", value_parser = args::parse_seeds, value_name = "LIST")]
    seeds: Vec<SeedRanges>,

    /// Keyframes by their rows of w instead of seeds, from a file as `generate` takes it
    #[arg(long, value_name = "FILE[:KEY]", conflicts_with_all = ["seeds", "class", "trunc", "trunc_cutoff", "centers"])]
    projected_w: Option<Source>,

    /// Pictures in a frame: the seeds are dealt out among them
    #[arg(long, default_value = "1x1", value_parser = args::parse_grid, value_name = "COLSxROWS")]
    grid: (usize, usize),

    /// Keyframes of every picture of the grid, from the seeds again and again; by default every seed is there once
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..), value_name = "N")]
    num_keyframes: Option<u32>,

    /// Frames from a keyframe to the next
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u32).range(1..), value_name = "N")]
    w_frames: u32,

    /// Shuffles the keyframes with this seed
    #[arg(long, value_name = "N")]
    shuffle_seed: Option<u32>,

    /// Scales every picture to that side, in pixels; of pictures that are not square, the longer one
    #[arg(long, value_parser = clap::value_parser!(u16).range(8..=4096), value_name = "PIXELS")]
    size: Option<u16>,

    /// Frames per second [default: 60, of a GIF 50]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..), value_name = "N")]
    fps: Option<u16>,

    /// How to go from keyframe to keyframe
    #[arg(long, value_enum, default_value_t = Kind::Cubic, value_name = "KIND")]
    interpolation: Kind,

    /// Of a StyleGAN3: moves the pictures to there and back over the video, in picture sides to the right and down
    #[arg(long, value_parser = args::parse_pair, allow_hyphen_values = true, value_name = "X,Y")]
    pan: Option<[f32; 2]>,

    /// Of a StyleGAN3: turns the pictures over the video, counter-clockwise
    #[arg(long, value_parser = clap::value_parser!(i32).range(-1000..=1000), allow_negative_numbers = true, value_name = "TURNS")]
    turns: Option<i32>,

    /// Of a StyleGAN3: goes from the size of --zoom to this one and back
    #[arg(long, value_parser = args::parse_zoom, value_name = "FACTOR")]
    zoom_to: Option<f32>,

    /// Video to write: .mp4, .webp, .gif or .png
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,

    /// Prints the closing line as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &VideoArgs) -> Result<(), Failure> {
    let seeds = args::listed_seeds("--seeds", &args.seeds)?;
    let (columns, rows) = args.grid;
    let format = Format::of(&args.output)?;
    args.draw.refuse_tf()?;
    args.draw.refuse_open_channels()?;
    if args.interpolation == Kind::SlerpZ && args.draw.centers.is_some() {
        return Err(Failure::usage(
            "--interpolation slerp-z truncates every frame on its own, and would jump where another centre becomes the nearest; use cubic or linear with --centers",
        ));
    }
    output::check_file(&args.output)?;
    let (subject, latents) = match &args.projected_w {
        None => {
            // Before a network is opened, which may take seconds.
            keyframes(seeds.len(), columns * rows, args)?;
            (Subject::open(&args.draw)?, Latents::Seeds(seeds))
        }
        Some(_) if args.interpolation == Kind::SlerpZ => {
            return Err(Failure::usage("--interpolation slerp-z goes through z, and rows of w have none"));
        }
        Some(source) => {
            let subject = Subject::without_latents(&args.draw)?;
            let latents = Latents::read(source, &subject.model.config)?;
            (subject, latents)
        }
    };
    let keyframes = keyframes(latents.len(), columns * rows, args)?;
    let config = &subject.model.config;
    let drawn = config.image_size();
    let (height, width) = args.size.map_or(drawn, |longer| picture::scaled(drawn, longer.into()));
    let (width, height) = (columns.saturating_mul(width), rows.saturating_mul(height));
    grid::check_pixels(width, height)?;
    let (width, height) = (width as u32, height as u32);
    let spec = Spec { format, width, height, fps: args.fps.unwrap_or(format.default_fps()) };
    spec.check()?;
    let film = Film { columns, rows, frames: keyframes.saturating_mul(args.w_frames as usize), spec };
    let pictures = film.frames.saturating_mul(film.cells());
    if pictures > MOST_PICTURES {
        return Err(Failure::usage(format!("that is a video of {pictures} pictures; at most {MOST_PICTURES} are drawn")));
    }
    let values = (keyframes * film.cells()).saturating_mul(config.num_ws() * config.w_dim());
    if values > MOST_VALUES {
        return Err(Failure::usage(format!("{keyframes} keyframes in {} pictures are too many to keep in memory", film.cells())));
    }

    let path = path(args, &film);
    if let Some(path) = path {
        // Whether the network can go there, and as far as that.
        let middle = film.frames / 2 * film.cells();
        path.at(middle).transform(config)?;
    }

    let mut studio = Studio::open(&args.draw, &subject, pictures)?;
    path.into_iter().for_each(|path| studio.follows(path));
    let order = deal(latents.len(), keyframes * film.cells(), args.shuffle_seed);
    let walk = |places: &[usize]| Walk::new(args.interpolation, &mut studio, &latents, places);
    let walks = order.chunks(keyframes).map(walk).collect::<Result<Vec<_>, _>>()?;
    let mut ws = |studio: &mut Studio, indices: &[usize]| {
        let point = |&index: &usize| (&walks[index % film.cells()], (index / film.cells()) as f64 / f64::from(args.w_frames));
        along(studio, indices.iter().map(point))
    };
    let mut own = latents
        .own(None, &args.draw.trunc.to_string())
        .flag("grid", format!("{columns}x{rows}"))
        .flag("num-keyframes", keyframes)
        .flag("w-frames", args.w_frames)
        .flag("fps", spec.fps)
        .flag("interpolation", args.interpolation.to_possible_value().map_or_else(String::new, |kind| kind.get_name().to_owned()));
    if let Some(size) = args.size {
        own = own.flag("size", size);
    }
    if let Some([x, y]) = args.pan {
        own = own.flag("pan", format!("{x},{y}"));
    }
    if let Some(turns) = args.turns {
        own = own.flag("turns", turns);
    }
    if let Some(zoom) = args.zoom_to {
        own = own.flag("zoom-to", zoom);
    }
    if let Some(seed) = args.shuffle_seed {
        own = own.flag("shuffle-seed", seed);
    }
    let packet = Stamp::new("video", &args.draw, &subject, &studio).packet(own, 0);
    let bar = network::bar(film.frames as u64, "rendering");
    let times = film.shoot(&mut studio, &args.output, &mut ws, packet.as_deref(), &|done| bar.set_position(done as u64));
    bar.finish_and_clear();
    let times = times?;

    let device = studio.device();
    let seconds = film.frames as f64 / f64::from(spec.fps);
    if args.json {
        let mut summary = times.json();
        summary["output"] = args.output.display().to_string().into();
        summary["device"] = device.into();
        summary["video"] = json!({
            "frames": film.frames, "fps": spec.fps, "width": width, "height": height, "keyframes": keyframes, "seconds": seconds
        });
        return say(&summary.to_string());
    }
    say(&format!(
        "{}: {} frames of {width} x {height}, {seconds:.1} s; {}",
        args.output.display(),
        film.frames,
        times.line(&device, args.draw.verbose)
    ))
}

/// The path of the flags, if there are any.
fn path(args: &VideoArgs, film: &Film) -> Option<Path> {
    let from = args.draw.place().unwrap_or(Place::HERE);
    (args.pan.is_some() || args.turns.is_some() || args.zoom_to.is_some()).then_some(Path {
        from,
        pan: args.pan.unwrap_or_default(),
        turns: args.turns.unwrap_or_default(),
        zoom_to: args.zoom_to.unwrap_or(from.zoom),
        frames: film.frames,
        cells: film.cells(),
    })
}

/// Keyframes of each cell.
fn keyframes(seeds: usize, cells: usize, args: &VideoArgs) -> Result<usize, Failure> {
    match args.num_keyframes {
        Some(count) if (count as usize).saturating_mul(cells) > MOST_PICTURES => {
            Err(Failure::usage(format!("{count} keyframes in {cells} pictures are too many; at most {MOST_PICTURES} in all")))
        }
        Some(count) => Ok(count as usize),
        None if seeds.is_multiple_of(cells) => Ok(seeds / cells),
        None => {
            let who = if args.projected_w.is_some() { "--projected-w" } else { "--seeds" };
            Err(Failure::usage(format!(
                "{who} names {seeds}, and --grid has {cells} pictures: name a multiple of {cells}, or say how many each gets with --num-keyframes"
            )))
        }
    }
}

/// The places in the list of all keyframes, cell by cell.
fn deal(listed: usize, count: usize, shuffle_seed: Option<u32>) -> Vec<usize> {
    let mut order: Vec<usize> = (0..listed).cycle().take(count).collect();
    if let Some(seed) = shuffle_seed {
        RandomState::new(seed).shuffle(&mut order);
    }
    order
}

/// Where a cell is at what time.
enum Walk {
    W(Keyframes),
    Z(Vec<Vec<f32>>),
}

impl Walk {
    fn new(kind: Kind, studio: &mut Studio, latents: &Latents, places: &[usize]) -> Result<Walk, Failure> {
        let interpolation = match kind {
            Kind::Cubic => Interpolation::Cubic,
            Kind::Linear => Interpolation::Linear,
            Kind::SlerpZ => {
                let z_dim = studio.generator.config().z_dim();
                return Ok(Walk::Z(places.iter().filter_map(|&place| latents.seed(place)).map(|seed| z(seed, z_dim)).collect()));
            }
        };
        Ok(Walk::W(Keyframes::new(latents.all_ws(studio, places)?, interpolation)?))
    }
}

/// Rows of w of points on walks of one kind.
fn along<'a>(studio: &mut Studio, points: impl Iterator<Item = (&'a Walk, f64)>) -> Result<Ws, Failure> {
    let (num_ws, w_dim) = (studio.generator.config().num_ws(), studio.generator.config().w_dim());
    let (mut n, mut rows, mut latents) = (0, Vec::new(), Vec::new());
    for (walk, time) in points {
        n += 1;
        match walk {
            Walk::W(keyframes) => rows.extend(keyframes.at(time).values),
            Walk::Z(keyframes) => {
                let first = time as usize % keyframes.len();
                latents.extend(slerp(&keyframes[first], &keyframes[(first + 1) % keyframes.len()], time.fract() as f32));
            }
        }
    }
    match latents.is_empty() {
        true => Ok(Ws::new(n, num_ws, w_dim, rows)?),
        false => studio.ws_of(&latents, n),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// NumPy 2.4.6: `a = numpy.arange(10); numpy.random.RandomState(0).shuffle(a)`.
    #[test]
    fn seeds_are_dealt_again_and_again() {
        assert_eq!(deal(3, 5, None), [0, 1, 2, 0, 1]);
        assert_eq!(deal(3, 2, None), [0, 1]);
        assert_eq!(deal(10, 10, Some(0)), [2, 8, 4, 9, 1, 6, 7, 3, 0, 5]);
    }
}

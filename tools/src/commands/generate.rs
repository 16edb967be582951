//! `stylegan generate`: one picture per seed. Pictures are encoded on a thread of their own while the next batch renders.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::ProgressBar;
use stylegan_tools::array_file;
use stylegan_wgpu::networks::Config;

use crate::args::{self, DrawArgs, Format, SeedRanges};
use crate::failure::Failure;
use crate::grid::{self, Grid};
use crate::output::{self, Picture};
use crate::studio::{Studio, Subject};
use crate::{network, say};

/// Renders one picture per seed into a folder, as seed0085.png.
///
/// The same seed gives the same picture as the original code. A network is one of our .safetensors files, or any checkpoint
/// that `convert` knows, which is then converted in memory.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  stylegan generate --seeds 0-15 --grid 4x4 --outdir out
  stylegan generate --network ffhq.safetensors --seeds 85,265-270 --trunc 0.7 --outdir out
  stylegan generate --network cifar10.pkl --seeds 0-9 --class 3 --outdir ships
  stylegan generate --network ffhq.pkl --seeds 0-7 --outdir out --grid 4x2 --format jpg
  stylegan generate --network ffhq.pkl --seeds 0 --noise-mode random --noise-seed 7 --outdir out --format npy")]
pub(crate) struct GenerateArgs {
    #[command(flatten)]
    draw: DrawArgs,

    /// Seeds, as 0,3-5; the flag may be repeated
    #[arg(long, default_value = "0", value_parser = args::parse_seeds, value_name = "LIST")]
    seeds: Vec<SeedRanges>,

    /// Folder to write into; made when it is not there
    #[arg(long, value_name = "DIR")]
    outdir: PathBuf,

    /// File format; npy holds f32 of C x R x R, not clamped
    #[arg(long, value_enum, default_value_t = Format::Png)]
    format: Format,

    /// Additionally writes grid.png, a sheet of all pictures in the order of the seeds, row by row
    #[arg(long, value_parser = args::parse_grid, value_name = "COLSxROWS")]
    grid: Option<(usize, usize)>,
}

pub(crate) fn run(args: &GenerateArgs) -> Result<(), Failure> {
    // Everything that can be wrong is looked at before a device is opened, and before a file or folder is made.
    let seeds = args::seeds("--seeds", &args.seeds)?;
    output::check_folder(&args.outdir)?;
    let subject = Subject::open(&args.draw)?;
    check_pictures(args, &subject.model.config, seeds.len())?;
    let mut studio = Studio::open(&args.draw, &subject, seeds.len())?;
    std::fs::create_dir_all(&args.outdir).map_err(|error| Failure::Runtime(format!("{}: {error}", args.outdir.display())))?;

    let writer = Writer {
        folder: args.outdir.clone(),
        format: args.format,
        channels: subject.model.config.img_channels(),
        side: subject.model.config.img_resolution(),
        grid: args.grid,
        bar: network::bar(seeds.len() as u64, "rendering"),
    };
    let bar = writer.bar.clone();
    let (sender, receiver) = sync_channel(studio.batch());
    let (rendered, written) = thread::scope(|scope| {
        let encoder = scope.spawn(|| writer.run(receiver));
        let rendered = render(args.format, &mut studio, &seeds, sender);
        (rendered, encoder.join().unwrap_or_else(|_| Err(Failure::Runtime("encoding a picture failed; this is a bug".into()))))
    });
    bar.finish_and_clear();
    // The writer's failure is the cause when both failed: rendering stops because nobody takes its pictures.
    written?;
    say(&summary(&rendered?, seeds.len(), studio.batch(), &studio.device()))
}

/// Refuses what the picture formats cannot hold.
fn check_pictures(args: &GenerateArgs, config: &Config, count: usize) -> Result<(), Failure> {
    if args.format == Format::Jpg && matches!(config.img_channels(), 2 | 4) {
        return Err(Failure::usage("this network draws an alpha channel, which jpg cannot hold; use --format png or webp"));
    }
    match args.grid {
        Some((columns, rows)) => grid::check(columns, rows, config.img_resolution(), count).map_err(Failure::usage),
        None => Ok(()),
    }
}

/// What goes from the renderer to the writer.
enum Rendered {
    Rgba(u32, image::RgbaImage),
    Planes(u32, Vec<f32>),
}

/// Renders all seeds and times the batches. Stops when the writer has gone.
fn render(format: Format, studio: &mut Studio, seeds: &[u32], sender: SyncSender<Rendered>) -> Result<Vec<Duration>, Failure> {
    let mut times = Vec::new();
    for (i, chunk) in seeds.chunks(studio.batch()).enumerate() {
        let start = Instant::now();
        let ws = studio.ws(chunk)?;
        let noise = studio.noise(i * studio.batch());
        let pictures: Vec<Rendered> = match format {
            Format::Npy => {
                let planes = studio.generator.synthesis_f32(&ws, noise)?;
                chunk.iter().zip(planes).map(|(&seed, planes)| Rendered::Planes(seed, planes)).collect()
            }
            _ => {
                let images = studio.generator.synthesis_rgba8(&ws, noise)?;
                chunk.iter().zip(images).map(|(&seed, image)| Rendered::Rgba(seed, image)).collect()
            }
        };
        times.push(start.elapsed());
        for picture in pictures {
            if sender.send(picture).is_err() {
                return Ok(times);
            }
        }
    }
    Ok(times)
}

/// The thread that encodes and writes.
struct Writer {
    folder: PathBuf,
    format: Format,
    channels: usize,
    side: usize,
    grid: Option<(usize, usize)>,
    bar: ProgressBar,
}

impl Writer {
    fn run(self, receiver: Receiver<Rendered>) -> Result<(), Failure> {
        let mut grid = self.grid.map(|(columns, rows)| Grid::new(columns, rows, self.side, self.channels));
        for rendered in receiver {
            match rendered {
                Rendered::Planes(seed, planes) => {
                    array_file::write_npy(&self.path(seed), &[self.channels, self.side, self.side], &planes)?;
                    if let Some(grid) = &mut grid {
                        grid.add(&Picture::from_planes(&planes, self.channels, self.side));
                    }
                }
                Rendered::Rgba(seed, image) => {
                    let picture = Picture::from_rgba(&image, self.channels);
                    picture.write(&self.path(seed), self.format)?;
                    if let Some(grid) = &mut grid {
                        grid.add(&picture);
                    }
                }
            }
            self.bar.inc(1);
        }
        match grid {
            Some(grid) => grid.sheet().write(&self.folder.join("grid.png"), Format::Png),
            None => Ok(()),
        }
    }

    /// NVIDIA's file names.
    fn path(&self, seed: u32) -> PathBuf {
        Path::new(&self.folder).join(format!("seed{seed:04}.{}", self.format.extension()))
    }
}

/// The last line: the time of a picture, without the first batch (which also waits for the driver's first run) when there is another.
fn summary(times: &[Duration], pictures: usize, batch: usize, adapter: &str) -> String {
    let ms = |time: Duration, count: usize| time.as_secs_f64() * 1e3 / count.max(1) as f64;
    let first = batch.min(pictures);
    let plural = if pictures == 1 { "" } else { "s" };
    if times.len() < 2 {
        return format!("{pictures} image{plural}, {:.1} ms per image, {adapter}", ms(times.iter().sum(), pictures));
    }
    let rest = ms(times[1..].iter().sum(), pictures - first);
    format!("{pictures} image{plural}, {rest:.1} ms per image after the first batch ({:.1} ms per image), {adapter}", ms(times[0], first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_batch_is_timed_apart() {
        let time = Duration::from_millis;
        assert_eq!(summary(&[time(30)], 3, 4, "GPU"), "3 images, 10.0 ms per image, GPU");
        assert_eq!(summary(&[time(5)], 1, 1, "GPU"), "1 image, 5.0 ms per image, GPU");
        assert_eq!(
            summary(&[time(90), time(6), time(3)], 5, 2, "GPU"),
            "5 images, 3.0 ms per image after the first batch (45.0 ms per image), GPU"
        );
    }
}

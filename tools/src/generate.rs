//! `stylegan generate`: one picture per seed. Pictures are encoded on a thread of their own while the next batch renders.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use stylegan_wgpu::generator::{Generator, Noise, Options};
use stylegan_wgpu::gpu::Gpu;
use stylegan_wgpu::latent::{Truncation, Ws, z};
use stylegan_wgpu::networks::Config;

use crate::args::{Format, GenerateArgs, NoiseMode};
use crate::failure::Failure;
use crate::grid::{self, Grid};
use crate::output::{self, Picture};
use crate::{default_model, network, say, warn};

pub(crate) fn run(args: &GenerateArgs) -> Result<(), Failure> {
    // Everything that can be wrong is looked at before a device is opened, and before a file or folder is made.
    let seeds = args.seeds().map_err(Failure::usage)?;
    output::check_folder(&args.outdir)?;
    let model = network::open_or_default(args.network.as_deref())?;
    let class = check_class(args.class, model.config.c_dim())?;
    check_pictures(args, &model.config, seeds.len())?;

    let gpu = Gpu::open(args.device.as_deref())?;
    let batch = usize::from(args.batch).min(seeds.len());
    let mut generator = Generator::new(&gpu, &model, &Options { precision: args.precision.into(), batch })?;
    if args.network.is_none() {
        default_model::introduce();
    }
    std::fs::create_dir_all(&args.outdir).map_err(|error| Failure::Runtime(format!("{}: {error}", args.outdir.display())))?;

    let writer = Writer {
        folder: args.outdir.clone(),
        format: args.format,
        channels: generator.config().img_channels(),
        side: generator.config().img_resolution(),
        grid: args.grid,
        bar: network::bar(seeds.len() as u64, "rendering"),
    };
    let bar = writer.bar.clone();
    let (sender, receiver) = sync_channel(batch);
    let (rendered, written) = thread::scope(|scope| {
        let encoder = scope.spawn(|| writer.run(receiver));
        let rendered = render(args, &mut generator, &seeds, class, batch, sender);
        (rendered, encoder.join().unwrap_or_else(|_| Err(Failure::Runtime("encoding a picture failed; this is a bug".into()))))
    });
    bar.finish_and_clear();
    // The writer's failure is the cause when both failed: rendering stops because nobody takes its pictures.
    written?;
    let on = format!("{} ({})", gpu.name(), format!("{:?}", generator.dtype()).to_lowercase());
    say(&summary(&rendered?, seeds.len(), batch, &on))
}

/// The class to draw: needed by conditional networks, ignored by others.
fn check_class(class: Option<usize>, c_dim: usize) -> Result<Option<usize>, Failure> {
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
fn render(
    args: &GenerateArgs,
    generator: &mut Generator,
    seeds: &[u32],
    class: Option<usize>,
    batch: usize,
    sender: SyncSender<Rendered>,
) -> Result<Vec<Duration>, Failure> {
    let truncation = Truncation { psi: args.trunc, cutoff: args.trunc_cutoff };
    let (z_dim, w_avg) = (generator.config().z_dim(), generator.w_avg());
    let mut times = Vec::new();
    for (i, chunk) in seeds.chunks(batch).enumerate() {
        let start = Instant::now();
        let latents: Vec<f32> = chunk.iter().flat_map(|&seed| z(seed, z_dim)).collect();
        let classes = class.map(|class| vec![class; chunk.len()]);
        let mut ws: Ws = generator.mapping(&latents, classes.as_deref())?;
        truncation.apply(&mut ws, &w_avg)?;
        let noise = match args.noise_mode {
            NoiseMode::Const => Noise::Const,
            NoiseMode::None => Noise::None,
            NoiseMode::Random => Noise::Random { seed: args.noise_seed.wrapping_add((i * batch) as u32) },
        };
        let pictures: Vec<Rendered> = match args.format {
            Format::Npy => {
                chunk.iter().zip(generator.synthesis_f32(&ws, noise)?).map(|(&seed, planes)| Rendered::Planes(seed, planes)).collect()
            }
            _ => chunk.iter().zip(generator.synthesis_rgba8(&ws, noise)?).map(|(&seed, image)| Rendered::Rgba(seed, image)).collect(),
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
                    output::write_npy(&self.path(seed), &planes, self.channels, self.side)?;
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
    fn classes_are_needed_checked_or_ignored() {
        assert!(matches!(check_class(None, 0), Ok(None)));
        assert!(matches!(check_class(Some(4), 5), Ok(Some(4))));
        assert!(matches!(check_class(Some(4), 0), Ok(None)));
        assert!(matches!(check_class(Some(5), 5), Err(Failure::Usage(text)) if text.contains("5 classes, 0 to 4")));
        assert!(matches!(check_class(None, 5), Err(Failure::Usage(text)) if text.contains("5 classes")));
    }

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

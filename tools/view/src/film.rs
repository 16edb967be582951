//! A film of keyframes, shot aside: the pipeline of `stylegan video`, with a generator of its own, so that the painter goes on.

use std::path::PathBuf;

use stylegan_studio::drawing::film::Film;
use stylegan_studio::drawing::pipeline::Artist;
use stylegan_studio::pictures::animation::{AnimationError, Format, Spec};
use stylegan_studio::pictures::picture;
use stylegan_wgpu::latent::{Keyframes, Ws};
use stylegan_wgpu::{Error, Generator, Gpu, Look, Model, Noise, Options, blocking};

use crate::error::ViewError;
use crate::tasks::Reporter;

/// What is shot.
pub(crate) struct Take {
    /// One after another; after the last comes the first.
    pub(crate) keyframes: Keyframes,
    /// Frames from a keyframe to the next.
    pub(crate) step: usize,
    /// Frames per second.
    pub(crate) fps: u16,
    /// Pixels of the longer side; as the network draws when absent.
    pub(crate) size: Option<usize>,
    /// What every picture looks like.
    pub(crate) look: Look,
    /// Its noise; that of the first picture, where it is random.
    pub(crate) noise: Noise,
    /// Where to: .mp4, .webp, .gif or .png.
    pub(crate) path: PathBuf,
    /// What it says of how it was made.
    pub(crate) packet: Option<String>,
}

impl Take {
    /// Frames in all.
    pub(crate) fn frames(&self) -> usize {
        self.keyframes.count() * self.step
    }

    /// Size, format and rate; an error where the format cannot hold them.
    pub(crate) fn spec(&self, drawn: (usize, usize)) -> Result<Spec, ViewError> {
        let (height, width) = self.size.map_or(drawn, |longer| picture::scaled(drawn, longer));
        let spec = Format::of(&self.path).map(|format| Spec { format, width: width as u32, height: height as u32, fps: self.fps });
        spec.and_then(|spec| spec.check().map(|()| spec)).map_err(|error| ViewError::Wrong(error.to_string()))
    }

    /// Draws and writes it; cancelled, no file is left. On a processor that plays the GPU it has a device of its own: there, the window
    /// would wait for every picture in its queue.
    pub(crate) fn shoot(&self, gpu: &Gpu, model: &Model, options: &Options, reporter: &Reporter) -> Result<(), ViewError> {
        let spec = self.spec(model.config.image_size())?;
        let gpu = if gpu.tier().software { blocking::open(Some(gpu.name()))? } else { gpu.clone() };
        let generator = blocking::Generator::new(&gpu, model, options)?;
        let film = Film { columns: 1, rows: 1, frames: self.frames(), spec };
        let mut shooter = Shooter { generator, look: &self.look, noise: self.noise, reporter };
        let mut ws = |_: &mut Shooter<'_>, pictures: &[usize]| -> Result<Ws, Ended> {
            let points: Vec<Ws> = pictures.iter().map(|&i| self.keyframes.at(i as f64 / self.step as f64)).collect();
            let (num_ws, w_dim) = points.first().map_or((0, 0), |ws| (ws.num_ws, ws.w_dim));
            Ok(Ws::new(points.len(), num_ws, w_dim, points.into_iter().flat_map(|ws| ws.values).collect())?)
        };
        let told = |done: usize| reporter.report(done as f32 / film.frames.max(1) as f32);
        let shot = film.shoot(&mut shooter, &self.path, &mut ws, self.packet.as_deref(), &told);
        match shot {
            Ok(_) => Ok(()),
            // The pipeline ends with what the artist says, whatever it is.
            Err(_) if reporter.is_cancelled() => Err(ViewError::Cancelled),
            Err(Ended::Engine(error)) => Err(error.into()),
            Err(Ended::File(error)) => Err(ViewError::Wrong(error.to_string())),
        }
    }
}

/// A network that draws a film.
struct Shooter<'a> {
    generator: blocking::Generator,
    look: &'a Look,
    noise: Noise,
    reporter: &'a Reporter,
}

impl Artist for Shooter<'_> {
    fn generator(&mut self) -> &mut Generator {
        &mut self.generator
    }

    /// A picture at a time: the window's own come in between.
    fn batch(&self) -> usize {
        1
    }

    fn may_follow(&self, _: usize, _: usize) -> bool {
        false
    }

    fn look(&mut self, pictures: &[usize]) -> Result<Look, Error> {
        if self.reporter.is_cancelled() {
            return Err(Error::Argument("the film was cancelled".into()));
        }
        let first = pictures.first().map_or(0, |&first| first as u32);
        Ok(self.look.clone().noise(match self.noise {
            Noise::Random { seed } => Noise::Random { seed: seed.wrapping_add(first) },
            other => other,
        }))
    }
}

/// Why there is no film.
enum Ended {
    Engine(Error),
    File(AnimationError),
}

impl From<Error> for Ended {
    fn from(error: Error) -> Ended {
        Ended::Engine(error)
    }
}

impl From<AnimationError> for Ended {
    fn from(error: AnimationError) -> Ended {
        Ended::File(error)
    }
}

//! What is drawn, as plain data: a place in latent space and how it is to look. All that is remembered, bred, put on a timeline or written
//! into a picture is a [`Wish`].

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stylegan_studio::drawing::place::Place;
use stylegan_wgpu::latent::{Truncation, Ws};
use stylegan_wgpu::{Config, Error, Look, Noise, Result};

/// Seeds from one row of the pad to the next, as NVIDIA's visualizer has it.
pub(crate) const PAD_WIDTH: u32 = 100;

/// Everything that decides a picture but the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Wish {
    /// Where in latent space.
    pub source: Source,
    /// Truncation psi of what comes from seeds; rows of w are drawn as they are.
    pub psi: f32,
    /// How many rows of w are truncated; all when absent.
    pub cutoff: Option<usize>,
    /// Of a conditional network.
    pub class: usize,
    /// What the layers add.
    pub noise: Maps,
    /// Of noise that is drawn anew.
    pub noise_seed: u32,
    /// To the right and down, in picture sides. Of a StyleGAN3, as the next two.
    pub translate: [f32; 2],
    /// Degrees, counter-clockwise.
    pub rotate: f32,
    /// About the middle.
    pub zoom: f32,
    /// Rows of w that are somebody else's; the last that has a row wins.
    pub mixes: Vec<Mix>,
    /// Steps along directions, after truncation and mixing.
    pub moves: Vec<Move>,
}

/// A place in latent space.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Source {
    /// On the pad: seed `floor(x) + 100 floor(y)` lies at (x, y), and between seeds their four neighbours are interpolated.
    Pad {
        /// To the right.
        x: f64,
        /// Down.
        y: f64,
        /// What is interpolated.
        space: Space,
    },
    /// Rows of w out of a file, or of what was bred: drawn as they are.
    Rows(Rows),
}

/// What is interpolated between seeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Space {
    /// The outcome of the mapping network.
    W,
    /// Its input.
    Z,
}

/// Rows of w of one picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rows {
    /// Where they came from, for people.
    pub name: String,
    /// `[num_ws, w_dim]`.
    pub values: Vector,
}

/// Numbers that many wishes share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Vec<f32>", into = "Vec<f32>")]
pub struct Vector(pub Arc<[f32]>);

impl From<Vec<f32>> for Vector {
    fn from(values: Vec<f32>) -> Vector {
        Vector(values.into())
    }
}

impl From<Vector> for Vec<f32> {
    fn from(vector: Vector) -> Vec<f32> {
        vector.0.to_vec()
    }
}

/// What the layers add to their activations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Maps {
    /// The maps of the network's file.
    Stored,
    /// Nothing.
    None,
    /// Maps of a seed.
    Fresh,
    /// The same with another seed for every picture that is shown.
    Animated,
}

/// Rows of w of somebody else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mix {
    /// Whose.
    pub source: Source,
    /// Which.
    pub layers: Vec<usize>,
}

/// A step along a direction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Move {
    /// For people.
    pub name: String,
    /// `[w_dim]` or `[num_ws, w_dim]`.
    pub direction: Vector,
    /// How far.
    pub strength: f32,
    /// The strength of one standard deviation of w, which sliders count in.
    #[serde(default = "one")]
    pub sigma: f32,
    /// Rows of w that move; all when absent.
    pub layers: Option<Vec<usize>>,
}

/// What a wish asks of a network: its mapping, and the average w.
pub trait Latents {
    /// Whose.
    fn config(&self) -> &Config;
    /// w `[w_dim]` of a seed.
    fn of_seed(&mut self, seed: u32, class: Option<usize>) -> Result<Vec<f32>>;
    /// w `[w_dim]` of a z.
    fn of_z(&mut self, z: &[f32], class: Option<usize>) -> Result<Vec<f32>>;
    /// What truncation goes towards.
    fn w_avg(&self, class: Option<usize>) -> Vec<f32>;
}

impl Default for Wish {
    fn default() -> Wish {
        Wish {
            source: Source::of_seed(85),
            psi: 0.7,
            cutoff: None,
            class: 0,
            noise: Maps::Stored,
            noise_seed: 0,
            translate: Place::HERE.translate,
            rotate: Place::HERE.rotate,
            zoom: Place::HERE.zoom,
            mixes: Vec::new(),
            moves: Vec::new(),
        }
    }
}

impl Source {
    /// A seed's place on the pad.
    pub fn of_seed(seed: u32) -> Source {
        let (x, y) = (seed % PAD_WIDTH, seed / PAD_WIDTH);
        Source::Pad { x: x.into(), y: y.into(), space: Space::W }
    }

    /// The seed, where it is one and not between several.
    pub fn seed(&self) -> Option<u32> {
        let Source::Pad { x, y, .. } = *self else { return None };
        match corners(x, y)[..] {
            [(seed, _)] => Some(seed),
            _ => None,
        }
    }

    /// Rows of w, of seeds truncated.
    fn ws(&self, wish: &Wish, latents: &mut dyn Latents) -> Result<Ws> {
        let (num_ws, w_dim, z_dim) = (latents.config().num_ws(), latents.config().w_dim(), latents.config().z_dim());
        let class = wish.class_of(latents.config());
        let w = match self {
            Source::Rows(rows) if rows.values.0.len() == num_ws * w_dim => return Ws::new(1, num_ws, w_dim, rows.values.0.to_vec()),
            Source::Rows(rows) => {
                let text = format!("{} has {} values; this network takes {num_ws} rows of {w_dim}", rows.name, rows.values.0.len());
                return Err(Error::Argument(text));
            }
            Source::Pad { x, y, space: Space::W } => {
                let parts = corners(*x, *y).into_iter().map(|(seed, weight)| Ok((latents.of_seed(seed, class)?, weight)));
                weighed(parts.collect::<Result<_>>()?)
            }
            Source::Pad { x, y, space: Space::Z } => {
                let corners = corners(*x, *y);
                // As likely between seeds as at them.
                let norm = corners.iter().map(|(_, weight)| weight * weight).sum::<f64>().sqrt();
                let z = |(seed, weight)| (stylegan_wgpu::latent::z(seed, z_dim), weight / norm);
                let z = weighed(corners.into_iter().map(z).collect());
                latents.of_z(&z, class)?
            }
        };
        let mut ws = Ws::broadcast(&w, w_dim, num_ws);
        Truncation { psi: wish.psi, cutoff: wish.cutoff }.apply(&mut ws, &latents.w_avg(class))?;
        Ok(ws)
    }
}

/// The seeds around a place with their weights, which sum to 1; those that weigh nothing are not there.
pub fn corners(x: f64, y: f64) -> Vec<(u32, f64)> {
    let (left, top) = (x.floor(), y.floor());
    let of = |dx: f64, dy: f64| {
        let weight = (1.0 - (x - left - dx).abs()) * (1.0 - (y - top - dy).abs());
        // Seeds go round at 2^32.
        let seed = (left + dx) + f64::from(PAD_WIDTH) * (top + dy);
        ((seed.rem_euclid(4294967296.0)) as u32, weight)
    };
    [of(0.0, 0.0), of(1.0, 0.0), of(0.0, 1.0), of(1.0, 1.0)].into_iter().filter(|(_, weight)| *weight > 0.0).collect()
}

/// The weighted sum; a single vector as it is.
fn weighed(parts: Vec<(Vec<f32>, f64)>) -> Vec<f32> {
    let mut sum = vec![0.0f64; parts.first().map_or(0, |(values, _)| values.len())];
    for (values, weight) in &parts {
        sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += weight * f64::from(*value));
    }
    sum.into_iter().map(|value| value as f32).collect()
}

impl Wish {
    /// The class, of a network that has classes.
    pub fn class_of(&self, config: &Config) -> Option<usize> {
        (config.c_dim() > 0).then(|| self.class.min(config.c_dim() - 1))
    }

    /// Truncation is behind everything here: these rows are drawn as they are, with [`Wish::look`].
    pub fn ws(&self, latents: &mut dyn Latents) -> Result<Ws> {
        let mut ws = self.source.ws(self, latents)?;
        for mix in &self.mixes {
            let other = mix.source.ws(self, latents)?;
            ws.mix(0, &mix.layers, &other, 0)?;
        }
        for step in &self.moves {
            step.take(&mut ws)?;
        }
        Ok(ws)
    }

    /// What is not in the rows of w.
    pub fn look(&self, config: &Config) -> Result<Look> {
        let look = Look::new().noise(self.noise());
        match self.is_placed() && matches!(config, Config::StyleGan3(_)) {
            true => Ok(look.transform(self.place().transform(config)?)),
            false => Ok(look),
        }
    }

    /// The engine's word for its noise.
    pub fn noise(&self) -> Noise {
        match self.noise {
            Maps::Stored => Noise::Const,
            Maps::None => Noise::None,
            Maps::Fresh | Maps::Animated => Noise::Random { seed: self.noise_seed },
        }
    }

    /// Whether a seed and the flags of `generate` say all of it.
    pub fn is_of_seed(&self) -> bool {
        self.source.seed().is_some() && self.mixes.is_empty() && self.moves.is_empty()
    }

    /// Whether a StyleGAN3 draws elsewhere than by itself.
    pub fn is_placed(&self) -> bool {
        self.place() != Place::HERE
    }

    /// Where a StyleGAN3 draws.
    pub fn place(&self) -> Place {
        Place { translate: self.translate, rotate: self.rotate, zoom: self.zoom }
    }
}

fn one() -> f32 {
    1.0
}

impl Move {
    /// Moves the rows of w of a picture.
    fn take(&self, ws: &mut Ws) -> Result<()> {
        let (w_dim, found) = (ws.w_dim, self.direction.0.len());
        if found != w_dim && found != ws.num_ws * w_dim {
            let text = format!("the direction {} has {found} values; w has {w_dim}, in {} layers", self.name, ws.num_ws);
            return Err(Error::Argument(text));
        }
        let rows: Vec<f32> = self.direction.0.iter().copied().cycle().take(ws.num_ws * w_dim).collect();
        let all: Vec<usize> = (0..ws.num_ws).collect();
        let layers = self.layers.as_ref().unwrap_or(&all);
        if let Some(layer) = layers.iter().find(|layer| **layer >= ws.num_ws) {
            return Err(Error::Argument(format!("the direction {} moves row {layer} of w; there are {}", self.name, ws.num_ws)));
        }
        stylegan_studio::vectors::shift(ws, &rows, layers, self.strength);
        Ok(())
    }
}

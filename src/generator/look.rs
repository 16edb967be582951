//! What a picture is drawn from, and how it is to look.

use std::ops::Range;

use super::style_offsets::StyleOffset;
use crate::latent::Ws;
use crate::networks::stylegan3::Transform;

/// What pictures are drawn from. `85`, `&[1, 2, 3]` and `&ws` become one by themselves.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Input<'a> {
    /// One picture: the z of NumPy's `RandomState(seed)`, as NVIDIA's scripts draw it.
    Seed(u32),
    /// A picture for each.
    Seeds(&'a [u32]),
    /// Latents `[n, z_dim]`, row-major; of a network without z, the one that is empty.
    Z(&'a [f32]),
    /// Rows of w, as [`Generator::mapping`](super::Generator::mapping) gives them: not truncated. The look's truncation and directions
    /// apply to them, too; `Look::new()` draws them as they are.
    Ws(&'a Ws),
}

impl From<u32> for Input<'_> {
    fn from(seed: u32) -> Self {
        Input::Seed(seed)
    }
}

impl<'a> From<&'a [u32]> for Input<'a> {
    fn from(seeds: &'a [u32]) -> Self {
        Input::Seeds(seeds)
    }
}

impl<'a, const N: usize> From<&'a [u32; N]> for Input<'a> {
    fn from(seeds: &'a [u32; N]) -> Self {
        Input::Seeds(seeds)
    }
}

impl<'a> From<&'a Ws> for Input<'a> {
    fn from(ws: &'a Ws) -> Self {
        Input::Ws(ws)
    }
}

/// What the layers add to their activations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Noise {
    /// The maps stored in the model: the same seed gives the same picture.
    #[default]
    Const,
    /// Nothing.
    None,
    /// Fresh maps from N(0, 1): image i of a call has its own `RandomState(seed + i)`, drawn layer by layer.
    Random {
        /// Seed of the first image of the call.
        seed: u32,
    },
    /// Maps drawn after the latent, as TensorFlow's StyleGAN2 scripts do: image i of a call goes on with `RandomState(seed + i)` where z
    /// ended, layer by layer.
    AfterZ {
        /// Seed of the first image of the call.
        seed: u32,
    },
}

impl Noise {
    /// Of the images from `first` of a call on.
    pub(super) fn of(self, first: usize) -> Noise {
        match self {
            Noise::Random { seed } => Noise::Random { seed: seed.wrapping_add(first as u32) },
            Noise::AfterZ { seed } => Noise::AfterZ { seed: seed.wrapping_add(first as u32) },
            other => other,
        }
    }
}

/// How pictures look: truncation, class, noise, mixing, directions. The same for all pictures of a call.
///
/// ```
/// use stylegan_wgpu::{Look, Noise};
/// let look = Look::new().psi(0.7).noise(Noise::None).mix(3, 8..18);
/// ```
#[derive(Clone, Debug)]
pub struct Look {
    pub(super) psi: f32,
    pub(super) cutoff: Option<usize>,
    pub(super) class: Option<usize>,
    pub(super) noise: Noise,
    pub(super) mixes: Vec<(u32, Range<usize>)>,
    pub(super) directions: Vec<(Vec<f32>, f32)>,
    /// One for all pictures, or one for each.
    pub(super) transforms: Vec<Transform>,
    pub(super) styles: Vec<StyleOffset>,
    pub(super) preview: Option<usize>,
}

impl Default for Look {
    fn default() -> Look {
        Look {
            psi: 1.0,
            cutoff: None,
            class: None,
            noise: Noise::Const,
            mixes: Vec::new(),
            directions: Vec::new(),
            transforms: Vec::new(),
            styles: Vec::new(),
            preview: None,
        }
    }
}

impl Look {
    /// As the network draws: psi 1, the stored noise, nothing mixed or moved.
    pub fn new() -> Look {
        Look::default()
    }

    /// The truncation trick: `w_avg + psi (w - w_avg)`. 0.5 to 0.7 is usual; 1 changes nothing; 0 is the average picture.
    pub fn psi(self, psi: f32) -> Look {
        Look { psi, ..self }
    }

    /// Truncates the first `rows` rows of w only, as NVIDIA's `truncation_cutoff`.
    pub fn cutoff(self, rows: usize) -> Look {
        Look { cutoff: Some(rows), ..self }
    }

    /// The class, which a conditional network needs; others have none.
    pub fn class(self, class: usize) -> Look {
        Look { class: Some(class), ..self }
    }

    /// What the layers add to their activations.
    pub fn noise(self, noise: Noise) -> Look {
        Look { noise, ..self }
    }

    /// Style mixing: rows `layers` of w, of 0 to `num_ws`, are those of this seed. The last one that has a row wins.
    pub fn mix(mut self, seed: u32, layers: Range<usize>) -> Look {
        self.mixes.push((seed, layers));
        self
    }

    /// Moves w, after truncation, by `strength` times this direction: `[w_dim]` for all layers alike, or `[num_ws, w_dim]`. Several add up.
    pub fn direction(mut self, direction: &[f32], strength: f32) -> Look {
        self.directions.push((direction.to_vec(), strength));
        self
    }

    /// Where a StyleGAN3's pictures lie, in the place of what its file says.
    pub fn transform(self, transform: Transform) -> Look {
        self.transforms(&[transform])
    }

    /// The same with a transform for each picture.
    pub fn transforms(self, transforms: &[Transform]) -> Look {
        Look { transforms: transforms.to_vec(), ..self }
    }

    /// Moves one channel of a layer's style (StyleSpace). Several add up.
    pub fn style(mut self, offset: StyleOffset) -> Look {
        self.styles.push(offset);
        self
    }

    /// The picture after block `b{resolution}` of a network whose blocks add up their pictures (StyleGAN2's skip architecture): a
    /// small one, much sooner. 4, 8, ... up to the whole picture.
    pub fn preview(self, resolution: usize) -> Look {
        Look { preview: Some(resolution), ..self }
    }

    /// Of some pictures of a call.
    pub(super) fn of(&self, pictures: Range<usize>) -> Look {
        let transforms = if self.transforms.len() > 1 { self.transforms[pictures.clone()].to_vec() } else { self.transforms.clone() };
        Look { noise: self.noise.of(pictures.start), transforms, ..self.clone() }
    }
}

//! A wish: what a page asks for of a picture, as JSON.

use serde::Deserialize;
use stylegan_studio::drawing::place;
use stylegan_wgpu::{Look, Noise};

use crate::{Error, Result};

/// What js/index.d.ts calls `Wish`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Wish {
    #[serde(default)]
    pub(crate) seed: u32,
    #[serde(default = "one")]
    psi: f32,
    cutoff: Option<usize>,
    class: Option<usize>,
    /// A seed is fresh noise of it.
    noise: Option<NoiseWish>,
    #[serde(default)]
    mix: Vec<Mix>,
    #[serde(default)]
    directions: Vec<Direction>,
    transform: Option<Place>,
    preview: Option<usize>,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum NoiseWish {
    Named(String),
    Seed(u32),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mix {
    seed: u32,
    /// From the first on, up to the second without it.
    layers: [usize; 2],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Direction {
    vector: Vec<f32>,
    strength: f32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    #[serde(default)]
    translate: [f32; 2],
    #[serde(default)]
    rotate: f32,
    #[serde(default = "one")]
    zoom: f32,
}

fn one() -> f32 {
    1.0
}

impl Place {
    pub(crate) fn place(&self) -> place::Place {
        place::Place { translate: self.translate, rotate: self.rotate, zoom: self.zoom }
    }
}

/// What layers add, of what a wish says of it.
pub(crate) fn noise(wish: Option<&NoiseWish>) -> Result<Noise> {
    match wish {
        None => Ok(Noise::Const),
        Some(NoiseWish::Seed(seed)) => Ok(Noise::Random { seed: *seed }),
        Some(NoiseWish::Named(name)) => match name.as_str() {
            "const" => Ok(Noise::Const),
            "none" => Ok(Noise::None),
            other => Err(Error(format!("noise is {other:?}; it is \"const\", \"none\" or a seed"))),
        },
    }
}

impl Wish {
    pub(crate) fn read(json: &str) -> Result<Wish> {
        serde_json::from_str(json).map_err(|error| Error(format!("what is asked of a picture: {error}")))
    }

    pub(crate) fn look(&self) -> Result<Look> {
        let mut look = Look::new().psi(self.psi).noise(noise(self.noise.as_ref())?);
        if let Some(cutoff) = self.cutoff {
            look = look.cutoff(cutoff);
        }
        if let Some(class) = self.class {
            look = look.class(class);
        }
        if let Some(preview) = self.preview {
            look = look.preview(preview);
        }
        for mix in &self.mix {
            look = look.mix(mix.seed, mix.layers[0]..mix.layers[1]);
        }
        for direction in &self.directions {
            look = look.direction(&direction.vector, direction.strength);
        }
        if let Some(place) = &self.transform {
            let beyond = || Error("the picture is moved too far: nothing is drawn there".into());
            look = look.transform(place.place().matrix().ok_or_else(beyond)?);
        }
        Ok(look)
    }
}

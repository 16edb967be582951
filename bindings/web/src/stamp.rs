//! What pictures and films say of how they were made, as those of `stylegan serve` do; and what one that is dropped on a page says.

use std::io::Cursor;

use serde::Deserialize;
use stylegan_studio::pictures::picture_settings::{self, Settings, public_name};
use stylegan_studio::pictures::request::{File, Origin, Request, Source};
use stylegan_studio::pictures::stamp;
use stylegan_wgpu::Model;
use stylegan_wgpu::internals::tensor::DType;
use stylegan_wgpu::latent::Truncation;

use crate::wish::{NoiseWish, Place, noise};
use crate::{Error, Result};

/// What js/index.d.ts calls `Asked`: what a page asked its server, or the engine in its place.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Asked {
    path: Path,
    #[serde(default)]
    seed: u32,
    #[serde(default)]
    with: u32,
    #[serde(default)]
    layers: Vec<usize>,
    #[serde(default)]
    to: u32,
    #[serde(default)]
    t: f32,
    #[serde(default)]
    psi: f32,
    cutoff: Option<usize>,
    #[serde(default)]
    moves: Vec<(usize, f32)>,
    class: Option<usize>,
    noise: Option<NoiseWish>,
    transform: Option<Place>,
    /// Of the longer side, in pixels.
    side: u32,
    whole: bool,
    extension: String,
    /// Of a film, what its look does not say.
    #[serde(default)]
    film: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Path {
    Image,
    Mix,
    Morph,
    Video,
}

/// What all pictures of a network say; of the built-in one no name.
pub(crate) fn origin(model: &Model, name: Option<&str>, precision: Option<DType>) -> Origin {
    let settings = stamp::settings("serve", name.map(public_name), stylegan_studio::drawing::sha256(model));
    Origin { settings, precision, towards: None }
}

/// The file with what it says; as it was where it is of a kind that says nothing.
pub(crate) fn stamped(file: Vec<u8>, origin: &Origin, asked: &str, rows: Option<&[f32]>) -> Result<Vec<u8>> {
    let asked: Asked = serde_json::from_str(asked).map_err(|error| Error(format!("what was asked of a picture: {error}")))?;
    let source = match (asked.path, rows) {
        (_, Some(rows)) => Source::Ws(rows),
        (Path::Image, None) => Source::Seed(asked.seed),
        (Path::Mix, None) => Source::Mix { seed: asked.seed, with: asked.with, layers: &asked.layers },
        (Path::Morph | Path::Video, None) => Source::Morph { from: asked.seed, to: asked.to, t: asked.t },
    };
    let request = Request {
        source,
        truncation: Truncation { psi: asked.psi, cutoff: asked.cutoff },
        moves: &asked.moves,
        class: asked.class,
        noise: noise(asked.noise.as_ref())?,
        place: asked.transform.as_ref().map(Place::place),
    };
    let packet = if asked.film.is_empty() {
        origin.picture(&request, File { side: asked.side, whole: asked.whole, extension: &asked.extension })
    } else {
        origin.film(&request, &asked.film)
    };
    Ok(match packet {
        Some(packet) => picture_settings::embed(file, &packet),
        None => file,
    })
}

/// The settings that a picture has, as JSON; none where it has none.
pub(crate) fn settings_of(picture: Vec<u8>) -> Result<Option<String>> {
    let (_, settings) = Settings::read(&mut Cursor::new(picture))?;
    Ok(settings.map(|settings| serde_json::to_string(&settings)).transpose()?)
}

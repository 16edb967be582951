//! `/video`: a closed path through some faces as a short moving picture. Every frame is a job of its own in the queue, a few at a time,
//! so that a video holds up nobody.

use std::collections::VecDeque;
use std::io::Cursor;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use image::DynamicImage;
use stylegan_studio::pictures::animation::{Animation, AnimationError, Format, Frame, Spec};
use stylegan_studio::pictures::picture;
use stylegan_wgpu::Noise;
use stylegan_wgpu::latent::{Interpolation, Keyframes, Truncation};

use super::api::{About, Cache, Shared, look};
use super::app::{self, App};
use super::errors::ApiError;
use super::facts::Facts;
use super::painter::join;
use super::params::{LOOK, Look, Query};
use super::recipe::{Recipe, Source};
use super::worker::Want;
use super::{guard, provenance};

/// Parameters beside those of the look.
pub(super) const VIDEO: &[&str] = &["seeds", "frames", "fps", "size", "format", "network"];

/// The longer side of a video that names none, when the network's own is larger.
const USUAL_SIDE: usize = 256;
/// All pixels of a video: 32 frames at 1024, 512 at 256. They are held in memory, compressed, until the last one is there.
const MOST_PIXELS: usize = 32 << 20;

/// What a request asks for.
struct Wanted {
    seeds: Vec<u32>,
    /// From each face to the next.
    frames: usize,
    spec: Spec,
}

pub(super) async fn video(State(app): Shared, RawQuery(query): RawQuery, headers: HeaderMap) -> Result<Response, ApiError> {
    let query = Query::new(query.as_deref(), &[VIDEO, LOOK])?;
    let facts = app.facts(&query)?;
    let wanted = wanted(&query, facts)?;
    let look = look(facts, &query).await?;
    if let Noise::AfterZ { .. } = look.noise {
        return Err(ApiError::parameter("noise", "tf is for pictures of one seed, not for videos"));
    }
    let first = recipe(facts, &look, Source::Seed(wanted.seeds[0]));
    let file = format!("{:?} {} {:?}", wanted.seeds, wanted.frames, wanted.spec);
    let about = About::new(facts, &first, &file, Cache::Fixed, query.pinned(facts)?);
    if about.is_known(&headers) {
        return Ok(about.around(StatusCode::NOT_MODIFIED));
    }
    let (kind, ending) = match wanted.spec.format {
        Format::Gif => ("image/gif", "gif"),
        Format::Apng => ("image/png", "png"),
        Format::Webp | Format::Mp4 => ("image/webp", "webp"),
    };
    let names: Vec<String> = wanted.seeds.iter().map(|seed| format!("{seed:04}")).collect();
    let disposition = format!("inline; filename=\"seeds{}.{ending}\"", names.join("-"));
    let disposition = HeaderValue::try_from(disposition).map_err(|_| ApiError::Internal)?;
    let bytes = match guard::is_head() {
        true => Vec::new(),
        false => {
            let _place = app.admit()?;
            let frames = frames(&app, facts, &look, &wanted).await?;
            let spec = wanted.spec;
            let size = spec.width.max(spec.height);
            let asked = format!("seeds={}&frames={}&fps={}&size={size}&format={ending}", list(&wanted.seeds), wanted.frames, spec.fps);
            let packet = provenance::film(facts, &first, &query.moves(facts)?, &asked);
            app.aside(move || finish(spec, frames, packet)).await?.map_err(|_| ApiError::Internal)?
        }
    };
    Ok(about.around(([(header::CONTENT_TYPE, HeaderValue::from_static(kind)), (header::CONTENT_DISPOSITION, disposition)], bytes)))
}

fn wanted(query: &Query, facts: &Facts) -> Result<Wanted, ApiError> {
    let seeds = Query::need("seeds", query.seeds("seeds", 2..=8)?)?;
    let side = query.side(facts)?.unwrap_or_else(|| facts.side_below(USUAL_SIDE));
    let (height, width) = picture::scaled(facts.size(), side);
    let most = (MOST_PIXELS / (height * width * seeds.len())).min(120);
    if most < 2 {
        return Err(ApiError::parameter("size", "so many faces of this size are too much; ask for a smaller one"));
    }
    let frames = query.count("frames", 2..=most)?.unwrap_or(most.min(24));
    let fps = query.count("fps", 1..=50)?.unwrap_or(24) as u16;
    let format = match query.text("format").unwrap_or("webp") {
        "webp" => Format::Webp,
        "gif" => Format::Gif,
        "png" => Format::Apng,
        _ => return Err(ApiError::parameter("format", "a video is webp, gif or png")),
    };
    Ok(Wanted { seeds, frames, spec: Spec { format, width: width as u32, height: height as u32, fps } })
}

fn recipe(facts: &Facts, look: &Look, source: Source) -> Recipe {
    Recipe {
        network: facts.number,
        source,
        truncation: look.truncation,
        shift: look.shift.clone(),
        class: look.class,
        noise: look.noise,
        place: look.place,
    }
}

/// Renders and compresses all frames, in their order.
async fn frames(app: &App, facts: &Facts, look: &Look, wanted: &Wanted) -> Result<Vec<Frame>, ApiError> {
    let mut promise = app.promise(wanted.frames * wanted.seeds.len())?;
    let mut keyframes = Vec::with_capacity(wanted.seeds.len());
    for seed in &wanted.seeds {
        keyframes.push(app.ws(recipe(facts, look, Source::Seed(*seed))).await?);
    }
    let path = join(&keyframes).and_then(|ws| Keyframes::new(ws, Interpolation::Cubic)).map_err(|_| ApiError::Internal)?;
    let count = wanted.frames * path.count();
    // The keyframes are truncated and moved along directions already.
    let rest = Look { truncation: Truncation { psi: 1.0, cutoff: None }, shift: None, ..look.clone() };
    let frame = |i: usize| {
        let ws = path.at(i as f64 / wanted.frames as f64);
        app.ask(recipe(facts, &rest, Source::Ws(ws)), Want::Picture)
    };
    let mut asked = VecDeque::new();
    let mut frames = Vec::with_capacity(count);
    let mut next = 0;
    while frames.len() < count {
        // One batch is rendered while the last is compressed.
        while next < count && asked.len() < 2 * app.batch {
            asked.push_back(frame(next)?);
            next += 1;
        }
        let image = app::picture(asked.pop_front().ok_or(ApiError::Internal)?).await?;
        promise.kept();
        let spec = wanted.spec;
        let compress = move || spec.compress(&DynamicImage::ImageRgba8(app::fit(image, spec.width.max(spec.height))).into_rgb8());
        frames.push(app.aside(compress).await?.map_err(|_| ApiError::Internal)?);
    }
    Ok(frames)
}

fn list(seeds: &[u32]) -> String {
    seeds.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

fn finish(spec: Spec, frames: Vec<Frame>, packet: Option<String>) -> Result<Vec<u8>, AnimationError> {
    let mut animation = Animation::new(Cursor::new(Vec::new()), spec)?;
    if let Some(packet) = packet {
        animation.describe(&packet);
    }
    frames.into_iter().try_for_each(|frame| animation.push(frame))?;
    Ok(animation.finish()?.into_inner())
}

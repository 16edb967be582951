//! `/video`: a closed path through some faces as a short moving picture. Every frame is a job of its own in the queue, a few at a time,
//! so that a video holds up nobody.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use stylegan_studio::pictures::animation::{Format, Spec, Stream};
use stylegan_studio::pictures::picture;
use stylegan_wgpu::Noise;
use stylegan_wgpu::latent::{Interpolation, Keyframes, Truncation};

use super::api::{About, Cache, Shared, look};
use super::app::App;
use super::errors::ApiError;
use super::facts::Facts;
use super::painter::join;
use super::params::{LOOK, Look, Query};
use super::recipe::{Recipe, Source};
use super::reel::Frames;
use super::shares::Client;
use super::{guard, provenance};

/// Parameters beside those of the look.
pub(super) const VIDEO: &[&str] = &["seeds", "frames", "fps", "size", "format", "network"];

/// The longer side of a video that names none, when the network's own is larger.
const USUAL_SIDE: usize = 256;
/// All pixels of a video: 32 frames at 1024, 512 at 256. WebP and GIF are held in memory, compressed, until the last one is there.
const MOST_PIXELS: usize = 32 << 20;

/// What a request asks for.
struct Wanted {
    seeds: Vec<u32>,
    /// From each face to the next.
    frames: usize,
    spec: Spec,
}

pub(super) async fn video(
    State(app): Shared,
    Extension(client): Extension<Client>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
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
    let body = match guard::is_head() {
        true => Body::empty(),
        false => {
            let share = app.videos.take(client).ok_or(ApiError::Videos)?;
            let frames = frames(&app, facts, &look, &wanted).await?;
            let spec = wanted.spec;
            let size = spec.width.max(spec.height);
            let asked = format!("seeds={}&frames={}&fps={}&size={size}&format={ending}", list(&wanted.seeds), wanted.frames, spec.fps);
            let packet = provenance::film(facts, &first, &query.moves(facts)?, &asked);
            match Stream::can(spec.format) {
                true => frames.streamed(packet, share).await?,
                false => frames.whole(packet, share).await?,
            }
        }
    };
    Ok(about.around(([(header::CONTENT_TYPE, HeaderValue::from_static(kind)), (header::CONTENT_DISPOSITION, disposition)], body)))
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

/// The way through the faces, which are mapped here; its frames are drawn by whoever asks for them.
async fn frames(app: &Arc<App>, facts: &Facts, look: &Look, wanted: &Wanted) -> Result<Frames, ApiError> {
    let promise = app.promise(wanted.frames * wanted.seeds.len())?;
    let mut keyframes = Vec::with_capacity(wanted.seeds.len());
    for seed in &wanted.seeds {
        keyframes.push(app.ws(recipe(facts, look, Source::Seed(*seed))).await?);
    }
    let ws = join(&keyframes).map_err(|_| ApiError::Internal)?;
    // The keyframes are truncated and moved along directions already.
    let rest = Look { truncation: Truncation { psi: 1.0, cutoff: None }, shift: None, ..look.clone() };
    Ok(Frames {
        app: app.clone(),
        spec: wanted.spec,
        recipe: recipe(facts, &rest, Source::Seed(wanted.seeds[0])),
        path: Keyframes::new(ws, Interpolation::Cubic).map_err(|_| ApiError::Internal)?,
        step: wanted.frames,
        promise,
        asked: VecDeque::new(),
        next: 0,
        made: 0,
        left: app.timeout,
    })
}

fn list(seeds: &[u32]) -> String {
    seeds.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

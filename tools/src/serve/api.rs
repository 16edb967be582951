//! The routes: what each takes, and what it answers.

use std::fmt::Write;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, middleware, routing};
use http_body_util::BodyExt;
use serde::{Deserialize, Serialize};
use serde_json::json;
use stylegan_convert::array_file;
use stylegan_studio::pictures::picture::Format;
use stylegan_studio::vectors::{self, Sizes, VectorFile};
use stylegan_wgpu::Noise;
use stylegan_wgpu::latent::{Truncation, Ws};
use tokio::time::{Instant, timeout_at};

use super::app::App;
use super::errors::ApiError;
use super::facts::Facts;
use super::metrics::{self, Moment};
use super::pace::Pace;
use super::params::{FILE, File, LOOK, Look, Query};
use super::recipe::{Recipe, Source};
use super::site::Site;
use super::{guard, page, provenance, video};

/// Parameters of their own, beside those of the look and of the file.
const IMAGE: &[&str] = &["seed"];
const MIX: &[&str] = &["seed", "with", "layers"];
const MORPH: &[&str] = &["seed", "to", "t"];
const WS: &[&str] = &["seed", "trunc", "cutoff", "moves", "class", "network"];
/// Of a picture from rows of w: the rest of the look is in the rows.
const POSTED: &[&str] = &["noise", "noise_seed", "translate", "rotate", "zoom"];

/// Rows of w beyond this are no faces; f16 activations would overflow.
const MOST_W: f32 = 1000.0;

/// A body has so long; `--timeout` ends what takes longer altogether.
const BODY: Pace = Pace { grace: Duration::from_secs(5), rate: 8 << 10 };

pub(super) type Shared = State<Arc<App>>;

/// All routes with everything around them.
pub(crate) fn router(app: Arc<App>) -> Router {
    let guarded = Router::new()
        .route("/image", routing::get(image).post(posted))
        .route("/random", routing::get(random))
        .route("/mix", routing::get(mix))
        .route("/morph", routing::get(morph))
        .route("/video", routing::get(video::video))
        .route("/ws", routing::get(ws));
    let guarded = if app.metrics_apart { guarded } else { guarded.route("/metrics", routing::get(metrics)) }
        .route_layer(middleware::from_fn_with_state(app.clone(), guard::token));
    let open = Router::new()
        .route("/network", routing::get(network))
        .route("/networks", routing::get(networks))
        .route("/healthz", routing::get(healthz))
        .route("/readyz", routing::get(readyz))
        .merge(page::routes());
    let routes = open.merge(guarded).fallback(async || ApiError::NotFound).method_not_allowed_fallback(async || ApiError::Method);
    guard::around(routes, app.clone(), app.site.clone()).with_state(app)
}

/// What is answered beyond the share of a client: the probes.
pub(crate) fn probes(app: Arc<App>) -> Router {
    let routes = Router::new().route("/healthz", routing::get(healthz)).route("/readyz", routing::get(readyz));
    let full = async || ApiError::Connections;
    guard::around(routes.fallback(full).method_not_allowed_fallback(full), app.clone(), app.site.clone()).with_state(app)
}

/// What is answered at the address for whoever runs the server: the probes and the metrics, without a token.
pub(crate) fn admin(app: Arc<App>, bound: IpAddr) -> Router {
    let routes = Router::new()
        .route("/healthz", routing::get(healthz))
        .route("/readyz", routing::get(readyz))
        .route("/metrics", routing::get(metrics))
        .fallback(async || ApiError::NotFound)
        .method_not_allowed_fallback(async || ApiError::Method);
    let site = Site { bound, hosts: app.site.hosts.clone(), origins: Vec::new() };
    guard::around(routes, app.clone(), site).with_state(app)
}

/// How long an answer may be kept.
pub(super) enum Cache {
    /// Its parameters decide it.
    Fixed,
    /// It is another one every time.
    Never,
}

async fn image(State(app): Shared, RawQuery(query): RawQuery, headers: HeaderMap) -> Result<Response, ApiError> {
    let query = Query::new(query.as_deref(), &[IMAGE, LOOK, FILE])?;
    let seed = query.seed("seed")?;
    let cache = if seed.is_some() { Cache::Fixed } else { Cache::Never };
    let source = Source::Seed(seed.map_or_else(any_seed, Ok)?);
    picture(&app, source, &query, cache, &headers).await
}

async fn random(State(app): Shared, RawQuery(query): RawQuery, headers: HeaderMap) -> Result<Response, ApiError> {
    let query = Query::new(query.as_deref(), &[LOOK, FILE])?;
    picture(&app, Source::Seed(any_seed()?), &query, Cache::Never, &headers).await
}

async fn mix(State(app): Shared, RawQuery(query): RawQuery, headers: HeaderMap) -> Result<Response, ApiError> {
    let query = Query::new(query.as_deref(), &[MIX, LOOK, FILE])?;
    let seed = Query::need("seed", query.seed("seed")?)?;
    let with = Query::need("with", query.seed("with")?)?;
    let layers = Query::need("layers", query.layers("layers", app.facts(&query)?.num_ws)?)?;
    picture(&app, Source::Mix { seed, with, layers }, &query, Cache::Fixed, &headers).await
}

async fn morph(State(app): Shared, RawQuery(query): RawQuery, headers: HeaderMap) -> Result<Response, ApiError> {
    let query = Query::new(query.as_deref(), &[MORPH, LOOK, FILE])?;
    let from = Query::need("seed", query.seed("seed")?)?;
    let to = Query::need("to", query.seed("to")?)?;
    let t = Query::need("t", query.number("t", 0.0..=1.0)?)?;
    picture(&app, Source::Morph { from, to, t }, &query, Cache::Fixed, &headers).await
}

async fn picture(app: &App, source: Source, query: &Query, cache: Cache, headers: &HeaderMap) -> Result<Response, ApiError> {
    let facts = app.facts(query)?;
    let Look { truncation, shift, class, noise, place } = look(facts, query).await?;
    let file = query.file(facts)?;
    let noise = own_noise(noise, &source, facts)?;
    let recipe = Recipe { network: facts.number, source, truncation, shift, class, noise, place };
    draw(app, recipe, query, file, cache, headers).await
}

/// The look, when the directions it may name are known.
pub(super) async fn look(facts: &Facts, query: &Query) -> Result<Look, ApiError> {
    if query.text("moves").is_some() {
        facts.directions.wait().await;
    }
    query.look(facts)
}

/// Noise that is drawn from the seed of a picture, where it has one.
pub(super) fn own_noise(noise: Noise, source: &Source, facts: &Facts) -> Result<Noise, ApiError> {
    match (noise, source) {
        (Noise::AfterZ { .. }, Source::Seed(seed)) if facts.has_tf_noise => Ok(Noise::AfterZ { seed: *seed }),
        (Noise::AfterZ { .. }, _) => Err(ApiError::parameter("noise", "tf is for pictures of one seed, of a StyleGAN2")),
        (noise, _) => Ok(noise),
    }
}

async fn posted(State(app): Shared, RawQuery(query): RawQuery, headers: HeaderMap, body: Body) -> Result<Response, ApiError> {
    let query = Query::new(query.as_deref(), &[POSTED, FILE])?;
    let facts = app.facts(&query)?;
    let file = query.file(facts)?;
    let (noise, place) = (query.noise()?, query.place(facts)?);
    let body = read(body, &headers, most_bytes(facts), BODY).await?;
    let ws = rows(&body, facts)?;
    let source = Source::Ws(ws);
    let noise = own_noise(noise, &source, facts)?;
    let truncation = Truncation { psi: 1.0, cutoff: None };
    let recipe = Recipe { network: facts.number, source, truncation, shift: None, class: None, noise, place };
    draw(&app, recipe, &query, file, Cache::Never, &headers).await
}

/// Answers with a picture, unless the client has it already.
async fn draw(app: &App, recipe: Recipe, query: &Query, file: File, cache: Cache, headers: &HeaderMap) -> Result<Response, ApiError> {
    let facts = &app.networks[recipe.network];
    let about = About::new(facts, &recipe, &format!("{} {}", file.side, file.format.extension()), cache, file.pinned);
    if about.is_known(headers) {
        return Ok(about.around(StatusCode::NOT_MODIFIED));
    }
    let name = file_name(&recipe.source, file.format);
    let bytes = match guard::is_head() {
        true => Bytes::new(),
        false => {
            let _place = app.admit()?;
            let packet = provenance::picture(facts, &recipe, &query.moves(facts)?, file);
            let image = app.render(recipe).await?;
            app.encode(image, facts.channels, file, packet).await?
        }
    };
    let disposition = HeaderValue::try_from(format!("inline; filename=\"{name}\"")).map_err(|_| ApiError::Internal)?;
    let kind = HeaderValue::from_static(content_type(file.format));
    Ok(about.around(([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, disposition)], bytes)))
}

async fn ws(State(app): Shared, RawQuery(query): RawQuery, headers: HeaderMap) -> Result<Response, ApiError> {
    let query = Query::new(query.as_deref(), &[WS])?;
    let seed = query.seed("seed")?;
    let cache = if seed.is_some() { Cache::Fixed } else { Cache::Never };
    let facts = app.facts(&query)?;
    let Look { truncation, shift, class, noise, place } = look(facts, &query).await?;
    let seed = seed.map_or_else(any_seed, Ok)?;
    let recipe = Recipe { network: facts.number, source: Source::Seed(seed), truncation, shift, class, noise, place };
    let about = About::new(facts, &recipe, "ws", cache, query.pinned(facts)?);
    if about.is_known(&headers) {
        return Ok(about.around(StatusCode::NOT_MODIFIED));
    }
    if guard::is_head() {
        return Ok(about.around([(header::CONTENT_TYPE, "application/json")]));
    }
    let _place = app.admit()?;
    let ws = app.ws(recipe).await?;
    Ok(about.around(Json(Rows { seed, ws: ws.values.chunks_exact(ws.w_dim).collect() })))
}

async fn network(State(app): Shared, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    let facts = app.facts(&Query::new(query.as_deref(), &[&["network"]])?)?;
    Ok(([(header::CACHE_CONTROL, "no-cache")], Json(facts.json())).into_response())
}

/// All of them, and which are on the device.
async fn networks(State(app): Shared) -> Response {
    let entry = |facts: &Facts| {
        json!({
            "name": facts.name,
            "network": facts.id,
            "height": facts.height,
            "width": facts.width,
            "resident": app.residents.has(facts.number),
        })
    };
    let list: Vec<_> = app.networks.iter().map(entry).collect();
    ([(header::CACHE_CONTROL, "no-store")], Json(list)).into_response()
}

/// The process answers: what a liveness probe asks.
async fn healthz() -> Response {
    ([(header::CACHE_CONTROL, "no-store")], Json(json!({ "alive": true }))).into_response()
}

/// Pictures can be made: what a readiness probe asks.
async fn readyz(State(app): Shared) -> Response {
    let ready = app.health.is_ready();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(header::CACHE_CONTROL, "no-store")], Json(json!({ "ready": ready }))).into_response()
}

async fn metrics(State(app): Shared) -> Result<Response, ApiError> {
    let moment = Moment { queue_length: app.queue.len(), abandoned: app.queue.abandoned(), ready: app.health.is_ready() };
    let text = app.metrics.text(&moment).map_err(|_| ApiError::Internal)?;
    Ok(([(header::CONTENT_TYPE, metrics::CONTENT_TYPE), (header::CACHE_CONTROL, "no-store")], text).into_response())
}

/// What `/ws` answers; `POST /image` takes it without the seed. Not made with `json!`, which would write the floats as doubles.
#[derive(Serialize)]
struct Rows<'a> {
    seed: u32,
    ws: Vec<&'a [f32]>,
}

/// What the headers of an answer say about it.
pub(super) struct About {
    tag: Option<String>,
    control: &'static str,
    seed: Option<u32>,
}

impl About {
    pub(super) fn new(facts: &Facts, recipe: &Recipe, file: &str, cache: Cache, pinned: bool) -> About {
        let seed = recipe.seeds().next();
        let (tag, control) = match (cache, pinned, facts.private) {
            (Cache::Never, ..) => (None, "no-store"),
            // With another network behind the same address the URL would be another picture: it has to be asked again, which
            // costs a 304 and no rendering.
            (Cache::Fixed, false, false) => (Some(()), "public, no-cache"),
            (Cache::Fixed, false, true) => (Some(()), "private, no-cache"),
            (Cache::Fixed, true, false) => (Some(()), "public, max-age=31536000, immutable"),
            (Cache::Fixed, true, true) => (Some(()), "private, max-age=31536000, immutable"),
        };
        About { tag: tag.map(|()| facts.etag(&format!("{recipe:?} {file}"))), control, seed }
    }

    /// Whether the client says it has this already.
    pub(super) fn is_known(&self, headers: &HeaderMap) -> bool {
        let Some(tag) = &self.tag else { return false };
        let mut listed =
            headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).flat_map(|list| list.split(','));
        listed.any(|known| known.trim().trim_start_matches("W/") == tag || known.trim() == "*")
    }

    pub(super) fn around(&self, inner: impl IntoResponse) -> Response {
        let mut response = inner.into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(self.control));
        if let Some(tag) = self.tag.as_ref().and_then(|tag| HeaderValue::from_str(tag).ok()) {
            headers.insert(header::ETAG, tag);
        }
        if let Some(seed) = self.seed {
            headers.insert("x-seed", seed.into());
        }
        response
    }
}

/// A body of at most so many bytes, that comes at a pace.
async fn read(mut body: Body, headers: &HeaderMap, limit: usize, pace: Pace) -> Result<Bytes, ApiError> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(ApiError::TooLarge(limit));
    }
    let start = Instant::now();
    let mut bytes = Vec::new();
    loop {
        let frame = timeout_at(start + pace.time_of(bytes.len()), body.frame()).await.map_err(|_| ApiError::Slow)?;
        let Some(frame) = frame else { return Ok(bytes.into()) };
        let frame = frame.map_err(|_| ApiError::Body("the body broke off".into()))?;
        // What follows a body in chunks says nothing here.
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > limit {
            return Err(ApiError::TooLarge(limit));
        }
        bytes.extend_from_slice(&data);
    }
}

/// Enough for rows of w, written with more digits than a float has.
pub(crate) fn most_bytes(facts: &Facts) -> usize {
    4096 + 32 * facts.num_ws * facts.w_dim
}

/// Rows of w of a body: JSON of one for each layer or one for all, or a file that `--projected-w` takes.
fn rows(body: &[u8], facts: &Facts) -> Result<Ws, ApiError> {
    if [array_file::NPY, b"PK", b"\x80"].iter().any(|magic| body.starts_with(magic)) {
        return rows_of_file(body, facts);
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Posted {
        ws: Vec<Vec<f32>>,
    }
    let (num_ws, w_dim) = (facts.num_ws, facts.w_dim);
    let wrong = |found: String| ApiError::Body(format!("ws: {found}; needed are {num_ws} rows (or one for all layers) of {w_dim} numbers"));
    let posted: Posted = serde_json::from_slice(body).map_err(|error| {
        // The parser's own words may quote the body: only where it stopped is told.
        wrong(format!("the body is not {{\"ws\": [[...]]}} at line {}, column {}", error.line(), error.column()))
    })?;
    if posted.ws.len() != 1 && posted.ws.len() != num_ws {
        return Err(wrong(format!("there are {} rows", posted.ws.len())));
    }
    if let Some(row) = posted.ws.iter().find(|row| row.len() != w_dim) {
        return Err(wrong(format!("a row has {} numbers", row.len())));
    }
    if posted.ws.iter().flatten().any(|value| value.is_nan() || value.abs() > MOST_W) {
        return Err(wrong(format!("a number is beyond -{MOST_W} to {MOST_W}")));
    }
    let one = posted.ws.len() == 1;
    let values = posted.ws.concat();
    Ok(if one { Ws::broadcast(&values, w_dim, num_ws) } else { Ws { n: 1, num_ws, w_dim, values } })
}

/// The same of a file with one picture.
fn rows_of_file(body: &[u8], facts: &Facts) -> Result<Ws, ApiError> {
    let sizes = Sizes { num_ws: facts.num_ws, w_dim: facts.w_dim };
    let ws = VectorFile::open(body).and_then(|file| vectors::rows(&file, None, sizes));
    let ws = ws.map_err(|error| ApiError::Body(format!("the file: {error}")))?;
    if ws.n != 1 {
        return Err(ApiError::Body(format!("the file: it holds {} pictures; send one", ws.n)));
    }
    if ws.values.iter().any(|value| value.abs() > MOST_W) {
        return Err(ApiError::Body(format!("the file: a number is beyond -{MOST_W} to {MOST_W}")));
    }
    Ok(ws)
}

fn any_seed() -> Result<u32, ApiError> {
    getrandom::u32().map_err(|_| ApiError::Internal)
}

/// As `generate` calls its files, so that a downloaded picture says which it is.
fn file_name(source: &Source, format: Format) -> String {
    let stem = match source {
        Source::Seed(seed) => format!("seed{seed:04}"),
        Source::Mix { seed, with, layers } => {
            let mut stem = format!("seed{seed:04}-with{with:04}");
            let _ = write!(stem, "-layers{}", layers.iter().map(usize::to_string).collect::<Vec<_>>().join("."));
            stem
        }
        Source::Morph { from, to, t } => format!("seed{from:04}-to{to:04}-{t}"),
        Source::Ws(_) => "face".into(),
    };
    format!("{stem}.{}", format.extension())
}

fn content_type(format: Format) -> &'static str {
    match format {
        Format::Jpg => "image/jpeg",
        Format::Webp => "image/webp",
        Format::Png | Format::Npy => "image/png",
    }
}

#[cfg(test)]
#[path = "api_tests.rs"]
mod tests;

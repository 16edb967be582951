//! The page and the description of the interface: files that are part of the program.

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest, Sha256};
use stylegan_convert::hex;

use super::app::App;

/// Path, content type, text.
const FILES: [(&str, &str, &str); 10] = [
    ("/", "text/html; charset=utf-8", include_str!("page/index.html")),
    ("/style.css", "text/css; charset=utf-8", include_str!("page/style.css")),
    ("/app.js", "text/javascript; charset=utf-8", include_str!("page/app.js")),
    ("/controls.js", "text/javascript; charset=utf-8", include_str!("page/controls.js")),
    ("/server.js", "text/javascript; charset=utf-8", include_str!("page/server.js")),
    ("/sheet.js", "text/javascript; charset=utf-8", include_str!("page/sheet.js")),
    ("/state.js", "text/javascript; charset=utf-8", include_str!("page/state.js")),
    ("/strip.js", "text/javascript; charset=utf-8", include_str!("page/strip.js")),
    ("/icon.svg", "image/svg+xml", include_str!("page/icon.svg")),
    ("/openapi.json", "application/json", include_str!("openapi.json")),
];

pub(crate) fn routes() -> Router<Arc<App>> {
    FILES.into_iter().fold(Router::new(), |router, (path, kind, text)| {
        let tag = format!("\"{}\"", &hex(&Sha256::digest(text))[..32]);
        router.route(path, get(async move |headers: HeaderMap| file(kind, text, tag, &headers)))
    })
}

/// Asked again each time, because the next version of the program has other files under the same names.
fn file(kind: &'static str, text: &'static str, tag: String, headers: &HeaderMap) -> Response {
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let about = [(header::CACHE_CONTROL, "no-cache".to_owned()), (header::ETAG, tag)];
    match known {
        true => (StatusCode::NOT_MODIFIED, about).into_response(),
        false => (about, [(header::CONTENT_TYPE, kind)], text).into_response(),
    }
}

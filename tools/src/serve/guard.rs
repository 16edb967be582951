//! What stands around every request: time, panics, the token, headers for browsers, and what is counted and logged.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;

use super::app::App;
use super::errors::ApiError;
use super::site::{self, Site};

/// For browsers: only what comes from here is loaded, nobody frames the page, and no other site reads or embeds the pictures.
const HEADERS: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=()"),
];

/// Puts it all around the routes; the last layer is the first a request meets.
pub(crate) fn around(routes: Router<Arc<App>>, app: Arc<App>, site: Site) -> Router<Arc<App>> {
    let guarded = routes
        .layer(CatchPanicLayer::custom(|_| ApiError::Internal.into_response()))
        .layer(middleware::from_fn_with_state(app.clone(), time))
        .layer(middleware::from_fn_with_state(Arc::new(site), site::check))
        .layer(middleware::from_fn(heads))
        .layer(middleware::from_fn_with_state(app, observe));
    HEADERS.into_iter().fold(guarded, |guarded, (name, value)| {
        guarded.layer(SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value)))
    })
}

/// Refuses requests without the token, where there is one.
pub(crate) async fn token(State(app): State<Arc<App>>, request: Request, next: Next) -> Result<Response, ApiError> {
    if let Some(token) = &app.token {
        let sent = request.headers().get(header::AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
        let (scheme, sent) = sent.split_at(sent.len().min(7));
        if !scheme.eq_ignore_ascii_case(b"bearer ") || !token.is(sent) {
            return Err(ApiError::Unauthorized);
        }
    }
    Ok(next.run(request).await)
}

tokio::task_local! {
    /// Whether the request asks for the head of an answer only.
    static HEAD: bool;
}

/// Whether nobody will read the body of the answer: it need not be drawn.
pub(crate) fn is_head() -> bool {
    HEAD.try_with(|head| *head).unwrap_or(false)
}

async fn heads(request: Request, next: Next) -> Response {
    let head = request.method() == Method::HEAD;
    HEAD.scope(head, next.run(request)).await
}

/// Ends what takes too long. The request's job leaves the queue with it.
async fn time(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    tokio::time::timeout(app.timeout, next.run(request)).await.unwrap_or_else(|_| ApiError::Timeout.into_response())
}

async fn observe(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str).to_owned();
    // 499 is nginx's: the client has hung up, and this future is dropped where it waits.
    let mut seen = Seen { app, method: method(request.method()), route, start: Instant::now(), status: 499 };
    let response = next.run(request).await;
    seen.status = response.status().as_u16();
    response
}

/// A request that is counted when it is over, however it ends.
struct Seen {
    app: Arc<App>,
    method: &'static str,
    route: String,
    start: Instant,
    status: u16,
}

impl Drop for Seen {
    fn drop(&mut self) {
        let time = self.start.elapsed();
        self.app.metrics.request(self.method, &self.route, self.status, time);
        // The template of the route and not the path: a log is no place for what clients send.
        log::info!("{} {} {} {:.1} ms", self.method, self.route, self.status, time.as_secs_f64() * 1e3);
    }
}

fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        _ => "other",
    }
}

//! What a request is told when it does not get what it asked for: a status and a JSON body that names the cause.

use std::borrow::Cow;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Why a request is not answered with what it asked for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ApiError {
    /// A parameter is unknown, missing, malformed, out of range, or there twice.
    Parameter(Cow<'static, str>, String),
    /// The body is not what it should be.
    Body(String),
    /// No token, or the wrong one.
    Unauthorized,
    /// No Host, or more than one.
    Hosts,
    /// The host that the request names is not this server.
    Host,
    /// A page of another site asks.
    Origin,
    /// There is no such path.
    NotFound,
    /// The path is there, the method is not.
    Method,
    /// The body has more than so many bytes.
    TooLarge(usize),
    /// Too much is waiting, or the device is being opened again: to be tried again after so many seconds.
    Busy(u64),
    /// The directions that the request names are still being found.
    Searching,
    /// The client has as many connections as it may.
    Connections,
    /// As many videos are drawn as may be, or as the client may have.
    Videos,
    /// The body comes too slowly.
    Slow,
    /// It took longer than a request may.
    Timeout,
    /// A picture could not be made, and the request is not to blame.
    Internal,
}

impl ApiError {
    /// A parameter that is wrong.
    pub(crate) fn parameter(name: &'static str, message: impl Into<String>) -> ApiError {
        ApiError::Parameter(name.into(), message.into())
    }

    fn status(&self) -> StatusCode {
        match self {
            ApiError::Parameter(..) | ApiError::Body(_) | ApiError::Hosts => StatusCode::BAD_REQUEST,
            ApiError::Host | ApiError::Origin => StatusCode::FORBIDDEN,
            ApiError::Slow => StatusCode::REQUEST_TIMEOUT,
            ApiError::Unauthorized => StatusCode::UNAUTHORIZED,
            ApiError::NotFound => StatusCode::NOT_FOUND,
            ApiError::Method => StatusCode::METHOD_NOT_ALLOWED,
            ApiError::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            ApiError::Busy(_) | ApiError::Searching | ApiError::Connections | ApiError::Videos => StatusCode::SERVICE_UNAVAILABLE,
            ApiError::Timeout => StatusCode::GATEWAY_TIMEOUT,
            ApiError::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// In one line.
    pub(crate) fn message(&self) -> Cow<'_, str> {
        match self {
            ApiError::Parameter(name, message) => format!("{name}: {message}").into(),
            ApiError::Body(message) => message.into(),
            ApiError::Unauthorized => "this server asks for a token: send the header Authorization: Bearer TOKEN".into(),
            ApiError::Hosts => "a request names its host once, in the header Host".into(),
            ApiError::Host => "this server does not go by that name; start it with --allow-host NAME".into(),
            ApiError::Origin => "a page of another site may not ask for this; start the server with --cors ORIGIN to let it".into(),
            ApiError::Searching => "the directions are still being found; try again in 2 s".into(),
            ApiError::Connections => "too many connections are open; close one, or try again in 5 s".into(),
            ApiError::Videos => "as many videos are being drawn as one address, or all together, may have; try again in 5 s".into(),
            ApiError::Slow => "the body came too slowly".into(),
            ApiError::NotFound => "there is nothing here; /openapi.json says what there is".into(),
            ApiError::Method => "this path does not know that method; the header Allow says which it knows".into(),
            ApiError::TooLarge(limit) => format!("the body is too large: at most {limit} bytes").into(),
            ApiError::Busy(seconds) => format!("too many requests are waiting; try again in {seconds} s").into(),
            ApiError::Timeout => "this took too long; try again when the server has less to do".into(),
            ApiError::Internal => "the picture could not be made; the server's log says why".into(),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut body = json!({ "error": self.message() });
        if let ApiError::Parameter(name, _) = &self {
            body["parameter"] = json!(name);
        }
        let mut response = (self.status(), Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match self {
            ApiError::Busy(seconds) => drop(headers.insert(header::RETRY_AFTER, seconds.into())),
            ApiError::Searching => drop(headers.insert(header::RETRY_AFTER, HeaderValue::from_static("2"))),
            ApiError::Connections | ApiError::Videos => drop(headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"))),
            ApiError::Unauthorized => drop(headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            _ => {}
        }
        response
    }
}

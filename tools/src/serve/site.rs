//! Who may ask: requests name this server as their host, and pages of other sites do not make it draw.
//!
//! A browser sends requests to 127.0.0.1 for any page that asks, so being out of reach of others is no protection against the pages
//! one visits. A name that resolves to this machine (DNS rebinding) would even let them read the answers: names are a short list.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Version, header, uri::Authority};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::errors::ApiError;

/// Paths that orchestrators ask at an address of their own choosing; they tell nothing and cost nothing.
const PROBES: [&str; 2] = ["/healthz", "/readyz"];
/// Paths that any page may link to or load: nothing is drawn for them.
const OPEN: [&str; 9] = ["/", "/style.css", "/app.js", "/icon.svg", "/openapi.json", "/network", "/networks", "/healthz", "/readyz"];

/// What this server is called, and which other sites may use it.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    /// The address it listens on.
    pub(crate) bound: IpAddr,
    /// Further names.
    pub(crate) hosts: Vec<String>,
    /// Origins whose pages may draw, as `https://example.org`; `*` is every one.
    pub(crate) origins: Vec<String>,
}

impl Site {
    /// Whether a request may call this server so: the address it listens on, `localhost`, or a name it was told.
    fn is_host(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.');
        match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            // Who asks by an address has asked no name server.
            Ok(address) => {
                self.bound.is_unspecified()
                    || address.to_canonical() == self.bound.to_canonical()
                    || address.is_loopback() && self.bound.is_loopback()
            }
            Err(_) => host.eq_ignore_ascii_case("localhost") || self.hosts.iter().any(|known| known.eq_ignore_ascii_case(host)),
        }
    }

    fn check_host(&self, request: &Request) -> Result<(), ApiError> {
        let mut hosts = request.headers().get_all(header::HOST).iter();
        let named = match (hosts.next(), hosts.next()) {
            (Some(host), None) => Some(host.to_str().ok().and_then(|host| host.parse::<Authority>().ok()).ok_or(ApiError::Hosts)?),
            (None, None) if request.version() < Version::HTTP_11 => None,
            _ => return Err(ApiError::Hosts),
        };
        if PROBES.contains(&request.uri().path()) {
            return Ok(());
        }
        // `GET http://name/path` names the host once more.
        match named.iter().chain(request.uri().authority()).all(|name| self.is_host(name.host())) {
            true => Ok(()),
            false => Err(ApiError::Host),
        }
    }

    /// The origin of another site's page that may use this server, when the request comes from one; an error when it may not.
    fn check_origin(&self, request: &Request) -> Result<Option<HeaderValue>, ApiError> {
        let headers = request.headers();
        let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
        if let Some(origin) = text("origin")
            && !is_own(origin, headers)
        {
            let listed = self.origins.iter().any(|known| known == "*" || known == origin);
            return if listed { Ok(headers.get(header::ORIGIN).cloned()) } else { Err(ApiError::Origin) };
        }
        let visits =
            request.method() == Method::GET && text("sec-fetch-mode") == Some("navigate") && text("sec-fetch-dest") == Some("document");
        match text("sec-fetch-site") {
            None | Some("none" | "same-origin") => Ok(None),
            _ if visits || self.origins.iter().any(|known| known == "*") => Ok(None),
            _ => Err(ApiError::Origin),
        }
    }
}

/// Whether an origin is this server as the request calls it.
fn is_own(origin: &str, headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let own = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    own.zip(host).is_some_and(|(own, host)| own.eq_ignore_ascii_case(host))
}

/// An origin as browsers send it, or `*`.
pub(crate) fn parse_origin(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    match host.and_then(|host| host.parse::<Authority>().ok()).filter(|host| !host.as_str().contains('@')) {
        _ if text == "*" => Ok(text.into()),
        Some(_) => Ok(text.to_ascii_lowercase()),
        None => Err("an origin is a scheme and a host, as https://example.org, without a path".into()),
    }
}

/// A name of this server.
pub(crate) fn parse_host(text: &str) -> Result<String, String> {
    match text.parse::<Authority>() {
        Ok(name) if name.port().is_none() && !text.contains('@') && name.host() == text => Ok(text.to_ascii_lowercase()),
        _ => Err("a host is a name, as faces.example.org, without a scheme, port or path".into()),
    }
}

/// Stands before all routes.
pub(crate) async fn check(State(site): State<Arc<Site>>, request: Request, next: Next) -> Result<Response, ApiError> {
    site.check_host(&request)?;
    if OPEN.contains(&request.uri().path()) {
        return Ok(next.run(request).await);
    }
    let origin = site.check_origin(&request)?;
    let asks = request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = match origin.is_some() && asks {
        true => {
            let allowed = [
                (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST"),
                (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type, if-none-match"),
                (header::ACCESS_CONTROL_MAX_AGE, "600"),
            ];
            (StatusCode::NO_CONTENT, allowed).into_response()
        }
        false => next.run(request).await,
    };
    if !site.origins.is_empty() {
        let headers = response.headers_mut();
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        headers.insert("cross-origin-resource-policy", HeaderValue::from_static("cross-origin"));
        if let Some(origin) = origin {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("x-seed, etag, retry-after"));
        }
    }
    Ok(response)
}

/// What counts as one client: an address, or of IPv6 the network that a client is given.
pub(crate) fn client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn site(bound: &str) -> Site {
        Site { bound: bound.parse().unwrap(), hosts: vec!["faces.example.org".into()], origins: vec!["https://friend.example".into()] }
    }

    fn request(headers: &[(&str, &str)]) -> Request {
        let request = Request::builder().uri("/image?seed=1");
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).body(Body::empty()).unwrap()
    }

    #[test]
    fn hosts_are_the_address_and_the_names_that_were_said() {
        for (bound, host, may) in [
            ("127.0.0.1", "127.0.0.1:8080", true),
            ("127.0.0.1", "localhost", true),
            ("127.0.0.1", "LOCALHOST:1", true),
            ("127.0.0.1", "localhost.:1", true),
            ("127.0.0.1", "faces.example.org", true),
            ("127.0.0.1", "Faces.Example.org:443", true),
            ("127.0.0.1", "evil.example.com", false),
            ("127.0.0.1", "127.0.0.1.nip.io", false),
            ("127.0.0.1", "localhost.evil.example", false),
            ("127.0.0.1", "10.0.0.1", false),
            ("::1", "[::1]:8080", true),
            ("0.0.0.0", "192.168.1.7:8080", true),
            ("::", "[fe80::1]", true),
            ("0.0.0.0", "evil.example.com", false),
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "[::ffff:10.0.0.1]", true),
            ("10.0.0.1", "127.0.0.1", false),
        ] {
            assert_eq!(site(bound).check_host(&request(&[("host", host)])).is_ok(), may, "{host} at {bound}");
        }
        let refused = |headers: &[(&str, &str)]| site("127.0.0.1").check_host(&request(headers)).unwrap_err();
        for headers in [&[][..], &[("host", "localhost"), ("host", "localhost")], &[("host", "a b")], &[("host", "")]] {
            assert_eq!(refused(headers), ApiError::Hosts, "{headers:?}");
        }
        let absolute = Request::builder().uri("http://evil.example/image").header("host", "localhost").body(Body::empty()).unwrap();
        assert_eq!(site("127.0.0.1").check_host(&absolute), Err(ApiError::Host));
    }

    #[test]
    fn pages_of_other_sites_are_refused_unless_they_are_friends_or_links() {
        let check = |headers: &[(&str, &str)]| site("127.0.0.1").check_origin(&request(&[&[("host", "localhost:8080")], headers].concat()));
        for headers in [
            &[][..],
            &[("origin", "http://localhost:8080")],
            &[("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "cors")],
            &[("sec-fetch-site", "none"), ("sec-fetch-mode", "navigate")],
            &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")],
        ] {
            assert_eq!(check(headers), Ok(None), "{headers:?}");
        }
        assert!(check(&[("origin", "https://friend.example"), ("sec-fetch-site", "cross-site")]).is_ok_and(|origin| origin.is_some()));
        for headers in [
            &[("origin", "http://evil.example")][..],
            &[("origin", "null")],
            &[("origin", "http://localhost:3000"), ("sec-fetch-site", "same-site")],
            &[("origin", "https://friend.example.evil")],
            &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")],
            &[("sec-fetch-site", "same-site"), ("sec-fetch-mode", "no-cors")],
            &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")],
        ] {
            assert_eq!(check(headers), Err(ApiError::Origin), "{headers:?}");
        }
    }

    #[test]
    fn names_and_origins_are_checked_and_clients_counted_by_network() {
        assert!(parse_origin("https://a.example").is_ok() && parse_origin("*").is_ok() && parse_host("a.example").is_ok());
        for wrong in ["a.example", "https://", "https://a.example/x", "ftp://a", "https://u@a"] {
            assert!(parse_origin(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "http://a", "a:80", "a/b", "u@a"] {
            assert!(parse_host(wrong).is_err(), "{wrong}");
        }
        let of = |text: &str| client(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8:0:1::1"), of("2001:db8:0:2::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
    }
}

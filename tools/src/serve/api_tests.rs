use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::HttpBody;
use hyper::body::Frame;

use super::*;

fn message(body: &str) -> String {
    match rows(body.as_bytes(), &Facts::example()) {
        Err(ApiError::Body(message)) => message,
        other => panic!("{body}: {other:?}"),
    }
}

#[test]
fn rows_of_w_are_checked_one_by_one() {
    let facts = Facts::example();
    let one = rows(br#"{"ws": [[1, 2, 3, -4.5]]}"#, &facts).unwrap();
    assert_eq!((one.n, one.num_ws, &one.values[..4], &one.values[44..]), (1, 12, &[1.0, 2.0, 3.0, -4.5][..], &[1.0, 2.0, 3.0, -4.5][..]));
    let all = format!("{{\"ws\": {:?}}}", vec![vec![0.5; 4]; 12]);
    assert_eq!(rows(all.as_bytes(), &facts).unwrap().values, [0.5; 48]);
    assert!(message(r#"{"ws": [[1, 2, 3]]}"#).contains("a row has 3 numbers; needed are 12 rows"));
    assert!(message(r#"{"ws": [[1,2,3,4],[1,2,3,4]]}"#).contains("there are 2 rows"));
    assert!(message(r#"{"ws": [[1,2,3,1e9]]}"#).contains("beyond"));
    assert!(message(r#"{"ws": [[1,2,3,1e39]]}"#).contains("beyond"));
    for broken in ["", "{}", "[]", r#"{"ws": 1}"#, r#"{"ws": [[1,2,3,null]]}"#, r#"{"ws": [], "x": 1}"#, r#"{"ws": [[NaN]]}"#, "\u{0}"] {
        assert!(message(broken).contains("line"), "{broken}");
    }
    // Files, as --projected-w takes them.
    let file = |shape: &[usize], value| array_file::npy_bytes(shape, &vec![value; shape.iter().product()]);
    assert_eq!(rows(&file(&[1, 12, 4], 0.5), &facts).unwrap().values, [0.5; 48]);
    assert_eq!(rows(&file(&[4], 0.5), &facts).unwrap().values, [0.5; 48]);
    for (bytes, says) in
        [(file(&[2, 4], 0.5), "2 pictures"), (file(&[3], 0.5), "[3]"), (file(&[4], 1e9), "beyond"), (vec![0x80, 9], "file")]
    {
        assert!(matches!(rows(&bytes, &facts), Err(ApiError::Body(text)) if text.contains(says)), "{says}");
    }
    let deep = "[".repeat(10_000);
    assert!(message(&deep).contains("line"));
}

/// A body of which nothing comes.
struct Never;

impl HttpBody for Never {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

/// One that stands still, and one that is longer than it may be.
#[test]
fn a_body_that_does_not_come_is_not_waited_for() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let read = |body, patience| runtime.block_on(read(body, &HeaderMap::new(), 8, patience));
    let never = Body::new(Never);
    assert!(matches!(read(never, Duration::from_millis(50)), Err(ApiError::Slow)));
    assert_eq!(ApiError::Slow.into_response().status(), StatusCode::REQUEST_TIMEOUT);
    assert!(matches!(read(Body::from("123456789"), BODY_TIME), Err(ApiError::TooLarge(8))));
    assert_eq!(read(Body::from("12345678"), BODY_TIME).unwrap(), "12345678");
}

#[test]
fn a_client_that_has_the_picture_is_told_so() {
    let facts = Facts::example();
    let recipe = Recipe {
        network: 0,
        source: Source::Seed(7),
        truncation: Truncation { psi: 0.5, cutoff: None },
        shift: None,
        class: None,
        noise: Default::default(),
        place: None,
    };
    let about = |cache, pinned| About::new(&facts, &recipe, "128 jpg", cache, pinned);
    let tag = about(Cache::Fixed, false).tag.unwrap();
    for (sent, known) in [(tag.as_str(), true), ("\"other\"", false), ("*", true), (&format!("\"other\", W/{tag}"), true), ("", false)] {
        let headers = HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_str(sent).unwrap())]);
        assert_eq!(about(Cache::Fixed, false).is_known(&headers), known, "{sent}");
        assert!(!about(Cache::Never, false).is_known(&headers));
    }
    assert!(about(Cache::Fixed, true).control.contains("immutable") && about(Cache::Never, true).control == "no-store");
    assert_ne!(About::new(&facts, &recipe, "64 jpg", Cache::Fixed, false).tag.unwrap(), tag);
}

#[test]
fn files_are_named_after_their_seeds() {
    assert_eq!(file_name(&Source::Seed(85), Format::Png), "seed0085.png");
    assert_eq!(file_name(&Source::Mix { seed: 1, with: 23456, layers: vec![4, 5] }, Format::Jpg), "seed0001-with23456-layers4.5.jpg");
    assert_eq!(file_name(&Source::Morph { from: 1, to: 2, t: 0.5 }, Format::Webp), "seed0001-to0002-0.5.webp");
}

/// The parameters that /openapi.json names for a path are those it takes, and the other way round.
#[test]
fn the_description_has_every_path_and_parameter() {
    let description: serde_json::Value = serde_json::from_str(include_str!("openapi.json")).unwrap();
    let resolve = |parameter: &serde_json::Value| {
        let name = parameter["$ref"].as_str().expect("a reference").rsplit('/').next().unwrap().to_owned();
        let named = &description["components"]["parameters"][&name];
        assert!(named["description"].as_str().is_some_and(|text| text.len() > 10), "{name}");
        named["name"].as_str().unwrap().to_owned()
    };
    let cases: [(&str, &str, &[&[&str]]); 13] = [
        ("/image", "get", &[IMAGE, LOOK, FILE]),
        ("/image", "post", &[POSTED, FILE]),
        ("/random", "get", &[LOOK, FILE]),
        ("/mix", "get", &[MIX, LOOK, FILE]),
        ("/morph", "get", &[MORPH, LOOK, FILE]),
        ("/video", "get", &[video::VIDEO, LOOK]),
        ("/ws", "get", &[WS]),
        ("/network", "get", &[&["network"]]),
        ("/networks", "get", &[]),
        ("/metrics", "get", &[]),
        ("/healthz", "get", &[]),
        ("/readyz", "get", &[]),
        ("/openapi.json", "get", &[]),
    ];
    for (path, method, wanted) in cases {
        let operation = &description["paths"][path][method];
        assert!(operation["summary"].is_string() && operation["responses"]["200"].is_object(), "{method} {path}");
        let mut found: Vec<String> = operation["parameters"].as_array().into_iter().flatten().map(resolve).collect();
        let mut wanted: Vec<&str> = wanted.concat();
        found.sort();
        wanted.sort_unstable();
        assert_eq!(found, wanted, "{method} {path}");
    }
    assert_eq!(description["paths"].as_object().unwrap().values().map(|path| path.as_object().unwrap().len()).sum::<usize>(), cases.len());
}

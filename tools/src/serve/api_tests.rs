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

/// A body that comes in pieces of 100 bytes, one after each of some times.
struct Pieces(Vec<Pin<Box<tokio::time::Sleep>>>);

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(next) = self.0.first_mut() else { return Poll::Ready(None) };
        std::task::ready!(next.as_mut().poll(cx));
        drop(self.0.remove(0));
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b' '; 100])))))
    }
}

/// However large, a body that comes at a decent rate is read; one that stands still or trickles is not waited for.
#[test]
fn a_body_has_to_come_at_a_pace_and_may_not_be_too_long() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let pace = Pace { grace: Duration::from_secs(4), rate: 10 };
    let try_read = |pieces: u64, seconds_each: u64, limit: usize| {
        runtime.block_on(async {
            let start = Instant::now();
            let times = (1..=pieces).map(|i| Box::pin(tokio::time::sleep_until(start + Duration::from_secs(i * seconds_each)))).collect();
            let result = read(Body::new(Pieces(times)), &HeaderMap::new(), limit, pace).await;
            (result.map(|bytes| bytes.len()), start.elapsed().as_secs())
        })
    };
    // The first piece has to be there within the grace; from then on a piece earns 10 seconds.
    assert_eq!(try_read(50, 3, 5000), (Ok(5000), 150));
    assert_eq!(try_read(50, 2, 4999), (Err(ApiError::TooLarge(4999)), 100));
    assert_eq!(try_read(50, 5, 5000), (Err(ApiError::Slow), 4));
    let trickle = Pace { grace: Duration::from_secs(65), rate: 10 };
    let never = runtime.block_on(async {
        let start = Instant::now();
        let times = (1..50u64).map(|i| Box::pin(tokio::time::sleep_until(start + Duration::from_secs(20 * i)))).collect();
        (read(Body::new(Pieces(times)), &HeaderMap::new(), 5000, trickle).await, start.elapsed().as_secs())
    });
    // Five pieces have come after 100 seconds, and 65 + 5 x 10 are allowed.
    assert_eq!(never, (Err(ApiError::Slow), 115));
    assert_eq!(ApiError::Slow.into_response().status(), StatusCode::REQUEST_TIMEOUT);
    let announced = HeaderMap::from_iter([(header::CONTENT_LENGTH, HeaderValue::from_static("9"))]);
    assert_eq!(runtime.block_on(read(Body::empty(), &announced, 8, BODY)), Err(ApiError::TooLarge(8)));
    assert_eq!(runtime.block_on(read(Body::from("12345678"), &HeaderMap::new(), 8, BODY)).unwrap(), "12345678");
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

//! Videos of `stylegan serve`: what they show, how they are sent, and what they cost others.
#![cfg(feature = "serve")]

mod served;

use std::io::{BufRead, BufReader, Cursor, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use image::AnimationDecoder;
use image::codecs::webp::WebPDecoder;
use served::{PATIENCE, Server, request};

const TINY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/tiny/ada-skip-32/network.pkl");

#[test]
fn a_video_passes_the_faces_and_comes_back() {
    let server = Server::start(&["--network", TINY, "--batch", "4"]);
    let answer = server.get("/video?seeds=1,2&frames=3&trunc=0.5&moves=0:1");
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("image/webp")), "{}", String::from_utf8_lossy(&answer.body));
    assert_eq!(answer.header("content-disposition"), Some("inline; filename=\"seeds0001-0002.webp\""));
    let frames = WebPDecoder::new(Cursor::new(&answer.body)).unwrap().into_frames().collect_frames().unwrap();
    assert_eq!(frames.len(), 6);
    for (frame, seed) in [(0, 1), (3, 2)] {
        let still = server.picture(&format!("/image?seed={seed}&format=png&trunc=0.5&moves=0:1"));
        let still = image::load_from_memory(&still).unwrap().into_rgba8();
        assert!(*frames[frame].buffer() == still, "frame {frame} is not seed {seed}");
    }
    assert_ne!(frames[1].buffer(), frames[0].buffer());
    let tag = answer.header("etag").unwrap();
    assert_eq!(server.ask("GET", "/video?seeds=1,2&frames=3&trunc=0.5&moves=0:1", &[&format!("If-None-Match: {tag}")], b"").status, 304);
    for (format, kind, magic) in [("gif", "image/gif", &b"GIF89a"[..]), ("png", "image/png", b"\x89PNG")] {
        let answer = server.get(&format!("/video?seeds=1,2&frames=2&fps=10&format={format}"));
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(kind)));
        assert!(answer.body.starts_with(magic));
        // What says at its beginning how many frames it has is sent while they are drawn.
        assert_eq!(answer.header("transfer-encoding"), (format == "png").then_some("chunked"), "{format}");
    }
    for (query, parameter) in
        [("seeds=1", "seeds"), ("seeds=1,2&frames=121", "frames"), ("seeds=1,2&fps=0", "fps"), ("seeds=1,2&format=mp4", "format")]
    {
        assert_eq!(server.get(&format!("/video?{query}")).json()["parameter"], parameter, "{query}");
    }
}

/// A video of 960 frames, sent while it is drawn: the network of 128 x 128 takes seconds for it.
const LONG: &str = "/video?seeds=1,2,3,4,5,6,7,8&frames=120&format=png";

/// Asks for a video and reads the head of the answer and the first bytes of the body.
fn begin(server: &Server, target: &str) -> BufReader<TcpStream> {
    let mut stream = server.connect();
    stream.write_all(&request("GET", target, &[], b"")).unwrap();
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).unwrap() > 0, "{head}");
    }
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(!reader.fill_buf().unwrap().is_empty());
    reader
}

#[test]
fn a_video_is_sent_while_it_is_drawn_and_no_longer_than_somebody_takes_it() {
    let server = Server::start(&["--timeout", "3600"]);
    let reader = begin(&server, LONG);
    let drawn = server.metric("stylegan_batch_size_sum");
    assert!((1.0..480.0).contains(&drawn), "{drawn} frames are drawn when the first is here");
    drop(reader);
    server.wait_for(r#"stylegan_videos_total{end="Left"}"#, 1.0);
    server.wait_for("stylegan_queue_length", 0.0);
    let drawn = server.metric("stylegan_batch_size_sum");
    assert!(drawn < 900.0, "{drawn} frames for nobody");
    // Who stands still holds up the drawing, and not the server's memory.
    let reader = begin(&server, LONG);
    let mut before = -1.0;
    let start = Instant::now();
    while before != server.metric("stylegan_batch_size_sum") {
        assert!(start.elapsed() < PATIENCE);
        before = server.metric("stylegan_batch_size_sum");
        thread::sleep(Duration::from_millis(500));
    }
    assert!(before < drawn + 900.0, "{before} frames are drawn that nobody takes");
    assert_eq!(server.get("/image?seed=1").status, 200);
    drop(reader);
}

#[test]
fn a_video_that_is_not_ready_in_time_breaks_off_and_does_not_end() {
    let server = Server::start(&["--timeout", "3"]);
    let mut reader = begin(&server, LONG);
    let mut body = Vec::new();
    assert!(!served::dechunk(&mut reader, &mut body), "it ended as if it were whole");
    assert!(body.starts_with(b"\x89PNG") && !body.ends_with(b"IEND\xaeB`\x82"));
    server.wait_for(r#"stylegan_videos_total{end="Broken"}"#, 1.0);
    server.wait_for("stylegan_queue_length", 0.0);
}

#[test]
fn one_address_has_a_part_of_the_videos_and_pictures_get_through() {
    // Two videos at a time, one for an address.
    let server = Server::start(&["--queue", "16"]);
    let reader = begin(&server, LONG);
    let refused = server.get("/video?seeds=1,2&frames=2");
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("5")));
    assert!(refused.json()["error"].as_str().unwrap().contains("videos"));
    assert_eq!(server.get("/image?seed=1").status, 200);
    drop(reader);
    let start = Instant::now();
    while server.get("/video?seeds=1,2&frames=2").status != 200 {
        assert!(start.elapsed() < PATIENCE);
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_video_that_would_not_be_ready_in_time_is_refused_at_the_door() {
    let server = Server::start(&["--timeout", "4"]);
    // Until the server knows what a picture takes, it promises everything.
    server.picture("/image?seed=1");
    let refused = server.get("/video?seeds=0,1,2,3,4,5,6,7&frames=120");
    assert_eq!(refused.status, 503);
    assert!(refused.json()["error"].as_str().unwrap().contains("requests are waiting"));
    assert_eq!(server.metric("stylegan_batch_size_sum"), 1.0, "nothing is drawn for it");
    assert_eq!(server.get("/healthz").status, 200);
}

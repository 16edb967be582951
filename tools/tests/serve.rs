//! `stylegan serve` as a client meets it: what it answers, what it refuses, and what it survives.
#![cfg(feature = "serve")]

mod served;
mod small;

use std::io::{Read, Write};
use std::net::Shutdown;
use std::process::Command;
use std::thread;

use serde_json::Value;
use served::{Answer, Server, request};

const TINY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/tiny/ada-skip-32/network.pkl");
const CONDITIONAL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/tiny/ada-resnet-cond-16/network.pkl");

#[test]
fn a_seed_is_the_picture_that_generate_draws_and_is_cached_and_not_drawn_twice() {
    let server = Server::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_stylegan"));
    command.args(["generate", "--no-tune", "--seeds", "5", "--trunc", "0.75", "--noise-mode", "random", "--noise-seed", "9", "--outdir"]);
    assert!(command.arg(folder.path()).output().unwrap().status.success());
    let drawn = std::fs::read(folder.path().join("seed0005.png")).unwrap();
    assert!(server.picture("/image?seed=5&trunc=0.75&noise=random&noise_seed=9&format=png") == drawn, "not the picture of generate");

    let answer = server.get("/image?seed=5&size=64");
    assert_eq!((answer.status, answer.header("content-type"), answer.header("x-seed")), (200, Some("image/jpeg"), Some("5")));
    assert_eq!(answer.header("content-disposition"), Some("inline; filename=\"seed0005.jpg\""));
    assert_eq!(answer.header("cache-control"), Some("public, no-cache"));
    assert!(answer.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    let picture = image::load_from_memory(&answer.body).unwrap();
    assert_eq!((picture.width(), picture.height()), (64, 64));
    let tag = answer.header("etag").unwrap();

    let rendered = server.metric("stylegan_batch_size_sum");
    let again = server.ask("GET", "/image?seed=5&size=64", &[&format!("If-None-Match: {tag}")], b"");
    assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, Some(tag)));
    assert_eq!(server.metric("stylegan_batch_size_sum"), rendered, "a 304 renders nothing");
    let other = server.ask("GET", "/image?seed=6&size=64", &[&format!("If-None-Match: {tag}")], b"");
    assert!(other.status == 200 && other.body != answer.body && other.header("etag") != Some(tag));

    let network = server.get("/network").json();
    let id = network["network"].as_str().unwrap();
    let pinned = server.get(&format!("/image?seed=5&size=64&network={id}"));
    assert!(pinned.header("cache-control").unwrap().ends_with("immutable") && pinned.body == answer.body);
    assert_eq!((&network["resolution"], &network["sizes"][1], &network["classes"]), (&128.into(), &64.into(), &0.into()));
}

#[test]
fn every_refresh_is_another_face() {
    let server = Server::start(&["--network", TINY]);
    let mut seeds = Vec::new();
    for target in ["/random", "/random?format=webp", "/image", "/ws"] {
        let answer = server.get(target);
        assert_eq!((answer.status, answer.header("cache-control"), answer.header("etag")), (200, Some("no-store"), None), "{target}");
        seeds.push(answer.header("x-seed").unwrap().to_owned());
        if target == "/random" {
            assert_eq!(server.picture(&format!("/image?seed={}", seeds[0])), answer.body, "the seed in the header is the picture's");
        }
    }
    seeds.sort();
    seeds.dedup();
    assert_eq!(seeds.len(), 4, "{seeds:?}");
}

#[test]
fn rows_of_w_go_out_and_come_back_and_are_mixed_and_morphed() {
    let server = Server::start(&["--network", TINY, "--trunc", "0.5", "--no-metadata"]);
    let png = |target: &str| server.picture(&format!("{target}&format=png"));
    let [one, two] = [1, 2].map(|seed| server.get(&format!("/ws?seed={seed}")).json());
    let post = |ws: &Value| {
        let answer = server.ask("POST", "/image?format=png", &[], serde_json::json!({ "ws": ws }).to_string().as_bytes());
        assert_eq!((answer.status, answer.header("cache-control")), (200, Some("no-store")));
        answer.body
    };
    assert_eq!(post(&one["ws"]), png("/image?seed=1"));
    assert_ne!(png("/image?seed=1"), png("/image?seed=1&trunc=1"), "--trunc is what requests get that name none");

    let mut mixed = one["ws"].clone();
    for layer in [2, 3, 5] {
        mixed[layer] = two["ws"][layer].clone();
    }
    assert_eq!(post(&mixed), png("/mix?seed=1&with=2&layers=2-3,5"));
    assert_eq!(png("/morph?seed=1&to=2&t=0"), png("/image?seed=1"));
    assert_eq!(png("/morph?seed=1&to=2&t=1"), png("/image?seed=2"));
    assert_eq!(png("/image?seed=1&moves=0:0"), png("/image?seed=1"));
    let moved = png("/image?seed=1&moves=0:4,1:-2");
    assert_ne!(moved, png("/image?seed=1"));
    assert_eq!(post(&server.get("/ws?seed=1&moves=0:4,1:-2").json()["ws"]), moved);
    let between = png("/morph?seed=1&to=2&t=0.5");
    assert!(between != png("/image?seed=1") && between != png("/image?seed=2"));
}

#[test]
fn what_is_wrong_is_named() {
    let server = Server::start(&["--network", CONDITIONAL]);
    for (target, parameter) in [
        ("/image?seed=-1&class=0", "seed"),
        ("/image?seed=1&seed=2&class=0", "seed"),
        ("/image?sede=1", "sede"),
        ("/image?seed=1", "class"),
        ("/image?seed=1&class=99", "class"),
        ("/image?class=0&trunc=3", "trunc"),
        ("/image?class=0&noise=pink", "noise"),
        ("/image?class=0&noise_seed=1", "noise_seed"),
        ("/image?class=0&size=15", "size"),
        ("/image?class=0&format=/etc/passwd", "format"),
        ("/image?class=0&network=../../x", "network"),
        ("/random?class=0&seed=1", "seed"),
        ("/mix?class=0&seed=1&with=2", "layers"),
        ("/mix?class=0&seed=1&with=2&layers=99", "layers"),
        ("/morph?class=0&seed=1&to=2&t=1.5", "t"),
        ("/ws?class=0&size=16", "size"),
    ] {
        let answer = server.get(target);
        let json = answer.json();
        assert_eq!((answer.status, json["parameter"].as_str()), (400, Some(parameter)), "{target}: {json}");
        assert!(json["error"].as_str().unwrap().starts_with(parameter) && answer.header("cache-control") == Some("no-store"));
    }
    assert_eq!(server.get("/image?seed=1&class=1").status, 200);
    for target in ["/images", "/image/", "/../etc/passwd", "/image/../../etc/passwd", "//", "/%00"] {
        let answer = server.get(target);
        assert!(answer.status == 404 && answer.json()["error"].is_string(), "{target}: {}", answer.status);
    }
    for (method, target, allow) in [("DELETE", "/image", "GET,HEAD,POST"), ("POST", "/random", "GET,HEAD"), ("PUT", "/", "GET,HEAD")] {
        let answer = server.ask(method, target, &[], b"");
        assert_eq!((answer.status, answer.header("allow")), (405, Some(allow)), "{method} {target}");
        assert!(answer.json()["error"].is_string());
    }
    for (body, status) in [(&b"{"[..], 400), (b"{\"ws\": [[1]]}", 400), (&[0xff; 100], 400), (&[b' '; 100_000], 413)] {
        let answer = server.ask("POST", "/image", &[], body);
        assert!(answer.status == status && answer.json()["error"].is_string(), "{status}: {}", answer.status);
    }
    // Neither length nor end is known before; the limit holds all the same.
    let mut stream = server.connect();
    stream.write_all(b"POST /image HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
    let chunk = [b"8000\r\n", &[b' '; 0x8000][..], b"\r\n"].concat();
    let _ = stream.write_all(&chunk).and_then(|()| stream.write_all(&chunk));
    assert_eq!(Answer::read(stream).status, 413);
    assert_eq!(server.get("/readyz").status, 200, "and it is well");
}

#[test]
fn what_waits_is_rendered_together_and_is_the_same_picture() {
    let alone = Server::start(&["--network", TINY, "--batch", "1"]);
    let together = Server::start(&["--network", TINY, "--batch", "4", "--batch-delay", "500"]);
    let target = |seed: usize| format!("/image?seed={seed}&format=png&noise={}", ["const", "none", "random"][seed / 7]);
    let pictures: Vec<Vec<u8>> = thread::scope(|scope| {
        let asked: Vec<_> = (0..18)
            .map(|seed| {
                scope.spawn({
                    let together = &together;
                    move || together.picture(&target(seed))
                })
            })
            .collect();
        asked.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for (seed, picture) in pictures.iter().enumerate() {
        assert!(*picture == alone.picture(&target(seed)), "seed {seed} depends on its batch");
    }
    let (pictures, batches) = (together.metric("stylegan_batch_size_sum"), together.metric("stylegan_batch_size_count"));
    assert!(pictures == 18.0 && batches < 14.0, "{batches} batches");
}

/// Nothing here is a matter of speed: a request waits ten seconds for another one to be rendered with.
const WAITING: [&str; 6] = ["--network", TINY, "--batch", "2", "--batch-delay", "10000"];

#[test]
fn beyond_the_queue_clients_are_sent_away_and_those_that_hang_up_leave_it() {
    let server = Server::start(&[&WAITING[..], &["--queue", "1"]].concat());
    let mut waiting = server.connect();
    waiting.write_all(&request("GET", "/image?seed=1", &[], b"")).unwrap();
    server.wait_for("stylegan_queue_length", 1.0);
    let refused = server.get("/image?seed=2");
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    assert_eq!(server.get("/healthz").status, 200, "what costs nothing is still answered");

    drop(waiting);
    server.wait_for("stylegan_queue_length", 0.0);
    server.wait_for(r#"stylegan_requests_total{method="GET",route="/image",status="499"}"#, 1.0);
    assert_eq!(server.metric("stylegan_jobs_abandoned_total"), 1.0);
    assert_eq!(server.metric("stylegan_batch_size_sum"), 0.0, "it was not rendered");

    // Who ends his side of a connection cannot be told from who hangs up, and is treated as nginx does.
    let mut half = server.connect();
    half.write_all(&request("GET", "/image?seed=3", &[], b"")).unwrap();
    server.wait_for("stylegan_queue_length", 1.0);
    half.shutdown(Shutdown::Write).unwrap();
    server.wait_for(r#"stylegan_requests_total{method="GET",route="/image",status="499"}"#, 2.0);
    assert_eq!(half.read(&mut [0]).unwrap(), 0, "closed");
}

#[test]
fn a_request_that_takes_too_long_is_told_so() {
    let server = Server::start(&[&WAITING[..], &["--timeout", "1"]].concat());
    assert_eq!(server.get("/image?seed=1").status, 504);
    server.wait_for("stylegan_queue_length", 0.0);
    // A body that never comes is as slow.
    let mut stream = server.connect();
    stream.write_all(b"POST /image HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 100\r\n\r\n{").unwrap();
    assert_eq!(Answer::read(stream).status, 504);
}

#[test]
fn a_lost_device_is_opened_again() {
    let server = Server::start(&["--network", TINY, "--lose-device-at", "2"]);
    let first = server.picture("/image?seed=1&format=png");
    let second = server.picture("/image?seed=2&format=png");
    assert_eq!(server.metric("stylegan_devices_opened_again_total"), 1.0);
    assert_eq!(server.picture("/image?seed=1&format=png"), first);
    assert_ne!(first, second);
    assert_eq!(server.get("/readyz").status, 200);
}

#[test]
fn the_head_of_an_answer_draws_nothing() {
    let server = Server::start(&["--network", TINY]);
    let targets = ["/image?seed=3", "/random", "/ws?seed=1", "/video?seeds=1,2&frames=4", "/image?seed=x"];
    for (target, status) in targets.into_iter().zip([200, 200, 200, 200, 400]) {
        let mut stream = server.connect();
        stream.write_all(&request("HEAD", target, &[], b"")).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")) && answer.ends_with("\r\n\r\n"), "{target}: {answer}");
    }
    assert_eq!(server.metric("stylegan_batch_size_sum"), 0.0);
}

#[test]
fn several_networks_share_the_device() {
    let server = Server::start(&["--network", TINY, "--network", CONDITIONAL, "--network", TINY, "--max-resident", "2"]);
    let networks = |field: &str| -> Vec<Value> {
        server.get("/networks").json().as_array().unwrap().iter().map(|network| network[field].clone()).collect()
    };
    let (names, ids) = (networks("name"), networks("network"));
    assert_eq!(names, ["network", "network 2", "network 3"]);
    assert_eq!(networks("resident"), [true, true, false], "the first, and the one before it");
    let alone = Server::start(&["--network", CONDITIONAL]);
    let picture = alone.picture("/image?seed=3&class=1&format=png");
    for (wanted, control) in [("network%202", "no-cache"), (ids[1].as_str().unwrap(), "immutable")] {
        let answer = server.get(&format!("/image?seed=3&class=1&format=png&network={wanted}"));
        assert!(answer.status == 200 && answer.body == picture, "{wanted}: {}", answer.status);
        assert!(answer.header("cache-control").unwrap().ends_with(control), "{wanted}");
    }
    let first = server.picture("/image?seed=3&format=png");
    assert!(first == server.picture("/image?seed=3&format=png&network=network%203") && first != picture);
    assert_eq!(networks("resident"), [true, false, true], "the one that was not asked for the longest has left");
    assert!(server.picture("/image?seed=3&class=1&format=png&network=network%202") == picture);
    assert_eq!(networks("resident"), [false, true, true]);
    // All at once, and each gets its own.
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| assert!(server.picture("/image?seed=3&class=1&format=png&network=network%202") == picture));
            scope.spawn(|| assert!(server.picture("/image?seed=3&format=png") == first));
        }
    });
    let facts = server.get("/network?network=network%202").json();
    assert_eq!((facts["classes"].as_u64().unwrap() > 0, &facts["network"]), (true, &ids[1]));
    let refused = server.get("/image?network=none").json();
    assert!(refused["parameter"] == "network" && refused["error"].as_str().unwrap().contains("network 2 ("), "{refused}");
}

#[test]
fn pictures_of_a_stylegan3_are_moved_each_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let network = small::stylegan3(&folder.path().join("three.safetensors"), stylegan_wgpu::internals::networks::stylegan3::Config::t(64));
    let moved = ["", "&translate=0.25,0", "&rotate=30", "&translate=-0.5,0.25&rotate=-90&zoom=1.5", "&translate=0,0&rotate=0&zoom=1"];
    let wanted: Vec<Vec<u8>> = {
        let server = Server::start(&["--network", &network, "--precision", "f32"]);
        assert_eq!(server.get("/network").json()["has_place"], true);
        let rows = server.get("/ws?seed=3").body;
        let pictures = moved.map(|place| {
            let picture = server.picture(&format!("/image?seed=3&format=png{place}"));
            let posted = server.ask("POST", &format!("/image?format=png{place}"), &[], &rows);
            // The seed is beside the rows in the answer; what is posted has rows only.
            assert_eq!(posted.status, 400, "{place}");
            let json: Value = serde_json::from_slice(&rows).unwrap();
            let body = serde_json::to_vec(&serde_json::json!({ "ws": json["ws"] })).unwrap();
            let posted = server.ask("POST", &format!("/image?format=png{place}"), &[], &body);
            assert_eq!(posted.status, 200, "{place}");
            let pixels = |bytes: &[u8]| image::load_from_memory(bytes).unwrap().into_rgba8();
            assert!(pixels(&posted.body) == pixels(&picture), "{place}");
            picture
        });
        assert_eq!(server.get("/image?seed=3&zoom=1000").json()["parameter"], "zoom");
        pictures.into()
    };
    let pixels = |bytes: &Vec<u8>| image::load_from_memory(bytes).unwrap().into_rgba8();
    assert!(pixels(&wanted[0]) == pixels(&wanted[4]));
    assert!((0..4).all(|i| (0..i).all(|j| pixels(&wanted[i]) != pixels(&wanted[j]))));
    // Rendered together, each has its own.
    let server = Server::start(&["--network", &network, "--precision", "f32", "--batch", "4"]);
    thread::scope(|scope| {
        for _ in 0..4 {
            for (place, wanted) in moved.iter().zip(&wanted) {
                let server = &server;
                scope.spawn(move || assert!(server.picture(&format!("/image?seed=3&format=png{place}")) == *wanted, "{place}"));
            }
        }
    });
    // What it says of itself is the command that draws it.
    let file = folder.path().join("moved.png");
    std::fs::write(&file, &wanted[3]).unwrap();
    let inspected = Command::new(env!("CARGO_BIN_EXE_stylegan")).arg("inspect").arg(&file).output().unwrap();
    let text = String::from_utf8(inspected.stdout).unwrap();
    assert!(text.contains("--translate=-0.5,0.25 --rotate=-90 --zoom=1.5"), "{text}");
    let other = Server::start(&["--network", TINY]);
    let refused = other.get("/image?seed=3&rotate=10").json();
    assert!(refused["parameter"] == "rotate" && refused["error"].as_str().unwrap().contains("StyleGAN3"), "{refused}");
}

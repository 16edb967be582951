//! Clocks stand still here unless everybody waits, so times are exact and nothing takes any.

use axum::Router;
use axum::body::Bytes;
use axum::routing;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::sleep;

use super::*;
use crate::serve::connection;
use crate::serve::shares::Client;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A head has 4 seconds and one for every 10 bytes; an answer may be held up for 4 seconds, and one for every 1,000 bytes taken.
const PATIENCE: Patience =
    Patience { idle: seconds(60), head: Pace { grace: seconds(4), rate: 10 }, answer: Pace { grace: seconds(4), rate: 1000 } };

const LARGE: usize = 100_000;

/// A client of a connection, with a clock that is never waited for.
fn meet<F: Future>(client: impl FnOnce(DuplexStream, tokio::task::JoinHandle<()>) -> F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        // The connection of a system that buffers next to nothing.
        let (near, far) = duplex(1000);
        let large = routing::get(|| async { vec![0u8; LARGE] });
        let echo = routing::post(|body: Bytes| async move { body.len().to_string() });
        let router = Router::new().route("/", routing::get(|| async { "small" })).route("/large", large).route("/echo", echo);
        let address = Client(std::net::Ipv4Addr::LOCALHOST.into());
        let served = tokio::spawn(async move {
            let _ = connection(near, address, router, 1000, PATIENCE).await;
        });
        client(far, served).await
    })
}

/// Sends a text in pieces of so many bytes, one a second; false when it is hung up on.
async fn send(stream: &mut DuplexStream, text: &str, piece: usize) -> bool {
    for piece in text.as_bytes().chunks(piece) {
        if stream.write_all(piece).await.is_err() {
            return false;
        }
        sleep(seconds(1)).await;
    }
    true
}

/// A head of so many bytes.
fn head(length: usize) -> String {
    let (first, last) = ("GET / HTTP/1.1\r\nHost: a\r\nX: ", "\r\n\r\n");
    format!("{first}{}{last}", "x".repeat(length - first.len() - last.len()))
}

#[test]
fn a_pace_is_a_grace_and_a_rate() {
    let pace = Pace { grace: seconds(4), rate: 10 };
    assert_eq!((pace.time_of(0), pace.time_of(10), pace.time_of(1000)), (seconds(4), seconds(5), seconds(104)));
}

#[test]
fn a_large_head_at_a_decent_rate_is_answered() {
    // 100 seconds, and the grace is 4.
    let answer = meet(|mut stream, _| async move {
        assert!(send(&mut stream, &head(1200), 12).await);
        let mut answer = vec![0; 15];
        stream.read_exact(&mut answer).await.unwrap();
        answer
    });
    assert_eq!(answer, b"HTTP/1.1 200 OK");
}

#[test]
fn a_head_that_trickles_is_cut_off() {
    let (answered, waited) = meet(|mut stream, _| async move {
        let start = Instant::now();
        let sent = send(&mut stream, &head(1200), 8).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        (sent || !answer.is_empty(), start.elapsed())
    });
    // 8 bytes a second where 10 are asked for: 4 seconds of grace last for 20.
    assert!(!answered && waited >= seconds(15) && waited <= seconds(25), "{answered} after {waited:?}");
}

#[test]
fn an_idle_connection_is_closed_and_each_head_has_its_own_time() {
    let (answers, waited) = meet(|mut stream, served| async move {
        let mut answers = 0;
        for _ in 0..3 {
            sleep(seconds(50)).await;
            // 10 seconds for 100 bytes, each time.
            assert!(send(&mut stream, &head(100), 10).await);
            let mut answer = [0; 2000];
            answers += usize::from(stream.read(&mut answer).await.unwrap() > 0);
        }
        let start = Instant::now();
        served.await.unwrap();
        (answers, start.elapsed())
    });
    assert_eq!(answers, 3);
    assert!(waited >= seconds(55) && waited <= seconds(61), "{waited:?}");
}

#[test]
fn an_answer_is_waited_for_as_long_as_it_is_taken_at_a_rate() {
    let take = |piece: usize| {
        meet(|mut stream, served| async move {
            stream.write_all(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
            let (start, mut taken, mut buffer) = (Instant::now(), 0, vec![0; piece]);
            while taken < LARGE {
                match stream.read(&mut buffer).await {
                    Ok(0) | Err(_) => break,
                    Ok(read) => taken += read,
                }
                sleep(seconds(1)).await;
            }
            let time = start.elapsed();
            // Who has taken it all may ask again.
            let again = taken >= LARGE && !served.is_finished();
            drop(stream);
            served.await.unwrap();
            (taken >= LARGE, again, time)
        })
    };
    let (whole, again, time) = take(1000);
    assert!(whole && again && time >= seconds(90), "{whole} {again} {time:?}");
    let (whole, _, time) = take(100);
    assert!(!whole && time <= seconds(30), "{time:?}");
}

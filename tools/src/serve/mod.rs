//! `stylegan serve`: one thread owns the device (`worker`), requests wait in a `queue`, `api` has the routes, `page` what a browser
//! loads, `guard` what stands around every request, `pace` how slow a client
//! may be, and this file the connections.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulConnection, GracefulShutdown};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

pub(crate) mod api;
pub(crate) mod app;
mod body;
pub(crate) mod directions;
mod errors;
pub(crate) mod facts;
pub(crate) mod gallery;
mod guard;
pub(crate) mod health;
pub(crate) mod metrics;
mod pace;
mod page;
pub(crate) mod painter;
mod params;
pub(crate) mod provenance;
pub(crate) use params::TRUNC;
pub(crate) mod queue;
mod recipe;
mod reel;
pub(crate) mod shares;
pub(crate) mod site;
mod video;
pub(crate) mod worker;

use app::App;
use body::Held;
use pace::{Answering, Pace, Paced, Patience};
use shares::{Client, Most, Shares};

use crate::warn;

/// A head of the most bytes has 26 seconds; an answer may stand still for 30.
const PATIENCE: Patience = Patience {
    idle: Duration::from_secs(15),
    head: Pace { grace: Duration::from_secs(10), rate: 1 << 10 },
    answer: Pace { grace: Duration::from_secs(30), rate: 8 << 10 },
};
/// Bytes a connection may buffer: a head has to fit.
const BUFFER: usize = 16 << 10;

/// Requests on one connection; the next one needs another.
const MOST_REQUESTS: usize = 1000;
/// Connections beyond a share are answered one request, and soon: probes get through whoever holds the others.
const ASIDE: usize = 64;
const ASIDE_TIME: Duration = Duration::from_secs(5);
/// Connections for whoever runs the server.
const ADMIN: usize = 32;

/// Videos at a time, where so many pictures may wait. A client has the same part of them as of the connections.
pub(crate) fn videos(queue: usize, connections: Most) -> Most {
    let all = queue.div_ceil(8);
    Most { all, each: (all * connections.each / connections.all).clamp(1, all) }
}

/// Where it listens.
pub(crate) struct Listeners {
    /// For clients.
    pub(crate) public: TcpListener,
    /// For whoever runs the server, with connections of its own: no client can take them.
    pub(crate) admin: Option<TcpListener>,
}

/// Answers requests until `stop` is done, then finishes those that were taken, or gives up on them `patience` later.
pub(crate) async fn serve(at: Listeners, app: Arc<App>, most: Most, stop: impl Future<Output = ()>, patience: Duration) {
    let Listeners { public: listener, admin } = at;
    let (router, probes) = (api::router(app.clone()), api::probes(app.clone()));
    let (shares, aside) = (Shares::new(most), Arc::new(Semaphore::new(ASIDE)));
    let graceful = GracefulShutdown::new();
    // To the very end: a probe hears that the server is stopping.
    if let Some(admin) = admin {
        tokio::spawn(administer(admin, app.clone()));
    }
    let mut stop = std::pin::pin!(stop);
    loop {
        let (stream, client) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, address)) => (stream, Client(site::client(address.ip()))),
                // Out of file descriptors, or the client was gone at once. Either way the next try may work.
                Err(_) => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            () = &mut stop => break,
        };
        let open = app.metrics.connection();
        if let Some(share) = shares.take(client) {
            let connection = graceful.watch(connection(ready(stream), client, router.clone(), MOST_REQUESTS, PATIENCE));
            tokio::spawn(async move {
                // An error here is a client that broke the protocol or hung up.
                let _ = connection.await;
                drop((share, open));
            });
        } else if let Ok(turn) = aside.clone().try_acquire_owned() {
            let connection = connection(ready(stream), client, probes.clone(), 1, PATIENCE);
            tokio::spawn(async move {
                let _ = tokio::time::timeout(ASIDE_TIME, connection).await;
                drop((turn, open));
            });
        }
    }
    app.health.stop();
    drop(listener);
    // Who asks twice does not want to wait.
    tokio::spawn(async {
        if let Ok(again) = stop_signal() {
            again.await;
            warn("stopped at once; requests that were being answered are not");
            std::process::exit(STOPPED);
        }
    });
    let _ = tokio::time::timeout(patience, graceful.shutdown()).await;
}

/// Answers probes and the readers of metrics.
async fn administer(listener: TcpListener, app: Arc<App>) {
    let Ok(address) = listener.local_addr() else { return };
    let router = api::admin(app, address.ip());
    let turns = Arc::new(Semaphore::new(ADMIN));
    loop {
        let Ok(turn) = turns.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, address)) => {
                let client = Client(site::client(address.ip()));
                let connection = connection(ready(stream), client, router.clone(), MOST_REQUESTS, PATIENCE);
                tokio::spawn(async move {
                    let _ = connection.await;
                    drop(turn);
                });
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// What a shell reports of a program that SIGINT ended: 128 + 2.
const STOPPED: i32 = 130;

/// Small answers go out at once.
fn ready(stream: TcpStream) -> TcpStream {
    let _ = stream.set_nodelay(true);
    stream
}

fn connection<S>(
    stream: S,
    client: Client,
    router: Router,
    most: usize,
    patience: Patience,
) -> impl GracefulConnection<Error = hyper::Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let answering = Answering::default();
    let stream = Paced::new(stream, patience, answering.clone());
    let (router, count) = (TowerToHyperService::new(router), AtomicUsize::new(0));
    let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
        let answered = answering.begin();
        let last = count.fetch_add(1, Ordering::Relaxed) + 1 >= most;
        request.extensions_mut().insert(client);
        let answer = router.call(request);
        async move {
            let mut answer = answer.await?.map(|body| Body::new(Held::new(body, answered)));
            if last {
                answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(answer)
        }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(stream), service)
}

/// Ctrl-C, and on Unix the signal that service managers send: caught from now on, told by the future.
pub(crate) fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    #[cfg(unix)]
    let terminated = async move { terminate.recv().await };
    #[cfg(not(unix))]
    let terminated = std::future::pending::<()>();
    Ok(async {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminated => {}
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a client is answered that sends `request` and then waits; `None` when it is not hung up on.
    fn answer(router: Router, most: usize, patience: Patience, request: &[u8]) -> Option<Vec<u8>> {
        use std::io::{Read as _, Write as _};
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let mut client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let served = runtime.spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let client = Client(stream.peer_addr().unwrap().ip());
            let _ = connection(stream, client, router, most, patience).await;
        });
        client.write_all(request).unwrap();
        // The connection itself ends, whether its client reads or not.
        runtime.block_on(async { tokio::time::timeout(Duration::from_secs(20), served).await }).ok()?.unwrap();
        let mut answer = Vec::new();
        let _ = client.read_to_end(&mut answer);
        Some(answer)
    }

    #[test]
    fn nobody_is_waited_for_without_end() {
        const SHORT: Duration = Duration::from_millis(100);
        const LONG: Duration = Duration::from_secs(3600);
        const LARGE: usize = 64 << 20;
        let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        let router = || {
            let large = axum::routing::get(|| async { vec![0; LARGE] });
            Router::new().route("/", axum::routing::get(|| async { "small" })).route("/large", large)
        };
        let count = |answer: &[u8]| answer.windows(8).filter(|window| window == b"HTTP/1.1").count();
        let (short, long) = (Pace { grace: SHORT, rate: 1 << 20 }, Pace { grace: LONG, rate: 1 << 20 });
        // Nothing; half a head; a head and no second one; an answer that is not taken; more requests than a connection has.
        assert_eq!(answer(router(), 1000, Patience { idle: SHORT, head: long, answer: long }, b"").map(|answer| count(&answer)), Some(0));
        let half = answer(router(), 1000, Patience { idle: LONG, head: short, answer: long }, b"GET / HTTP/1.1\r\nHost:");
        assert_eq!(half.map(|answer| count(&answer)), Some(0));
        let one = answer(router(), 1000, Patience { idle: SHORT, head: short, answer: long }, get("/").as_bytes());
        assert_eq!(one.map(|answer| count(&answer)), Some(1));
        let taken = answer(router(), 1000, Patience { idle: SHORT, head: long, answer: short }, get("/large").as_bytes());
        assert!(taken.is_some_and(|taken| taken.len() < LARGE));
        let three = answer(router(), 2, Patience { idle: LONG, head: long, answer: long }, get("/").repeat(3).as_bytes()).unwrap();
        assert_eq!(count(&three), 2);
        assert_eq!(String::from_utf8_lossy(&three).matches("connection: close").count(), 1);
    }
}

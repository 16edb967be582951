//! `stylegan serve`: one thread owns the device (`worker`), requests wait in a `queue`, `api` has the routes, `page` what a browser
//! loads, `guard` what stands around every request, and this file the connections.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderValue, header};
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulConnection, GracefulShutdown};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;

pub(crate) mod api;
pub(crate) mod app;
pub(crate) mod directions;
mod errors;
pub(crate) mod facts;
pub(crate) mod gallery;
mod guard;
pub(crate) mod health;
pub(crate) mod metrics;
mod page;
pub(crate) mod painter;
mod params;
pub(crate) mod provenance;
pub(crate) use params::TRUNC;
pub(crate) mod queue;
mod recipe;
pub(crate) mod site;
mod video;
pub(crate) mod worker;

use app::App;

use crate::warn;

/// How long a client is waited for.
#[derive(Clone, Copy)]
struct Patience {
    /// For the head of a request; also how long an idle connection stays open.
    head: Duration,
    /// Without taking anything of an answer.
    write: Duration,
}

const PATIENCE: Patience = Patience { head: Duration::from_secs(15), write: Duration::from_secs(30) };
/// Bytes a connection may buffer: a head has to fit.
const BUFFER: usize = 16 << 10;

/// Requests on one connection; the next one needs another.
const MOST_REQUESTS: usize = 1000;
/// Connections beyond a share are answered one request, and soon: probes get through whoever holds the others.
const ASIDE: usize = 64;
const ASIDE_TIME: Duration = Duration::from_secs(5);
/// Connections for whoever runs the server.
const ADMIN: usize = 32;

/// Connections that may be open.
#[derive(Clone, Copy)]
pub(crate) struct Connections {
    /// In all.
    pub(crate) all: usize,
    /// From one address.
    pub(crate) each: usize,
}

/// Where it listens.
pub(crate) struct Listeners {
    /// For clients.
    pub(crate) public: TcpListener,
    /// For whoever runs the server, with connections of its own: no client can take them.
    pub(crate) admin: Option<TcpListener>,
}

/// Answers requests until `stop` is done, then finishes those that were taken, or gives up on them `patience` later.
pub(crate) async fn serve(at: Listeners, app: Arc<App>, most: Connections, stop: impl Future<Output = ()>, patience: Duration) {
    let Listeners { public: listener, admin } = at;
    let (router, probes) = (api::router(app.clone()), api::probes(app.clone()));
    let (shares, aside) = (Arc::new(Shares::new(most)), Arc::new(Semaphore::new(ASIDE)));
    let graceful = GracefulShutdown::new();
    // To the very end: a probe hears that the server is stopping.
    if let Some(admin) = admin {
        tokio::spawn(administer(admin, app.clone()));
    }
    let mut stop = std::pin::pin!(stop);
    loop {
        let (stream, client) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, address)) => (stream, site::client(address.ip())),
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
            let connection = graceful.watch(connection(stream, router.clone(), MOST_REQUESTS, PATIENCE));
            tokio::spawn(async move {
                // An error here is a client that broke the protocol or hung up.
                let _ = connection.await;
                drop((share, open));
            });
        } else if let Ok(turn) = aside.clone().try_acquire_owned() {
            let connection = connection(stream, probes.clone(), 1, PATIENCE);
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
            Ok((stream, _)) => {
                let connection = connection(stream, router.clone(), MOST_REQUESTS, PATIENCE);
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

/// Connections by client.
struct Shares {
    most: Connections,
    open: Mutex<HashMap<IpAddr, usize>>,
}

impl Shares {
    fn new(most: Connections) -> Shares {
        Shares { most, open: Mutex::default() }
    }

    /// One more of a client; None when it, or all together, have as many as they may.
    fn take(self: &Arc<Shares>, client: IpAddr) -> Option<Share> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.values().sum::<usize>() >= self.most.all || open.get(&client).is_some_and(|&count| count >= self.most.each) {
            return None;
        }
        *open.entry(client).or_default() += 1;
        Some(Share { shares: self.clone(), client })
    }
}

/// A connection that is counted until it is dropped.
struct Share {
    shares: Arc<Shares>,
    client: IpAddr,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut open = self.shares.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.client);
            }
        }
    }
}

fn connection(stream: TcpStream, router: Router, most: usize, patience: Patience) -> impl GracefulConnection<Error = hyper::Error> {
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(patience.write));
    let (router, count) = (TowerToHyperService::new(router), AtomicUsize::new(0));
    let service = hyper::service::service_fn(move |request| {
        let last = count.fetch_add(1, Ordering::Relaxed) + 1 >= most;
        let answer = router.call(request);
        async move {
            let mut answer = answer.await?;
            if last {
                answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(answer)
        }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience.head)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(Box::pin(stream)), service)
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

    #[test]
    fn nobody_has_more_than_a_share_of_the_connections() {
        let shares = Arc::new(Shares::new(Connections { all: 3, each: 2 }));
        let [a, b, c] = ["10.0.0.1", "10.0.0.2", "10.0.0.3"].map(|address| address.parse().unwrap());
        let first = shares.take(a).unwrap();
        let _second = shares.take(a).unwrap();
        assert!(shares.take(a).is_none(), "its share");
        let _third = shares.take(b).unwrap();
        assert!(shares.take(c).is_none(), "all there are");
        drop(first);
        assert!(shares.take(c).is_some() && shares.open.lock().unwrap().len() == 2);
    }

    /// What a client is answered that sends `request` and then waits; `None` when it is not hung up on.
    fn answer(router: Router, most: usize, patience: Patience, request: &[u8]) -> Option<Vec<u8>> {
        use std::io::{Read as _, Write as _};
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let mut client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let served = runtime.spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let _ = connection(stream, router, most, patience).await;
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
        // Half a head; a head and no second one; an answer that is not taken; more requests than a connection has.
        let impatient = Patience { head: SHORT, write: LONG };
        assert_eq!(answer(router(), 1000, impatient, b"GET / HTTP/1.1\r\nHost:").map(|answer| count(&answer)), Some(0));
        assert_eq!(answer(router(), 1000, impatient, get("/").as_bytes()).map(|answer| count(&answer)), Some(1));
        let taken = answer(router(), 1000, Patience { head: LONG, write: SHORT }, get("/large").as_bytes());
        assert!(taken.is_some_and(|taken| taken.len() < LARGE));
        let three = answer(router(), 2, Patience { head: LONG, write: LONG }, get("/").repeat(3).as_bytes()).unwrap();
        assert_eq!(count(&three), 2);
        assert_eq!(String::from_utf8_lossy(&three).matches("connection: close").count(), 1);
    }
}

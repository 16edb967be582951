//! `stylegan serve`: one thread owns the device (`worker`), requests wait in a `queue`, `api` has the routes, `page` what a browser
//! loads, `guard` what stands around every request, and this file the connections.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;

pub(crate) mod api;
pub(crate) mod app;
pub(crate) mod directions;
mod errors;
pub(crate) mod facts;
mod guard;
pub(crate) mod health;
pub(crate) mod metrics;
mod page;
pub(crate) mod painter;
mod params;
pub(crate) use params::TRUNC;
pub(crate) mod queue;
mod recipe;
mod video;
pub(crate) mod worker;

use app::App;

/// A client has so long to send the head of a request; also how long an idle connection stays open.
const HEAD_TIME: Duration = Duration::from_secs(15);
/// A client that takes nothing of an answer for so long is gone.
const WRITE_TIME: Duration = Duration::from_secs(30);
/// Bytes a connection may buffer: a head has to fit.
const BUFFER: usize = 16 << 10;

/// Answers requests until `stop` is done, then finishes those that were taken, or gives up on them `patience` later.
pub(crate) async fn serve(listener: TcpListener, app: Arc<App>, connections: usize, stop: impl Future<Output = ()>, patience: Duration) {
    let router = api::router(app.clone());
    let free = Arc::new(Semaphore::new(connections));
    let graceful = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = async {
            // Further clients wait in the system's own queue until a connection is free.
            let turn = free.clone().acquire_owned().await.expect("never closed");
            (turn, listener.accept().await)
        };
        let (turn, stream) = tokio::select! {
            (turn, accepted) = accepted => match accepted {
                Ok((stream, _)) => (turn, stream),
                // Out of file descriptors, or the client was gone at once. Either way the next try may work.
                Err(_) => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            () = &mut stop => break,
        };
        let open = app.metrics.connection();
        let connection = graceful.watch(connection(stream, router.clone()));
        tokio::spawn(async move {
            // An error here is a client that broke the protocol or hung up.
            let _ = connection.await;
            drop((turn, open));
        });
    }
    app.health.stop();
    drop(listener);
    let _ = tokio::time::timeout(patience, graceful.shutdown()).await;
}

type Connection = http1::Connection<TokioIo<Pin<Box<TimeoutStream<TcpStream>>>>, TowerToHyperService<Router>>;

fn connection(stream: TcpStream, router: Router) -> Connection {
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_TIME));
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(Box::pin(stream)), TowerToHyperService::new(router))
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

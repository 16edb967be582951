//! `stylegan serve`: the network as a web page and an HTTP interface.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::thread;
use std::time::Duration;

use clap::Args;
use stylegan_wgpu::internals::regular_file;
use stylegan_wgpu::{Gpu, blocking};
use tokio::runtime;
use tokio::sync::Semaphore;

use crate::args::{self, DevicePrecision};
use crate::drawing::centers::{self, Chosen, Wanted};
use crate::drawing::stamp;
use crate::drawing::{default_model, network};
use crate::failure::Failure;
use crate::serve::Listeners;
use crate::serve::app::{App, Token};
use crate::serve::facts::{self, Facts};
use crate::serve::gallery::{Opening, Residents};
use crate::serve::health::Health;
use crate::serve::metrics::Metrics;
use crate::serve::painter;
use crate::serve::provenance::Origin;
use crate::serve::queue::Queue;
use crate::serve::shares::{Most, Shares};
use crate::serve::site::{self, Site};
use crate::serve::worker::Worker;
use crate::{say, serve, warn};

/// The environment's way to hand over the token; a flag would show it to everybody who lists processes.
const TOKEN_VARIABLE: &str = "STYLEGAN_TOKEN";

/// Shows a network as a web page, with a new face on every refresh, and answers an HTTP interface.
///
/// The interface is described at /openapi.json. Ctrl-C or SIGTERM finishes what was taken and ends.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  stylegan serve
  stylegan serve --network ffhq.safetensors --trunc 0.7
  stylegan serve --network ffhq.safetensors --network cars.pkl --max-resident 1
  stylegan serve --network ffhq.safetensors --addr 0.0.0.0:8080 --token-file token.txt
  curl -OJ 'http://127.0.0.1:8080/image?seed=85&format=png'

RUST_LOG=stylegan=info logs one line per request: method, route, status, time.")]
pub(crate) struct ServeArgs {
    /// Network: a .safetensors of ours, a checkpoint (.pkl), or the wheel or folder of a MobileStyleGAN; may be given more than once
    #[arg(long, value_name = "FILE")]
    #[cfg_attr(feature = "default-model", doc = "[default: the built-in avatars]")]
    network: Vec<PathBuf>,

    /// Networks that are on the device at a time: another one takes the place of the one that was not asked for the longest
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..), value_name = "N")]
    max_resident: u16,

    /// Address and port to listen on; port 0 takes a free one and prints it
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDR:PORT")]
    addr: SocketAddr,

    /// Another address and port, for /healthz, /readyz and /metrics alone, without a token and out of the reach of clients; /metrics is
    /// then only there
    #[arg(long, value_name = "ADDR:PORT")]
    admin_addr: Option<SocketAddr>,

    /// Truncation psi of requests that name none
    #[arg(long, default_value_t = args::USUAL_TRUNC, value_parser = args::parse_finite, allow_negative_numbers = true, value_name = "PSI")]
    trunc: f32,

    /// Truncates every picture towards the nearest of several centres of w, instead of the one average that looks like the majority: a
    /// file of `centers`, or auto (64 of them, auto:N for N: made once for a network and kept)
    #[arg(long, value_parser = centers::parse, value_name = "FILE|auto")]
    centers: Option<Wanted>,

    /// Pictures rendered at once, when so many wait [default: 8 on a GPU, 1 on a software adapter]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=64), value_name = "N")]
    batch: Option<u16>,

    /// How long a request waits for others to be rendered with, in milliseconds
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(0..=10_000), value_name = "MS")]
    batch_delay: u64,

    /// Requests that may wait; those beyond are sent away with 503 and Retry-After
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=4096), value_name = "N")]
    queue: u16,

    /// Longest time of a request, in seconds
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600), value_name = "SECONDS")]
    timeout: u64,

    /// Connections that may be open
    #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u16).range(1..), value_name = "N")]
    max_connections: u16,

    /// Connections that one address may have open [default: a quarter of all]; a server in front needs them all
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..), value_name = "N")]
    connections_per_address: Option<u16>,

    /// A name that requests may call this server by, beside its address and localhost; may be given more than once
    #[arg(long, value_parser = site::parse_host, value_name = "NAME")]
    allow_host: Vec<String>,

    /// Another site whose pages may draw here, as `https://example.org`, or * for every one; may be given more than once
    #[arg(long, value_parser = site::parse_origin, value_name = "ORIGIN")]
    cors: Vec<String>,

    /// File with a token that requests have to bring, as Authorization: Bearer TOKEN; the variable STYLEGAN_TOKEN does the same
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,

    /// Leaves out of pictures what they say about how they were made (see stylegan inspect PICTURE)
    #[arg(long)]
    no_metadata: bool,

    /// Storage of weights and activations on the device; auto is f16 where the device has it
    #[arg(long, value_enum, default_value_t = DevicePrecision::Auto)]
    precision: DevicePrecision,

    /// Adapter to use: its index, or a part of its name (see stylegan devices)
    #[arg(long, value_name = "INDEX|NAME")]
    device: Option<String>,

    /// For tests: destroys the device before the N-th picture, as a driver's reset would
    #[arg(long, hide = true, value_name = "N")]
    lose_device_at: Option<usize>,
}

pub(crate) fn run(args: &ServeArgs) -> Result<(), Failure> {
    if !serve::TRUNC.contains(&args.trunc) {
        return Err(Failure::usage(format!("--trunc {} is out of range: requests may name -2 to 2", args.trunc)));
    }
    args::note_psi(args.trunc);
    let token = token(args.token_file.as_deref())?;
    let files: Vec<Option<&Path>> = match args.network[..] {
        [] => vec![None],
        _ => args.network.iter().map(|path| Some(&**path)).collect(),
    };
    if matches!(args.centers, Some(Wanted::File(_))) && files.len() > 1 {
        return Err(Failure::usage("--centers FILE is of one network, and there are several: write --centers auto"));
    }
    let models = files.iter().map(|file| network::open_or_default(*file)).collect::<Result<Vec<_>, _>>()?;
    if matches!(args.centers, Some(Wanted::Auto(_))) && models.iter().any(|model| model.config.c_dim() > 0) {
        return Err(Failure::usage(
            "--centers auto is of one class, and every request names its own: make a file of one class or of all with `stylegan centers`",
        ));
    }
    let hashes: Vec<String> = models.iter().map(stylegan_studio::drawing::sha256).collect();
    let chosen =
        |(model, sha256): (_, &String)| args.centers.as_ref().map(|wanted| Chosen::of(wanted, model, None, || sha256.clone())).transpose();
    let chosen = models.iter().zip(&hashes).map(chosen).collect::<Result<Vec<_>, _>>()?;
    let listen = |flag, address| TcpListener::bind(address).map_err(|error| cannot_listen(flag, address, &error));
    let listener = listen("--addr", args.addr)?;
    let admin = args.admin_addr.map(|address| listen("--admin-addr", address)).transpose()?;
    let mut gpu = None;
    let mut centers = Vec::new();
    for (chosen, model) in chosen.iter().zip(&models) {
        // One device makes them all; where all were kept, none has to.
        let open = || match &gpu {
            Some(gpu) => Ok(Gpu::clone(gpu)),
            None => Ok(gpu.insert(blocking::open(args.device.as_deref())?).clone()),
        };
        centers.push(chosen.as_ref().map(|chosen| chosen.centers(open, model)).transpose()?);
    }
    drop(gpu);
    let residents = Residents::default();
    let mut opening = Opening {
        models: models.iter().cloned().zip(centers.clone()).collect(),
        most: args.max_resident.into(),
        device: args.device.clone(),
        precision: args.precision.into(),
        batch: args.batch.map(usize::from),
        lose_device_at: args.lose_device_at,
        residents: residents.clone(),
    };
    let mut gallery = opening.open()?;
    // The first in the end: it is the one that the page begins with.
    let mut networks = Vec::new();
    for (number, ((file, model), sha256)) in files.iter().zip(&models).zip(hashes).enumerate().rev() {
        let mut facts = Facts::new(painter::name_of(*file), model, &sha256, args.trunc, token.is_some());
        if let Some(centers) = &centers[number] {
            facts.truncates_towards(centers);
        }
        let painter = gallery.painter(number)?;
        let settings = stamp::settings("serve", *file, sha256);
        let towards = args.centers.as_ref().zip(centers[number].as_ref()).map(|(wanted, centers)| stamp::towards(wanted, centers));
        facts.origin = (!args.no_metadata).then(|| Origin { settings, precision: stamp::named(args.precision, painter.dtype()), towards });
        facts.device = painter.device();
        facts.number = number;
        networks.push(facts);
    }
    networks.reverse();
    facts::tell_apart(&mut networks);
    if args.network.is_empty() {
        default_model::introduce();
    }
    serve::directions::find(networks.iter().cloned().zip(models).collect(), gallery.gpu().clone());

    let all = usize::from(args.max_connections);
    let connections = Most { all, each: args.connections_per_address.map_or(all.div_ceil(4), usize::from) };
    let encoders = thread::available_parallelism().map_or(1, usize::from);
    let (queue, metrics, health) = (Arc::new(Queue::new()), Arc::new(Metrics::new()), Arc::new(Health::default()));
    let app = Arc::new(App {
        networks,
        residents,
        queue: queue.clone(),
        metrics: metrics.clone(),
        health: health.clone(),
        timeout: Duration::from_secs(args.timeout),
        batch: gallery.batch(),
        token,
        places: Semaphore::new(usize::from(args.queue)),
        videos: Shares::new(serve::videos(args.queue.into(), connections)),
        encoders: Arc::new(Semaphore::new(encoders)),
        site: Site { bound: args.addr.ip(), hosts: args.allow_host.clone(), origins: args.cors.clone() },
        metrics_apart: admin.is_some(),
        promised: AtomicUsize::new(0),
    });
    let worker = Worker {
        queue: queue.clone(),
        batch: gallery.batch(),
        painter: gallery,
        open: move || opening.open(),
        patience: Duration::from_millis(args.batch_delay),
        metrics,
        health,
    };
    // Before anybody is told the address: the network is on the device, though its thread may not have begun.
    app.health.set_ready(true);
    let system = |error: io::Error| Failure::Runtime(format!("the server could not be started: {error}"));
    let worker = thread::Builder::new().name("device".into()).spawn(|| worker.run()).map_err(system)?;
    let runtime = runtime::Builder::new_multi_thread().enable_all().max_blocking_threads(encoders).build().map_err(system)?;
    let result = runtime.block_on(async {
        let ready = |listener: TcpListener| listener.set_nonblocking(true).and_then(|()| tokio::net::TcpListener::from_std(listener));
        let at = Listeners { public: ready(listener).map_err(system)?, admin: admin.map(ready).transpose().map_err(system)? };
        let address = at.public.local_addr().map_err(system)?;
        let admin = at.admin.as_ref().map(tokio::net::TcpListener::local_addr).transpose().map_err(system)?;
        // Before anybody is told that there is a server to stop.
        let stop = serve::stop_signal().map_err(system)?;
        introduce(&app, address, admin)?;
        // A request that was taken just before the signal has its whole time, and a moment to be sent.
        let patience = app.timeout + Duration::from_secs(5);
        serve::serve(at, app.clone(), connections, stop, patience).await;
        Ok(())
    });
    queue.close();
    // A worker that panicked outside of a request is a bug, and has said so.
    let _ = worker.join();
    result
}

/// Where it is, and what to think of before others can reach it.
fn introduce(app: &App, address: SocketAddr, admin: Option<SocketAddr>) -> Result<(), Failure> {
    if !address.ip().is_loopback() && app.token.is_none() {
        warn(&format!(
            "{address} can be reached by others, and no token is asked for: name one with --token-file, or put a server in front that \
             decides who may come in (docs/serve.md)"
        ));
    }
    if let Some(admin) = admin {
        say(&format!("probes and metrics on http://{admin}/"))?;
    }
    let networks: Vec<String> = app.networks.iter().map(|facts| format!("{}, {}", facts.name, facts.device)).collect();
    say(&format!("{}\nlistening on http://{address}/", networks.join("\n")))
}

fn cannot_listen(flag: &str, address: SocketAddr, error: &io::Error) -> Failure {
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => "; another program listens there: choose another port, or 0 for a free one",
        io::ErrorKind::PermissionDenied => "; ports below 1024 belong to the system: choose another",
        io::ErrorKind::AddrNotAvailable => "; this machine has no such address: 127.0.0.1 is itself, 0.0.0.0 all it has",
        _ => "",
    };
    Failure::Runtime(format!("{flag} {address}: {error}{advice}"))
}

/// The token, from the file or the environment. One that is too short to be a secret is refused.
fn token(file: Option<&Path>) -> Result<Option<Token>, Failure> {
    let (origin, text) = match file {
        Some(path) => {
            let text = String::from_utf8_lossy(&regular_file::read(path, 1 << 16)?).into_owned();
            (path.display().to_string(), text)
        }
        None => match std::env::var(TOKEN_VARIABLE) {
            Ok(text) => (TOKEN_VARIABLE.into(), text),
            Err(std::env::VarError::NotPresent) => return Ok(None),
            Err(error) => return Err(Failure::Runtime(format!("{TOKEN_VARIABLE}: {error}"))),
        },
    };
    let text = text.trim();
    if !(16..=1024).contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Failure::Runtime(format!("{origin}: a token has 16 to 1024 printable ASCII characters and no spaces")));
    }
    Ok(Some(Token::new(text.into())))
}

//! What Prometheus is told at `/metrics`.

use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// The content type of [`Metrics::text`].
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper ends of the buckets of times, in seconds: from a picture out of the cache to one of config F on a processor.
const SECONDS: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Never anything a client has chosen freely: a route is a template, a method or status one of a few.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

/// How a video ended that was sent while it was drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(crate) enum Ending {
    /// All of it was sent.
    Whole,
    /// The client left, or was too slow.
    Left,
    /// A frame was not made, or not in time.
    Broken,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Video {
    end: Ending,
}

/// All counters of a server.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Request, Counter>,
    request_seconds: Family<Route, Histogram>,
    videos: Family<Video, Counter>,
    batch_size: Histogram,
    gpu_seconds: Histogram,
    devices_opened: Counter,
    abandoned: Counter,
    queue_length: Gauge,
    ready: Gauge,
    connections: Gauge,
    memory: Gauge,
}

/// What is looked up when somebody asks, and not counted as it happens.
pub(crate) struct Moment {
    pub(crate) queue_length: usize,
    /// Since the last moment.
    pub(crate) abandoned: usize,
    pub(crate) ready: bool,
}

impl Metrics {
    pub(crate) fn new() -> Metrics {
        let mut registry = Registry::with_prefix("stylegan");
        let metrics = Metrics {
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            videos: Family::default(),
            batch_size: Histogram::new([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0]),
            gpu_seconds: Histogram::new(SECONDS),
            devices_opened: Counter::default(),
            abandoned: Counter::default(),
            queue_length: Gauge::default(),
            ready: Gauge::default(),
            connections: Gauge::default(),
            memory: Gauge::default(),
            registry: Registry::default(),
        };
        registry.register("requests", "Requests by route and status; 499 is a client that hung up", metrics.requests.clone());
        let seconds = |registry: &mut Registry, name: &str, help: &str, metric: Histogram| {
            registry.register_with_unit(name, help, Unit::Seconds, metric);
        };
        registry.register_with_unit("request", "Time of requests, whatever came of them", Unit::Seconds, metrics.request_seconds.clone());
        registry.register("videos", "Videos that were sent while they were drawn, by how they ended", metrics.videos.clone());
        registry.register("batch_size", "Pictures rendered at once", metrics.batch_size.clone());
        seconds(&mut registry, "gpu", "Time of the device for a batch, with writing to it and reading back", metrics.gpu_seconds.clone());
        registry.register("devices_opened_again", "Tries to open the device after it was lost", metrics.devices_opened.clone());
        registry.register(
            "jobs_abandoned",
            "Pictures that nobody waited for any more and that were not rendered",
            metrics.abandoned.clone(),
        );
        registry.register("queue_length", "Pictures that wait for the device", metrics.queue_length.clone());
        registry.register("ready", "1 when pictures can be made", metrics.ready.clone());
        registry.register("connections", "Open connections", metrics.connections.clone());
        registry.register_with_unit("resident_memory", "Memory of the process (Linux only)", Unit::Bytes, metrics.memory.clone());
        Metrics { registry, ..metrics }
    }

    /// A request was answered, or its client hung up.
    pub(crate) fn request(&self, method: &'static str, route: &str, status: u16, time: Duration) {
        self.requests.get_or_create(&Request { method, route: route.into(), status }).inc();
        self.request_seconds.get_or_create(&Route { route: route.into() }).observe(time.as_secs_f64());
    }

    /// A video that was sent while it was drawn has ended.
    pub(crate) fn video(&self, end: Ending) {
        self.videos.get_or_create(&Video { end }).inc();
    }

    /// A batch was rendered.
    pub(crate) fn batch(&self, pictures: usize, time: Duration) {
        self.batch_size.observe(pictures as f64);
        self.gpu_seconds.observe(time.as_secs_f64());
    }

    /// The device is opened again.
    pub(crate) fn device_opened(&self) {
        self.devices_opened.inc();
    }

    /// A connection was opened; it counts until what this gives is dropped.
    pub(crate) fn connection(&self) -> impl Drop + use<> {
        struct Open(Gauge);
        impl Drop for Open {
            fn drop(&mut self) {
                self.0.dec();
            }
        }
        self.connections.inc();
        Open(self.connections.clone())
    }

    /// All of it in the text format of OpenMetrics.
    pub(crate) fn text(&self, moment: &Moment) -> Result<String, std::fmt::Error> {
        self.queue_length.set(moment.queue_length as i64);
        self.abandoned.inc_by(moment.abandoned as u64);
        self.ready.set(i64::from(moment.ready));
        self.memory.set(resident_bytes().unwrap_or(0));
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// VmRSS of /proc/self/status, which is in KiB.
fn resident_bytes() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches(" kB").parse::<i64>().ok().map(|kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_is_told() {
        let metrics = Metrics::new();
        metrics.request("GET", "/image", 200, Duration::from_millis(30));
        metrics.request("GET", "/image", 503, Duration::ZERO);
        metrics.video(Ending::Left);
        metrics.batch(4, Duration::from_millis(20));
        let open = metrics.connection();
        let text = || metrics.text(&Moment { queue_length: 3, abandoned: 2, ready: true }).unwrap();
        for line in [
            r#"stylegan_requests_total{method="GET",route="/image",status="200"} 1"#,
            r#"stylegan_request_seconds_count{route="/image"} 2"#,
            r#"stylegan_videos_total{end="Left"} 1"#,
            "stylegan_batch_size_sum 4.0",
            "stylegan_gpu_seconds_count 1",
            "stylegan_queue_length 3",
            "stylegan_ready 1",
            "stylegan_connections 1",
        ] {
            let text = text();
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        drop(open);
        assert!(text().contains("stylegan_connections 0"));
        #[cfg(target_os = "linux")]
        assert!(resident_bytes().is_some_and(|bytes| bytes > 1 << 20));
    }
}

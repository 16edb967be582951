//! The directions that requests walk along. They are found in the background: a server does not wait for them to draw its first faces.

use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use stylegan_studio::vectors::{Axes, Method};
use stylegan_wgpu::{Gpu, Model};
use tokio::sync::Notify;

use super::facts::Facts;

/// How many.
const COUNT: usize = 5;

/// How long an answer that lists them waits for them.
const PATIENCE: Duration = Duration::from_secs(5);

/// Principal components of w, the largest first; none before they are found, nor where they cannot be.
#[derive(Debug, Default)]
pub(crate) struct Directions {
    axes: OnceLock<Option<Axes>>,
    found: Notify,
}

impl Directions {
    fn axes(&self) -> Option<&Axes> {
        self.axes.get().and_then(Option::as_ref)
    }

    pub(crate) fn count(&self) -> usize {
        self.axes().map_or(0, |axes| axes.sigma.values.len())
    }

    /// A unit vector, and the standard deviation of w along it.
    pub(crate) fn get(&self, number: usize) -> Option<(&[f32], f32)> {
        let axes = self.axes()?;
        let sigma = *axes.sigma.values.get(number)?;
        Some((axes.directions.values.chunks_exact(axes.directions.shape[1]).nth(number)?, sigma))
    }

    /// The standard deviations of all.
    pub(crate) fn sigma(&self) -> &[f32] {
        self.axes().map_or(&[], |axes| &axes.sigma.values)
    }

    /// Whether the search has not ended.
    pub(crate) fn is_sought(&self) -> bool {
        self.axes.get().is_none()
    }

    /// Waits until they are found, a while.
    pub(crate) async fn wait(&self) {
        let found = self.found.notified();
        if self.is_sought() {
            let _ = tokio::time::timeout(PATIENCE, found).await;
        }
    }

    /// Two, along the first and the third axis of four.
    #[cfg(test)]
    pub(crate) fn example() -> Directions {
        use stylegan_convert::array_file::Array;
        let axes = Axes {
            directions: Array::new(&[2, 4], vec![1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0]),
            sigma: Array::new(&[2], vec![1.0, 2.0]),
            mean: Array::new(&[4], vec![0.0; 4]),
            singular_values: None,
            layers: Vec::new(),
        };
        Directions { axes: OnceLock::from(Some(axes)), found: Notify::new() }
    }
}

/// Looks for the directions of networks on a thread of its own, one after the other.
pub(crate) fn find(networks: Vec<(Facts, Model)>, gpu: Gpu) {
    let search = move || {
        for (facts, model) in networks {
            let n = COUNT.min(model.config.w_dim());
            let mut tenths = 0;
            let mut progress = |part: f32| {
                if (10.0 * part) as u32 > tenths {
                    tenths = (10.0 * part) as u32;
                    log::info!(target: "stylegan", "directions: {tenths}0 %");
                }
            };
            let found = Axes::find(&gpu, &model, Method::Pca, (&[], n), None, &mut progress);
            let found = found.map_err(|error| log::warn!(target: "stylegan", "no directions: {error}")).ok();
            let _ = facts.directions.axes.set(found);
            facts.directions.found.notify_waiters();
        }
    };
    // Without the thread there are faces all the same.
    let _ = thread::Builder::new().name("directions".into()).spawn(search);
}

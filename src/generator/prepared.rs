//! Networks that are ready to run: plans of some number of pictures, resolved on a device.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::executor::{self, Executor};
use crate::gpu::Gpu;
use crate::model::Model;
use crate::networks::mapping::{Mapping, Truncated, mapping};
use crate::networks::styles::Affines;
use crate::networks::{self, NoiseSource, Synthesis};
use crate::plan::Plan;
use crate::tensor::{DType, Tensor};

/// A way of running the synthesis network.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Way {
    pub(super) images: usize,
    pub(super) noise: NoiseSource,
    /// The block whose picture is the last.
    pub(super) preview: Option<usize>,
    /// The activation that is read back.
    pub(super) tap: Option<String>,
}

/// The synthesis network on the device.
pub(super) struct Prepared {
    pub(super) way: Way,
    pub(super) handles: Handles,
    pub(super) executor: Executor,
}

/// The tensors of a synthesis plan that a generator writes and reads.
pub(super) struct Handles {
    pub(super) ws: Tensor,
    pub(super) noises: Vec<Tensor>,
    pub(super) transform: Option<Tensor>,
    /// The constant with the biases of all styles, and what it is made of.
    pub(super) styles: Tensor,
    pub(super) affines: Arc<Affines>,
    pub(super) img: Tensor,
    pub(super) rgba: Tensor,
    pub(super) tap: Option<Tensor>,
}

impl Prepared {
    pub(super) fn new(gpu: &Gpu, model: &Model, dtype: DType, way: &Way, scope: &str, options: &executor::Options) -> Result<Prepared> {
        let mut synthesis = networks::synthesis(model, way.images, dtype, way.noise);
        if let Some(resolution) = way.preview {
            let whole = synthesis;
            synthesis = whole.preview(resolution).ok_or_else(|| {
                let network = model.config.network();
                Error::Argument(format!(
                    "there is no preview of {resolution} of this {network}: no block of it ends in a picture of that size"
                ))
            })?;
        }
        let Synthesis { mut plan, ws, noises, transform, table, affines, img, rgba } = synthesis;
        let tap = way.tap.as_ref().map(|name| activation(&plan, name)).transpose()?;
        tap.into_iter().for_each(|tensor| plan.tap(tensor));
        let executor = Executor::new(gpu, plan, &format!("{scope}/synthesis"), options)?;
        Ok(Prepared { way: way.clone(), handles: Handles { ws, noises, transform, styles: table, affines, img, rgba, tap }, executor })
    }
}

/// What the last pass of that name gives.
fn activation(plan: &Plan, name: &str) -> Result<Tensor> {
    let found = plan.passes.iter().rev().find(|pass| pass.label == name);
    found.map(|pass| pass.write).ok_or_else(|| {
        let layers: Vec<&str> = plan.passes.iter().map(|pass| pass.label.as_str()).collect();
        Error::Argument(format!("no layer is called {}; there are {}", crate::text::line(name, 40), layers.join(", ")))
    })
}

/// The mapping network on the device for `m` latents, and truncation after it to the rows of `images` pictures; of none where w is read.
pub(super) struct Mapped {
    pub(super) m: usize,
    pub(super) images: usize,
    pub(super) z: Option<Tensor>,
    pub(super) label: Option<Tensor>,
    /// `[m, w_dim]`.
    pub(super) w: Tensor,
    pub(super) truncated: Option<Truncated>,
    pub(super) executor: Executor,
}

impl Mapped {
    pub(super) fn new(gpu: &Gpu, model: &Model, m: usize, images: usize, scope: &str) -> Result<Mapped> {
        let mut network = mapping(model, m);
        let truncated = (images > 0).then(|| network.truncate(model, images));
        let Mapping { plan, z, label, w } = network;
        let executor = Executor::new(gpu, plan, &format!("{scope}/mapping"), &executor::Options::default())?;
        Ok(Mapped { m, images, z, label, w, truncated, executor })
    }
}

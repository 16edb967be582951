//! Networks that are ready to run: plans of some number of pictures, resolved on a device.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::executor::{self, Executor};
use crate::gpu::Gpu;
use crate::model::Model;
use crate::networks::mapping::mapping;
use crate::networks::styles::AFFINE_TABLE;
use crate::networks::{self, NoiseSource, Synthesis};
use crate::tensor::{DType, Layout, Tensor};

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
    /// The biases of all styles, a constant.
    pub(super) styles: Tensor,
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
        let Synthesis { mut plan, ws, noises, transform, img, rgba } = synthesis;
        let tap = match &way.tap {
            None => None,
            Some(name) => {
                let missing = || {
                    let layers: Vec<&str> = plan.passes.iter().map(|pass| pass.label.as_str()).collect();
                    Error::Argument(format!("no layer is called {}; there are {}", crate::text::line(name, 40), layers.join(", ")))
                };
                let passes = plan.passes.iter().rev();
                Some(
                    passes
                        .map(|pass| (&pass.label, pass.write))
                        .find(|(label, _)| *label == name)
                        .map(|(_, tensor)| tensor)
                        .ok_or_else(missing)?,
                )
            }
        };
        tap.into_iter().for_each(|tensor| plan.tap(tensor));
        let styles = plan.find(AFFINE_TABLE).expect("every synthesis network has styles");
        let executor = Executor::new(gpu, plan, &format!("{scope}/synthesis"), options)?;
        Ok(Prepared { way: way.clone(), handles: Handles { ws, noises, transform, styles, img, rgba, tap }, executor })
    }
}

/// The mapping network on the device, and truncation after it: `m` latents to the rows of `images` pictures.
pub(super) struct Mapped {
    pub(super) m: usize,
    pub(super) images: usize,
    pub(super) z: Option<Tensor>,
    pub(super) label: Option<Tensor>,
    pub(super) table: Tensor,
    pub(super) direction: Tensor,
    /// `[m, w_dim]`.
    pub(super) w: Tensor,
    /// `[images * num_ws, w_dim]`.
    pub(super) ws: Tensor,
    pub(super) executor: Executor,
}

impl Mapped {
    pub(super) fn new(gpu: &Gpu, model: &Model, m: usize, images: usize, scope: &str) -> Result<Mapped> {
        let (rows, w_dim) = (images * model.config.num_ws(), model.config.w_dim());
        let mut network = mapping(model, m);
        let mut plan = std::mem::take(&mut network.plan);
        let averages = model.array("mapping.w_avg").clone();
        let shape = [averages.len() / w_dim, w_dim, 1, 1];
        let w_avg = plan.constant("w_avg", shape, DType::F32, Layout::Flat, Arc::new(move || averages.to_f32()));
        let table = plan.input("truncation", [rows, 4, 1, 1], DType::F32, Layout::Flat);
        let direction = plan.input("direction", [rows, w_dim, 1, 1], DType::F32, Layout::Flat);
        let ws = plan.truncate("truncate", network.w, w_avg, table, direction);
        plan.tap(ws);
        let executor = Executor::new(gpu, plan, &format!("{scope}/mapping"), &executor::Options::default())?;
        Ok(Mapped { m, images, z: network.z, label: network.label, table, direction, w: network.w, ws, executor })
    }
}

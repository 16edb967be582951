//! Pipelines of a device: each compiled once, on all cores.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Gpu, lock};
use crate::error::{Error, Result};
use crate::kernel::{Assembly, Chosen, Variant};
use crate::plan::Pass;
use crate::tensor::DType;
use crate::tier::Matrix;

/// Those that were compiled.
pub(super) type Pipelines = Mutex<HashMap<PipelineKey, wgpu::ComputePipeline>>;

/// Kernel, variant, element types read and written, override constants (as bits).
pub(super) type PipelineKey = (&'static str, &'static str, [DType; 2], Assembly, Vec<(&'static str, u64)>);

impl Gpu {
    /// Compiles what these passes need and is not there yet, on all cores.
    /// `tell` hears of every one that is there.
    pub(crate) fn compile(&self, passes: &[Pass], chosen: &[Chosen], tell: &(dyn Fn() + Sync)) -> Result<()> {
        let mut known: HashSet<PipelineKey> = lock(&self.inner.pipelines).keys().cloned().collect();
        let wanted: Vec<_> = passes.iter().zip(chosen).filter(|(pass, chosen)| known.insert(pipeline_key(pass, chosen))).collect();
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some((pass, chosen)) = wanted.get(next.fetch_add(1, Ordering::Relaxed)) {
                self.pipeline(pass, chosen)?;
                tell();
            }
            Ok(())
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(wanted.len());
        // A browser has no threads.
        if threads < 2 {
            return work();
        }
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            workers.into_iter().try_for_each(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })
    }

    /// The pipeline of a variant, compiled once per device, element type and set of constants.
    pub(crate) fn pipeline(&self, pass: &Pass, chosen: &Chosen) -> Result<wgpu::ComputePipeline> {
        let key = pipeline_key(pass, chosen);
        let known = lock(&self.inner.pipelines).get(&key).cloned();
        if let Some(pipeline) = known {
            return Ok(pipeline);
        }
        // The lock is not held: others compile meanwhile.
        let pipeline = self.compiled(pass, chosen, self.inner.kernels_from.get().map(PathBuf::as_path))?;
        Ok(lock(&self.inner.pipelines).entry(key).or_insert(pipeline).clone())
    }

    /// Compiles a variant for a pass, untried and not kept, from its own source or from the file in `folder` that `STYLEGAN_DUMP_WGSL`
    /// would write: tools/gpu-lab looks at what drivers make of it.
    #[doc(hidden)]
    pub fn compile_untried(&self, pass: &Pass, variant: &'static Variant, matrix: Option<Matrix>, folder: Option<&Path>) -> Result<()> {
        let words = self.inner.tier.words && matrix.is_none();
        self.compiled(pass, &Chosen { variant, matrix, words }, folder).map(|_| ())
    }

    fn compiled(&self, pass: &Pass, chosen: &Chosen, folder: Option<&Path>) -> Result<wgpu::ComputePipeline> {
        let (variant, types) = (chosen.variant, [pass.dtype, pass.write.dtype]);
        let constants = variant.overrides(pass, chosen.matrix);
        let label = format!("{}.{}.{:?}.{:?}", pass.kernel.name, variant.name, types[0], types[1]);
        let mut source = variant.wgsl(types[0], types[1], chosen.assembly());
        if let Some(path) = folder.map(|folder| folder.join(format!("{label}.wgsl"))).filter(|path| path.exists()) {
            source = std::fs::read_to_string(&path).map_err(|source| Error::Io { path, source })?;
        }
        if let Some(folder) = std::env::var_os("STYLEGAN_DUMP_WGSL") {
            let path = Path::new(&folder).join(format!("{label}.wgsl"));
            std::fs::write(&path, &source).map_err(|source| Error::Io { path, source })?;
        }
        // Nobody knows what foreign sources index.
        let checked = self.inner.checked || self.inner.kernels_from.get().is_some();
        let checks = if checked { wgpu::ShaderRuntimeChecks::checked() } else { wgpu::ShaderRuntimeChecks::unchecked() };
        self.guarded(&label, || {
            let descriptor = wgpu::ShaderModuleDescriptor { label: Some(&label), source: wgpu::ShaderSource::Wgsl(source.into()) };
            // SAFETY: without checks only our own shaders are compiled, or nothing is dispatched (`compile_untried`), with strides
            // computed from the shapes of the tensors bound; every index
            // lies in its slab (tests/indexes.rs holds the stores' functions to that over thousands of slabs; tests/kernels/ and
            // `odd_sizes_equal_their_twins` run the same shaders with checks and without, on shapes no tile divides), loops are
            // bounded by those shapes, and no divisor is zero.
            let module = unsafe { self.inner.device.create_shader_module_trusted(descriptor, checks) };
            self.inner.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(&label),
                layout: None,
                module: &module,
                entry_point: Some("main"),
                compilation_options: wgpu::PipelineCompilationOptions {
                    constants: &constants,
                    // Every kernel writes its workgroup memory before it reads it.
                    zero_initialize_workgroup_memory: self.inner.checked,
                },
                cache: self.inner.pipeline_cache.get(),
            })
        })
    }
}

fn pipeline_key(pass: &Pass, chosen: &Chosen) -> PipelineKey {
    let constants = chosen.variant.overrides(pass, chosen.matrix);
    let constants = constants.iter().map(|(name, value)| (*name, value.to_bits())).collect();
    (pass.kernel.name, chosen.variant.name, [pass.dtype, pass.write.dtype], chosen.assembly(), constants)
}

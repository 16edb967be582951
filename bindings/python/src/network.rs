//! A network on a device.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use numpy::{PyArray1, PyArray2, PyArray3, PyArrayMethods, PyReadonlyArray2, PyReadonlyArray3, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use stylegan_studio::drawing::cache_folder;
use stylegan_studio::vectors::{Axes, Layers, Method};
use stylegan_wgpu::blocking::{self, Generator};
use stylegan_wgpu::latent::{self, Truncation};
use stylegan_wgpu::{AdapterReport, Gpu, Look, Model, Noise, Options, PrecisionChoice, Result, Transform, Tuning, Ws};

use crate::errors::{ArgumentError, raise, raise_of};
use crate::pending::{Pending, Pictures};

/// Python's `Generator` stands on it.
#[pyclass(frozen, module = "stylegan_wgpu._native")]
pub(crate) struct Network {
    gpu: Gpu,
    model: Model,
    sha256: OnceLock<String>,
    drawing: Mutex<Drawing>,
}

/// What a call changes.
struct Drawing {
    generator: Generator,
    options: Options,
    /// Where pictures lie, if not where the file says.
    transform: Option<Transform>,
}

impl Network {
    /// Works on the device, one call at a time, while Python does something else.
    fn draw<T: Send>(&self, py: Python<'_>, work: impl FnOnce(&mut Drawing) -> Result<T> + Send) -> PyResult<T> {
        py.detach(|| work(&mut self.lock())).map_err(raise)
    }

    /// For a moment only: whoever works on the device holds it, and may have to wait for the interpreter that the caller holds.
    fn peek<T: Send>(&self, py: Python<'_>, look: impl FnOnce(&Drawing) -> T + Send) -> T {
        py.detach(|| look(&self.lock()))
    }

    /// Of its configuration and tensors, whatever file they came from.
    pub(crate) fn sha256(&self) -> String {
        self.sha256.get_or_init(|| stylegan_studio::drawing::sha256(&self.model)).clone()
    }

    fn lock(&self) -> MutexGuard<'_, Drawing> {
        // A panic is a bug that was raised where it happened; the next call is as good as the first.
        self.drawing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts a network on a device: of a file, of the bytes of one, or the built-in one.
#[pyfunction]
pub(crate) fn load(
    py: Python<'_>,
    source: Option<&Bound<'_, PyAny>>,
    device: Option<String>,
    precision: &str,
    batch: usize,
    tune: bool,
) -> PyResult<Network> {
    let precision = match precision {
        "auto" => PrecisionChoice::Auto,
        "f32" => PrecisionChoice::F32,
        "f16" => PrecisionChoice::F16,
        other => return Err(ArgumentError::new_err(format!("precision {other:?}: it is \"auto\", \"f32\" or \"f16\""))),
    };
    // As the command does: the same kernels, so the same bits.
    let tuning = cache_folder().filter(|_| tune).map(|folder| Tuning { folder, progress: None });
    let model = match source {
        None => Model::from_bytes(stylegan_weights::OPEN_PEEPS_128.to_vec()).map_err(raise)?,
        Some(source) => match source.cast::<PyBytes>() {
            Ok(bytes) => {
                let bytes = bytes.as_bytes();
                py.detach(|| stylegan_convert::from_bytes(bytes, "bytes", &mut |_| ())).map_err(|error| raise_of("bytes", error))?
            }
            Err(_) => {
                let path: PathBuf = source.extract()?;
                py.detach(|| stylegan_convert::open(&path, &mut |_| ())).map_err(|error| raise_of(&path.display().to_string(), error))?
            }
        },
    };
    let options = Options::new().precision(precision).batch(batch).tuning(tuning);
    let on_device = || -> Result<Network> {
        let gpu = blocking::open(device.as_deref())?;
        let generator = prepared(&gpu, &model, &options)?;
        Ok(Network {
            gpu,
            model: model.clone(),
            sha256: OnceLock::new(),
            drawing: Mutex::new(Drawing { generator, options: options.clone(), transform: None }),
        })
    };
    py.detach(on_device).map_err(raise)
}

fn prepared(gpu: &Gpu, model: &Model, options: &Options) -> Result<Generator> {
    let mut generator = Generator::new(gpu, model, options)?;
    // A full batch and the rest of a list.
    generator.keep_prepared(2);
    Ok(generator)
}

/// What this machine can draw on.
#[pyfunction]
pub(crate) fn devices(py: Python<'_>) -> PyResult<Vec<Bound<'_, PyDict>>> {
    let described = |adapter: &AdapterReport| {
        let dict = PyDict::new(py);
        dict.set_item("index", adapter.index)?;
        for (key, value) in [
            ("name", adapter.name.clone()),
            ("backend", adapter.backend.to_string()),
            ("driver", adapter.driver.clone()),
            ("type", adapter.device_type.to_string()),
            ("tier", adapter.tier.to_string()),
        ] {
            dict.set_item(key, value)?;
        }
        Ok(dict)
    };
    py.detach(blocking::adapters).iter().map(described).collect()
}

#[pymethods]
impl Network {
    /// Which network, as `stylegan2`.
    #[getter]
    fn network(&self) -> &'static str {
        self.model.config.network()
    }

    /// Length of a latent; 0 of a network that has none.
    #[getter]
    fn z_dim(&self) -> usize {
        self.model.config.z_dim()
    }

    /// Classes; 0 where there are none.
    #[getter]
    fn c_dim(&self) -> usize {
        self.model.config.c_dim()
    }

    /// Length of a row of w.
    #[getter]
    fn w_dim(&self) -> usize {
        self.model.config.w_dim()
    }

    /// Rows of w of a picture.
    #[getter]
    fn num_ws(&self) -> usize {
        self.model.config.num_ws()
    }

    /// Height and width.
    #[getter]
    fn image_size(&self) -> (usize, usize) {
        self.model.config.image_size()
    }

    /// Of a picture: 1 to 4.
    #[getter]
    fn img_channels(&self) -> usize {
        self.model.config.img_channels()
    }

    /// The adapter's name.
    #[getter]
    pub(crate) fn device(&self) -> &str {
        self.gpu.name()
    }

    /// Element type on the device: f32 or f16.
    #[getter]
    pub(crate) fn precision(&self, py: Python<'_>) -> &'static str {
        self.peek(py, |drawing| drawing.generator.dtype().name())
    }

    /// Pictures drawn at once.
    #[getter]
    fn batch(&self, py: Python<'_>) -> usize {
        self.peek(py, |drawing| drawing.options.batch)
    }

    /// Bytes on the device.
    #[getter]
    fn memory(&self, py: Python<'_>) -> u64 {
        self.peek(py, |drawing| drawing.generator.memory())
    }

    /// The configuration as JSON.
    #[getter]
    fn config(&self) -> PyResult<String> {
        serde_json::to_string(&self.model.config).map_err(|error| ArgumentError::new_err(error.to_string()))
    }

    /// What the file says of where it came from.
    #[getter]
    fn provenance(&self) -> std::collections::BTreeMap<String, String> {
        self.model.provenance.clone()
    }

    /// The average w: `[w_dim]`, or a row for each layer or class.
    fn w_avg<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let array = self.model.array("mapping.w_avg");
        Ok(PyArray1::from_vec(py, array.to_f32()).reshape(array.shape().to_vec())?.into_any())
    }

    /// The latents of seeds: `[n, z_dim]`.
    fn z<'py>(&self, py: Python<'py>, seeds: Vec<u32>) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let z_dim = self.z_dim();
        let values = seeds.iter().flat_map(|&seed| latent::z(seed, z_dim)).collect();
        PyArray1::from_vec(py, values).reshape([seeds.len(), z_dim])
    }

    /// z `[n, z_dim]` and a class each -> ws `[n, num_ws, w_dim]`, truncated.
    fn mapping<'py>(
        &self,
        py: Python<'py>,
        z: PyReadonlyArray2<'py, f32>,
        classes: Option<Vec<usize>>,
        psi: f32,
        cutoff: Option<usize>,
    ) -> PyResult<Bound<'py, PyArray3<f32>>> {
        let z: Vec<f32> = z.as_array().iter().copied().collect();
        let truncation = Truncation { psi, cutoff };
        let ws = self.draw(py, |Drawing { generator, .. }| {
            let mut ws = generator.mapping(&z, classes.as_deref())?;
            match &classes {
                // Each class may have an average of its own.
                Some(classes) => {
                    for (i, &class) in classes.iter().enumerate() {
                        let mut one = ws.slice(i..i + 1);
                        truncation.apply(&mut one, &generator.w_avg_of(Some(class)))?;
                        let size = one.values.len();
                        ws.values[i * size..][..size].copy_from_slice(&one.values);
                    }
                }
                None => truncation.apply(&mut ws, &generator.w_avg_of(None))?,
            }
            Ok(ws)
        })?;
        PyArray1::from_vec(py, ws.values).reshape([ws.n, ws.num_ws, ws.w_dim])
    }

    /// Begins to draw pictures of ws `[n, num_ws, w_dim]`; they are taken with `Pending.wait`. More at once than the network was
    /// loaded for have it loaded anew.
    fn submit(&self, py: Python<'_>, ws: PyReadonlyArray3<'_, f32>, noise: &str, noise_seed: u32, floats: bool) -> PyResult<Pending> {
        let noise = match noise {
            "const" => Noise::Const,
            "none" => Noise::None,
            "random" => Noise::Random { seed: noise_seed },
            "tf" => Noise::AfterZ { seed: noise_seed },
            other => {
                let text = format!("noise {other:?}: it is \"const\", \"random\", \"none\" or \"tf\"");
                return Err(ArgumentError::new_err(text));
            }
        };
        let &[n, num_ws, w_dim] = ws.shape() else { unreachable!("it has three sides") };
        let ws = Ws::new(n, num_ws, w_dim, ws.as_array().iter().copied().collect()).map_err(raise)?;
        let pictures = self.draw(py, |drawing| {
            if ws.n > drawing.options.batch {
                let options = drawing.options.clone().batch(ws.n);
                drawing.generator = prepared(&self.gpu, &self.model, &options)?;
                drawing.options = options;
            }
            let look = Look::new().noise(noise);
            let look = drawing.transform.map_or(look.clone(), |transform| look.transform(transform));
            Ok(match floats {
                true => Pictures::Floats(drawing.generator.submit_f32(&ws, &look)?),
                false => Pictures::Rgba(drawing.generator.submit(&ws, &look)?),
            })
        })?;
        let config = &self.model.config;
        Ok(Pending::new(pictures, config.image_size(), config.img_channels()))
    }

    /// Moves, turns and zooms the pictures from now on, of a StyleGAN3.
    fn set_transform(&self, py: Python<'_>, translate: [f32; 2], rotate: f32, zoom: f32) -> PyResult<()> {
        let network = self.model.config.network();
        if Transform::of(&self.model).is_none() {
            let text = format!("pictures of a {network} cannot be moved or turned; those of a StyleGAN3 can");
            return Err(ArgumentError::new_err(text));
        }
        let transform = Transform::new(translate, rotate, zoom).ok_or_else(|| {
            ArgumentError::new_err(format!("translate {translate:?}, rotate {rotate}, zoom {zoom}: finite numbers, and a zoom above 0"))
        })?;
        self.draw(py, |drawing| {
            let usual = (translate, rotate, zoom) == ([0.0; 2], 0.0, 1.0);
            drawing.transform = (!usual).then_some(transform);
            Ok(())
        })
    }

    /// The rows of w of layers, as `0-3,7`, `coarse` or `b8.conv0`.
    fn rows(&self, layers: &str) -> PyResult<Vec<usize>> {
        let layers: Layers = layers.parse().map_err(ArgumentError::new_err)?;
        layers.rows("layers", &self.model.config).map_err(raise)
    }

    /// Directions in w for the layers that read these rows, with sigma, the mean of w and the singular values.
    #[expect(clippy::type_complexity, reason = "arrays and their sides")]
    fn directions<'py>(
        &self,
        py: Python<'py>,
        n: usize,
        rows: Vec<usize>,
        method: &str,
        class: Option<usize>,
    ) -> PyResult<(
        Bound<'py, PyArray2<f32>>,
        Bound<'py, PyArray1<f32>>,
        Bound<'py, PyArray1<f32>>,
        Option<Bound<'py, PyArray1<f32>>>,
        Vec<String>,
    )> {
        let method = match method {
            "sefa" => Method::Sefa,
            "pca" => Method::Pca,
            other => return Err(ArgumentError::new_err(format!("method {other:?}: it is \"sefa\" or \"pca\""))),
        };
        let find = || Axes::find(&self.gpu, &self.model, method, (&rows, n), class, &mut |_| ());
        let axes = py.detach(find).map_err(raise)?;
        Ok((
            PyArray1::from_vec(py, axes.directions.values).reshape([n, self.w_dim()])?,
            PyArray1::from_vec(py, axes.sigma.values),
            PyArray1::from_vec(py, axes.mean.values),
            axes.singular_values.map(|array| PyArray1::from_vec(py, array.values)),
            axes.layers,
        ))
    }
}

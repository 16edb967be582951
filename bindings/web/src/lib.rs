//! The engine in a browser: what js/worker.js calls. Only for wasm32; on other targets the crate is empty.
#![cfg(target_arch = "wasm32")]

use stylegan_studio::drawing::work::Macs;
use stylegan_studio::pictures::request::Origin;
use stylegan_studio::vectors::Axes;
use stylegan_wgpu::internals::tensor::DType;
use stylegan_wgpu::latent::RandomState;
use stylegan_wgpu::{Generator, Gpu, Input, Look, Model, Options, Precision, PrecisionChoice, Transform, Ws};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

mod network;
mod stamp;
mod wish;

use network::Network;
use wish::Wish;

type Result<T, E = Error> = std::result::Result<T, E>;

/// What JavaScript gets as an `Error`.
pub struct Error(String);

impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Error {
        Error(error.to_string())
    }
}

impl From<Error> for JsValue {
    fn from(Error(text): Error) -> JsValue {
        wasm_bindgen::JsError::new(&text).into()
    }
}

/// Has a panic say what it was; js/index.js answers whoever waited.
#[wasm_bindgen(start)]
fn start() {
    std::panic::set_hook(Box::new(|panic| console_error(&panic.to_string())));
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = console, js_name = error)]
    fn console_error(text: &str);
    /// Hears of a stage what part is done, from 0 to 1.
    pub type Listener;
    #[wasm_bindgen(method, js_name = call)]
    fn tell(this: &Listener, that: &JsValue, stage: &str, done: f32);
}

/// The settings that a picture has, as JSON; none where it has none.
#[wasm_bindgen(js_name = settingsOf)]
pub fn settings_of(picture: Vec<u8>) -> Result<Option<String>> {
    stamp::settings_of(picture)
}

/// A network on the browser's GPU.
#[wasm_bindgen]
pub struct Engine {
    generator: Generator,
    model: Model,
    /// Which a picture names: another device takes the same.
    precision: Option<DType>,
    /// What its pictures say, made when the first is asked.
    origin: Option<Origin>,
}

#[wasm_bindgen]
impl Engine {
    /// Opens the GPU and puts the network on it; `precision` is auto, f32 or f16.
    pub async fn open(network: Network, precision: &str, listener: Listener) -> Result<Engine> {
        let choice = match precision {
            "auto" => PrecisionChoice::Auto,
            "f32" => PrecisionChoice::F32,
            "f16" => PrecisionChoice::F16,
            other => return Err(Error(format!("precision is {other:?}; it is auto, f32 or f16"))),
        };
        let Network { mut model, unaveraged } = network;
        listener.tell(&JsValue::NULL, "gpu", 0.0);
        let gpu = Gpu::open(None).await?;
        let mut generator = Generator::new(&gpu, &model, &Options::new().precision(choice)).await?;
        if unaveraged {
            average(&mut generator, &mut model, &listener).await?;
        }
        let dtype = generator.dtype();
        let precision = (choice != PrecisionChoice::Auto || dtype == DType::F32).then_some(dtype);
        Ok(Engine { generator, model, precision, origin: None })
    }

    /// Sizes, where the weights came from, element type and bytes on the device, as JSON.
    pub fn facts(&self) -> String {
        let config = &self.model.config;
        let (height, width) = config.image_size();
        let macs = Macs::of(config);
        let facts = serde_json::json!({
            "network": config.network(), "height": height, "width": width, "channels": config.img_channels(), "zDim": config.z_dim(),
            "wDim": config.w_dim(), "numWs": config.num_ws(), "classes": config.c_dim(), "parameters": self.model.parameters(),
            "hasTransform": Transform::of(&self.model).is_some(), "provenance": self.model.provenance,
            "gmac": macs.convolutions as f64 / 1e9, "gmacPapers": macs.papers as f64 / 1e9, "version": env!("CARGO_PKG_VERSION"),
            "precision": self.generator.dtype().name(), "memory": self.generator.memory(), "tier": self.generator.gpu().tier().to_string(),
        });
        facts.to_string()
    }

    /// The file that `stylegan convert` writes; `half` stores 16-bit floats.
    pub fn safetensors(&self, half: bool) -> Result<Vec<u8>> {
        Ok(self.model.to_bytes(if half { Precision::F16 } else { Precision::F32 })?)
    }

    /// A picture or film with how it was made in it; `asked` is the JSON of js/index.d.ts's `Asked`, `name` the network's file, none for
    /// the built-in one, `rows` what was drawn in the place of a seed.
    pub fn stamp(&mut self, file: Vec<u8>, asked: &str, name: Option<String>, rows: Option<Vec<f32>>) -> Result<Vec<u8>> {
        let origin = self.origin.get_or_insert_with(|| stamp::origin(&self.model, name.as_deref(), self.precision));
        stamp::stamped(file, origin, asked, rows.as_deref())
    }

    /// A picture as RGBA, rows dense; `wish` is the JSON of js/index.d.ts's `Wish`, `rows` rows of w in the place of its seed.
    pub async fn rgba(&mut self, wish: &str, rows: Option<Vec<f32>>) -> Result<Vec<u8>> {
        let wish = Wish::read(wish)?;
        let (look, ws) = (wish.look()?, self.rows(rows)?);
        let input = ws.as_ref().map_or(Input::Seed(wish.seed), Input::Ws);
        Ok(self.generator.picture(input, &look).await?.into_raw())
    }

    /// The same as the network yields it: `[C, H, W]`, about -1..1.
    pub async fn floats(&mut self, wish: &str, rows: Option<Vec<f32>>) -> Result<Vec<f32>> {
        let wish = Wish::read(wish)?;
        let (look, ws) = (wish.look()?, self.rows(rows)?);
        let input = ws.as_ref().map_or(Input::Seed(wish.seed), Input::Ws);
        let pictures = self.generator.submit_f32(input, &look)?.await?;
        pictures.into_iter().next().ok_or_else(|| Error("the device gave no picture".into()))
    }

    /// Milliseconds of every pass of one picture, as JSON; an error where the browser has no timestamps.
    pub async fn profile(&mut self) -> Result<String> {
        let passes = self.generator.profile(1, &Look::new())?.await?;
        let passes = passes
            .iter()
            .map(|pass| serde_json::json!({ "label": pass.name, "kernel": pass.kernel, "variant": pass.variant, "ms": pass.milliseconds }));
        Ok(serde_json::Value::from_iter(passes).to_string())
    }

    /// Rows of w of a seed, `[num_ws, w_dim]`, not truncated.
    pub async fn ws(&mut self, seed: u32, class: Option<usize>) -> Result<Vec<f32>> {
        let z = stylegan_wgpu::latent::z(seed, self.model.config.z_dim());
        let classes = class.map(|class| vec![class]);
        Ok(self.generator.mapping(&z, classes.as_deref()).await?.values)
    }

    /// Directions in w: `n` principal components of `samples` latents, each as long as one standard deviation of w along it.
    pub async fn directions(&mut self, n: usize, samples: usize) -> Result<Vec<f32>> {
        let (z_dim, c_dim, w_dim) = (self.model.config.z_dim(), self.model.config.c_dim(), self.model.config.w_dim());
        let num_ws = self.model.config.num_ws();
        let z: Vec<f32> = RandomState::new(123).randn(samples * z_dim).into_iter().map(|z| z as f32).collect();
        let classes: Option<Vec<usize>> = (c_dim > 0).then(|| (0..samples).map(|i| i % c_dim).collect());
        let ws = self.generator.mapping(&z, classes.as_deref()).await?;
        let w = ws.values.chunks_exact(num_ws * w_dim).flat_map(|rows| rows[..w_dim].to_vec()).collect();
        let axes = Axes::of_rows(w, w_dim, n)?;
        let directions = axes.directions.values.chunks_exact(w_dim).zip(&axes.sigma.values);
        Ok(directions.flat_map(|(direction, sigma)| direction.iter().map(move |value| value * sigma)).collect())
    }

    /// Rows of w of one picture out of a file that a projector or encoder wrote (.npz, .npy, .pt, .pkl).
    #[cfg(feature = "convert")]
    #[wasm_bindgen(js_name = readRows)]
    pub fn read_rows(&self, bytes: Vec<u8>) -> Result<Vec<f32>> {
        use stylegan_studio::vectors::{self, Sizes, VectorFile};
        let ws = vectors::rows(&VectorFile::open(&bytes)?, None, Sizes::of(&self.model.config))?;
        if ws.n != 1 {
            return Err(Error(format!("the file has rows of w of {} pictures; one is shown at a time", ws.n)));
        }
        Ok(ws.values)
    }

    fn rows(&self, rows: Option<Vec<f32>>) -> Result<Option<Ws>> {
        let Some(values) = rows else { return Ok(None) };
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            return Err(Error(format!("the rows of w are {} at {at}; numbers are needed", values[at])));
        }
        Ok(Some(Ws::new(1, self.model.config.num_ws(), self.model.config.w_dim(), values)?))
    }
}

/// Computes an average w that the file did not have.
#[cfg(feature = "convert")]
async fn average(generator: &mut Generator, model: &mut Model, listener: &Listener) -> Result<()> {
    let w_avg = network::average::of(generator, |done| listener.tell(&JsValue::NULL, "average", done)).await?;
    generator.replace_w_avg(&w_avg)?;
    model.arrays.insert("mapping.w_avg".into(), stylegan_wgpu::Array::from_f32(&[w_avg.len()], &w_avg));
    Ok(())
}

/// A file of ours has one.
#[cfg(not(feature = "convert"))]
async fn average(_: &mut Generator, _: &mut Model, _: &Listener) -> Result<()> {
    Ok(())
}

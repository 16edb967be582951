//! The engine in a browser: what js/worker.js calls. Only for wasm32; on other targets the crate is empty.
#![cfg(target_arch = "wasm32")]

use stylegan_studio::vectors::Axes;
use stylegan_wgpu::latent::RandomState;
use stylegan_wgpu::{Generator, Gpu, Input, Model, Options, Precision, PrecisionChoice, Transform, Ws};
use wasm_bindgen::prelude::wasm_bindgen;

mod wish;

use wish::Wish;

type Result<T, E = Error> = std::result::Result<T, E>;

/// What JavaScript gets as an `Error`.
pub struct Error(String);

impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Error {
        Error(error.to_string())
    }
}

impl From<Error> for wasm_bindgen::JsValue {
    fn from(Error(text): Error) -> wasm_bindgen::JsValue {
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
    /// Hears the part that is done, from 0 to 1.
    pub type Listener;
    #[wasm_bindgen(method, js_name = call)]
    fn tell(this: &Listener, that: &wasm_bindgen::JsValue, done: f32);
}

/// A network in memory: converted, not yet on a device.
#[wasm_bindgen]
pub struct Network {
    model: Model,
}

#[wasm_bindgen]
impl Network {
    /// Reads a checkpoint of any known format; `name` is only recorded.
    #[wasm_bindgen(constructor)]
    pub fn new(bytes: Vec<u8>, name: &str, listener: &Listener) -> Result<Network> {
        let mut progress = |done: f32| listener.tell(&wasm_bindgen::JsValue::NULL, done);
        Ok(Network { model: stylegan_convert::from_bytes(&bytes, name, &mut progress)? })
    }

    /// The file that `stylegan convert` writes; `half` stores 16-bit floats.
    pub fn safetensors(&self, half: bool) -> Result<Vec<u8>> {
        Ok(self.model.to_bytes(if half { Precision::F16 } else { Precision::F32 })?)
    }

    /// Sizes and where the weights came from, as JSON.
    pub fn facts(&self) -> Result<String> {
        let config = &self.model.config;
        let (height, width) = config.image_size();
        let facts = serde_json::json!({
            "network": config.network(), "height": height, "width": width, "channels": config.img_channels(), "zDim": config.z_dim(),
            "wDim": config.w_dim(), "numWs": config.num_ws(), "classes": config.c_dim(), "parameters": self.model.parameters(),
            "hasTransform": Transform::of(&self.model).is_some(), "provenance": self.model.provenance,
        });
        Ok(facts.to_string())
    }
}

/// A network on the browser's GPU.
#[wasm_bindgen]
pub struct Engine {
    generator: Generator,
    model: Model,
}

#[wasm_bindgen]
impl Engine {
    /// Opens the GPU and puts the network on it; `precision` is auto, f32 or f16.
    pub async fn open(network: &Network, precision: &str) -> Result<Engine> {
        let precision = match precision {
            "auto" => PrecisionChoice::Auto,
            "f32" => PrecisionChoice::F32,
            "f16" => PrecisionChoice::F16,
            other => return Err(Error(format!("precision is {other:?}; it is auto, f32 or f16"))),
        };
        let model = network.model.clone();
        let gpu = Gpu::open(None).await?;
        let generator = Generator::new(&gpu, &model, &Options::new().precision(precision)).await?;
        Ok(Engine { generator, model })
    }

    /// Element type and bytes on the device, as JSON.
    pub fn facts(&self) -> String {
        let tier = self.generator.gpu().tier().to_string();
        serde_json::json!({ "precision": self.generator.dtype().name(), "memory": self.generator.memory(), "tier": tier }).to_string()
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
        let (num_ws, w_dim) = (self.model.config.num_ws(), self.model.config.w_dim());
        Ok(rows.map(|values| Ws::new(1, num_ws, w_dim, values)).transpose()?)
    }
}

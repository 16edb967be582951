#![doc = include_str!("../README.md")]

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use eframe::egui;
use eframe::egui_wgpu::{WgpuConfiguration, WgpuSetup, WgpuSetupCreateNew};
use stylegan_wgpu::{Error, Gpu, PrecisionChoice, Tuning, wgpu};

mod again;
mod app;
mod error;
mod export;
mod film;
mod hand;
mod loading;
mod painter;
mod panels;
mod state;
mod tasks;
mod timeline;
mod wish;

pub use app::App;
pub use error::ViewError;
pub use hand::Hand;
pub use loading::Network;
pub use painter::{Canvas, Facts, Painter, Shown};
pub use state::State;
pub use tasks::{Reporter, Task};
pub use wish::{Latents, Maps, Mix, Move, Rows, Source, Space, Vector, Wish, corners};

/// What a window is opened with.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// A file of any known kind; none opens the one that is built in.
    pub network: Option<PathBuf>,
    /// The file of the network that is built in.
    pub builtin: Option<&'static [u8]>,
    /// Element type on the device.
    pub precision: PrecisionChoice,
    /// Use the fastest variants of the kernels, by timing; kept in this folder.
    pub tuning: Option<PathBuf>,
    /// The program `stylegan`, which "bench this" runs; none does not.
    pub program: Option<PathBuf>,
    /// Where layout, wish and recent files are remembered; none does not.
    pub memory: Option<PathBuf>,
    /// What a window leaves to the one that is opened in its place.
    #[doc(hidden)]
    pub left: Left,
}

/// How a window was left whose device was lost.
#[derive(Clone, Debug, Default)]
pub struct Left(Arc<Mutex<Option<state::Kept>>>);

impl Left {
    fn lock(&self) -> MutexGuard<'_, Option<state::Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, kept: state::Kept) {
        *self.lock() = Some(kept);
    }

    fn take(&self) -> Option<state::Kept> {
        self.lock().take()
    }
}

impl Options {
    fn engine(&self) -> stylegan_wgpu::Options {
        let tuning = self.tuning.clone().map(|folder| Tuning { folder, progress: None });
        stylegan_wgpu::Options::new().precision(self.precision).tuning(tuning)
    }
}

/// Opens the window, and returns when it is closed.
///
/// # Errors
/// [`ViewError::NoDisplay`] where there is none, [`ViewError::Window`] where the system or the device does not give one. What goes wrong
/// later is said in the window.
pub fn run(options: Options) -> Result<(), ViewError> {
    let mut options = options;
    loop {
        let opened = Instant::now();
        window(options.clone())?;
        let network = match &*options.left.lock() {
            None => return Ok(()),
            Some(kept) => kept.network.clone(),
        };
        if opened.elapsed() < LEAST {
            return Err(ViewError::Engine(Error::Lost("the graphics device is lost again and again".into())));
        }
        options.network = network;
    }
}

/// A window that loses its device sooner than this is not opened anew.
const LEAST: Duration = Duration::from_secs(5);

/// One window, until it is closed.
fn window(options: Options) -> Result<(), ViewError> {
    let native = eframe::NativeOptions {
        renderer: eframe::Renderer::Wgpu,
        wgpu_options: WgpuConfiguration { wgpu_setup: setup(), ..Default::default() },
        viewport: egui::ViewportBuilder::default()
            .with_app_id("stylegan-view")
            .with_inner_size([1180.0, 760.0])
            .with_min_inner_size([480.0, 360.0])
            .with_drag_and_drop(true),
        run_and_return: true,
        persist_window: options.memory.is_some(),
        persistence_path: options.memory.clone(),
        ..Default::default()
    };
    let app = move |context: &eframe::CreationContext<'_>| -> Result<Box<dyn eframe::App>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Box::new(App::new(context, options)?))
    };
    eframe::run_native("stylegan view", native, Box::new(app)).map_err(|error| match error {
        eframe::Error::Winit(error) => ViewError::NoDisplay(error.to_string()),
        eframe::Error::WinitEventLoop(error) => ViewError::NoDisplay(error.to_string()),
        error => ViewError::Window(error.to_string()),
    })
}

/// egui's device gets what the engine can use of the adapter.
pub fn setup() -> WgpuSetup {
    let device_descriptor = |adapter: &wgpu::Adapter| wgpu::DeviceDescriptor {
        label: Some("stylegan view"),
        required_features: Gpu::wanted_features(adapter) | Gpu::wanted_experimental_features(adapter),
        required_limits: Gpu::wanted_limits(adapter),
        // SAFETY: matrix units are the one experimental feature asked for; of all shaders in the window only the engine's use them, after a
        // trial against the portable ones, and egui's have none.
        experimental_features: unsafe { wgpu::ExperimentalFeatures::enabled() },
        ..Default::default()
    };
    let mut setup = WgpuSetupCreateNew::without_display_handle();
    setup.device_descriptor = Arc::new(device_descriptor);
    WgpuSetup::CreateNew(setup)
}

/// The file in which a window remembers how it was left: `view.ron` in the folder where programs keep their settings.
pub fn memory() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = if cfg!(windows) {
        variable("APPDATA")
    } else if cfg!(target_os = "macos") {
        variable("HOME").map(|home| home.join("Library/Application Support"))
    } else {
        variable("XDG_CONFIG_HOME").or_else(|| variable("HOME").map(|home| home.join(".config")))
    };
    base.map(|base| base.join("stylegan-wgpu").join("view.ron"))
}

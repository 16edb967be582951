//! Sliders and a face, in egui: the engine draws on the device that egui draws on, into a texture that egui shows.
//!
//!     cargo run --release -p stylegan-windows --bin egui -- [MODEL.safetensors]

use std::process::ExitCode;

use eframe::egui;
use eframe::egui_wgpu::{RenderState, WgpuConfiguration, WgpuSetup, WgpuSetupCreateNew};
use stylegan_wgpu::{Building, Generator, Gpu, Look, Model, Options, Target, wgpu};

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let path = std::env::args().nth(1);
    let face = move |context: &eframe::CreationContext<'_>| -> Result<Box<dyn eframe::App>, Failure> {
        Ok(Box::new(Face::new(context, path.as_deref())?))
    };
    match eframe::run_native("stylegan-wgpu", options(), Box::new(face)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// egui's device gets what the engine can use of the adapter.
fn options() -> eframe::NativeOptions {
    let device_descriptor = |adapter: &wgpu::Adapter| wgpu::DeviceDescriptor {
        label: Some("egui and stylegan-wgpu"),
        required_features: Gpu::wanted_features(adapter),
        required_limits: Gpu::wanted_limits(adapter),
        ..Default::default()
    };
    let mut setup = WgpuSetupCreateNew::without_display_handle();
    setup.device_descriptor = std::sync::Arc::new(device_descriptor);
    eframe::NativeOptions {
        renderer: eframe::Renderer::Wgpu,
        wgpu_options: WgpuConfiguration { wgpu_setup: WgpuSetup::CreateNew(setup), ..Default::default() },
        viewport: egui::ViewportBuilder::default().with_inner_size([480.0, 400.0]),
        ..Default::default()
    }
}

struct Face {
    render: RenderState,
    texture: wgpu::Texture,
    shown: egui::TextureId,
    building: Building,
    generator: Option<Generator>,
    seed: u32,
    psi: f32,
    /// What the texture shows.
    drawn: Option<(u32, f32)>,
    trouble: Option<String>,
}

impl Face {
    fn new(context: &eframe::CreationContext<'_>, path: Option<&str>) -> Result<Face, Failure> {
        let render = context.wgpu_render_state.clone().ok_or("eframe runs without wgpu")?;
        let model = match path {
            Some(path) => Model::load(path.as_ref())?,
            None => Model::from_bytes(stylegan_weights::OPEN_PEEPS_128.to_vec())?,
        };
        let gpu = Gpu::from_host(&render.adapter, render.device.clone(), render.queue.clone())?;
        let (height, width) = model.config.image_size();
        let texture = render.device.create_texture(&wgpu::TextureDescriptor {
            label: Some("face"),
            size: wgpu::Extent3d { width: width as u32, height: height as u32, depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            // egui blends bytes as they are.
            format: wgpu::TextureFormat::Rgba8Unorm,
            usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::TEXTURE_BINDING,
            view_formats: &[],
        });
        let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
        let shown = render.renderer.write().register_native_texture(&render.device, &view, wgpu::FilterMode::Linear);
        let building = Generator::build(&gpu, &model, &Options::new());
        Ok(Face { render, texture, shown, building, generator: None, seed: 85, psi: 0.7, drawn: None, trouble: None })
    }

    /// Draws what the sliders say, if the texture shows something else.
    fn draw(&mut self) -> stylegan_wgpu::Result<()> {
        if self.generator.is_none() {
            self.generator = self.building.try_take().transpose()?;
        }
        let (Some(generator), wanted) = (&mut self.generator, (self.seed, self.psi)) else { return Ok(()) };
        if self.drawn == Some(wanted) {
            return Ok(());
        }
        let mut encoder = self.render.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        generator.encode(&mut encoder, self.seed, &Look::new().psi(self.psi), Target::Texture(&self.texture))?;
        self.render.queue.submit([encoder.finish()]);
        self.drawn = Some(wanted);
        Ok(())
    }
}

impl eframe::App for Face {
    fn ui(&mut self, ui: &mut egui::Ui, _: &mut eframe::Frame) {
        if let Err(error) = self.draw() {
            self.trouble = Some(error.to_string());
        }
        ui.add(egui::Slider::new(&mut self.seed, 0..=9999).text("seed"));
        ui.add(egui::Slider::new(&mut self.psi, -1.0..=1.5).text("truncation psi"));
        match (&self.trouble, &self.generator) {
            (Some(trouble), _) => drop(ui.colored_label(ui.visuals().error_fg_color, trouble)),
            (None, None) => {
                ui.add(egui::ProgressBar::new(self.building.progress()).show_percentage());
                ui.ctx().request_repaint();
            }
            (None, Some(_)) => {
                let size = self.texture.size();
                let shown = egui::load::SizedTexture::new(self.shown, [size.width as f32, size.height as f32]);
                let most = ui.available_size();
                ui.add(egui::Image::from_texture(shown).fit_to_original_size(1.0).max_size(most));
            }
        }
    }
}

//! A face that turns into other faces, drawn on the window's own device: latents go in, the picture goes into a texture, the texture
//! onto the window. Nothing is read back. The title says how long a frame takes.
//!
//!     cargo run --release -p stylegan-windows --bin window -- [MODEL.safetensors] [--still SEED]

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use stylegan_wgpu::{Building, Generator, Gpu, Input, Look, Model, Options, Target, latent, wgpu};
use winit::application::ApplicationHandler;
use winit::dpi::PhysicalSize;
use winit::event::WindowEvent;
use winit::event_loop::{ActiveEventLoop, EventLoop};
use winit::window::{Window, WindowId};

/// Seconds from one face to the next.
const STAY: f32 = 2.0;

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    let mut app = App { network: None, still: None, stage: None, failure: None };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--still" => app.still = Some(args.next().and_then(|seed| seed.parse().ok()).ok_or("--still takes a seed, 0 to 4294967295")?),
            _ => app.network = Some(arg),
        }
    }
    let events = EventLoop::new()?;
    events.run_app(&mut app)?;
    app.failure.map_or(Ok(()), Err)
}

struct App {
    network: Option<String>,
    /// The face that stays.
    still: Option<u32>,
    stage: Option<Stage>,
    failure: Option<Failure>,
}

impl ApplicationHandler for App {
    fn resumed(&mut self, events: &ActiveEventLoop) {
        let stage = Stage::open(events, self.network.as_deref());
        let outcome = stage.map(|stage| self.stage = Some(stage));
        self.keep(events, outcome);
    }

    fn window_event(&mut self, events: &ActiveEventLoop, _: WindowId, event: WindowEvent) {
        let Some(stage) = &mut self.stage else { return };
        let outcome = match event {
            WindowEvent::CloseRequested => return events.exit(),
            WindowEvent::Resized(size) => {
                stage.resize(size);
                Ok(())
            }
            WindowEvent::RedrawRequested => stage.draw(self.still),
            _ => Ok(()),
        };
        self.keep(events, outcome);
    }
}

impl App {
    /// Ends with what went wrong.
    fn keep(&mut self, events: &ActiveEventLoop, outcome: Result<(), Failure>) {
        if let Err(failure) = outcome {
            self.failure = Some(failure);
            events.exit();
        }
    }
}

/// The window, its device and what is on it.
struct Stage {
    window: Arc<Window>,
    surface: wgpu::Surface<'static>,
    config: wgpu::SurfaceConfiguration,
    device: wgpu::Device,
    queue: wgpu::Queue,
    face: wgpu::Texture,
    blit: wgpu::RenderPipeline,
    bindings: wgpu::BindGroup,
    /// While it is on its way, the window is black and answers.
    building: Building,
    generator: Option<Generator>,
    started: Instant,
    last: Instant,
    frames: u32,
}

impl Stage {
    fn open(events: &ActiveEventLoop, network: Option<&str>) -> Result<Stage, Failure> {
        let model = match network {
            Some(path) => Model::load(path.as_ref())?,
            None => Model::from_bytes(stylegan_weights::OPEN_PEEPS_128.to_vec())?,
        };
        let (height, width) = model.config.image_size();
        let (width, height) = (width as u32, height as u32);
        let attributes = Window::default_attributes().with_title("stylegan-wgpu").with_inner_size(PhysicalSize::new(width, height));
        let window = Arc::new(events.create_window(attributes)?);

        // The window's device, with what the engine can use of the adapter.
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
        let surface = instance.create_surface(window.clone())?;
        let options = wgpu::RequestAdapterOptions { compatible_surface: Some(&surface), ..Default::default() };
        let adapter = pollster::block_on(instance.request_adapter(&options))?;
        let descriptor = wgpu::DeviceDescriptor {
            required_features: Gpu::wanted_features(&adapter),
            required_limits: Gpu::wanted_limits(&adapter),
            ..Default::default()
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor))?;
        let size = window.inner_size();
        let mut config = surface.get_default_config(&adapter, size.width.max(1), size.height.max(1)).ok_or("no format for this window")?;
        // Bytes onto bytes: the picture is in sRGB already.
        config.format = config.format.remove_srgb_suffix();
        surface.configure(&device, &config);

        let gpu = Gpu::from_host(&adapter, device.clone(), queue.clone())?;
        let building = Generator::build(&gpu, &model, &Options::new());
        let face = device.create_texture(&wgpu::TextureDescriptor {
            label: Some("face"),
            size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: wgpu::TextureFormat::Rgba8Unorm,
            usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::TEXTURE_BINDING,
            view_formats: &[],
        });
        let blit = blit(&device, config.format);
        let bindings = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("blit"),
            layout: &blit.get_bind_group_layout(0),
            entries: &[
                wgpu::BindGroupEntry {
                    binding: 0,
                    resource: wgpu::BindingResource::TextureView(&face.create_view(&wgpu::TextureViewDescriptor::default())),
                },
                wgpu::BindGroupEntry {
                    binding: 1,
                    resource: wgpu::BindingResource::Sampler(&device.create_sampler(&wgpu::SamplerDescriptor {
                        mag_filter: wgpu::FilterMode::Linear,
                        min_filter: wgpu::FilterMode::Linear,
                        ..Default::default()
                    })),
                },
            ],
        });
        let now = Instant::now();
        Ok(Stage {
            window,
            surface,
            config,
            device,
            queue,
            face,
            blit,
            bindings,
            building,
            generator: None,
            started: now,
            last: now,
            frames: 0,
        })
    }

    fn resize(&mut self, size: PhysicalSize<u32>) {
        (self.config.width, self.config.height) = (size.width.max(1), size.height.max(1));
        self.surface.configure(&self.device, &self.config);
        self.window.request_redraw();
    }

    /// Encodes and submits a frame; waits for nothing but the window.
    fn draw(&mut self, still: Option<u32>) -> Result<(), Failure> {
        self.window.request_redraw();
        if self.generator.is_none() {
            self.generator = self.building.try_take().transpose()?;
            self.started = Instant::now();
        }
        let frame = match self.surface.get_current_texture() {
            wgpu::CurrentSurfaceTexture::Success(frame) | wgpu::CurrentSurfaceTexture::Suboptimal(frame) => frame,
            wgpu::CurrentSurfaceTexture::Timeout | wgpu::CurrentSurfaceTexture::Occluded => return Ok(()),
            wgpu::CurrentSurfaceTexture::Outdated => {
                self.surface.configure(&self.device, &self.config);
                return Ok(());
            }
            wgpu::CurrentSurfaceTexture::Lost | wgpu::CurrentSurfaceTexture::Validation => {
                return Err("the window's surface is lost".into());
            }
        };
        let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        if let Some(generator) = &mut self.generator {
            let z_dim = generator.config().z_dim();
            let time = self.started.elapsed().as_secs_f32() / STAY;
            let (seed, between) = still.map_or((time as u32, time.fract()), |seed| (seed, 0.0));
            let z = latent::slerp(&latent::z(seed, z_dim), &latent::z(seed + 1, z_dim), between);
            let look = Look::new().psi(0.7);
            generator.encode(&mut encoder, Input::Z(&z), &look, Target::Texture(&self.face))?;
        }
        let view = frame.texture.create_view(&wgpu::TextureViewDescriptor::default());
        let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            label: Some("blit"),
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view: &view,
                depth_slice: None,
                resolve_target: None,
                ops: wgpu::Operations { load: wgpu::LoadOp::Clear(wgpu::Color::BLACK), store: wgpu::StoreOp::Store },
            })],
            ..Default::default()
        });
        pass.set_pipeline(&self.blit);
        pass.set_bind_group(0, &self.bindings, &[]);
        pass.draw(0..3, 0..1);
        drop(pass);
        self.queue.submit([encoder.finish()]);
        self.queue.present(frame);
        self.tell();
        Ok(())
    }

    /// Frame time in the title, the mean of a second.
    fn tell(&mut self) {
        self.frames += 1;
        let elapsed = self.last.elapsed();
        if elapsed.as_secs() >= 1 {
            let frame = elapsed.as_secs_f64() * 1e3 / f64::from(self.frames);
            let state = if self.generator.is_some() { "a frame" } else { "a frame, and on its way:" };
            let loaded = if self.generator.is_some() { 100.0 } else { self.building.progress() * 100.0 };
            self.window.set_title(&format!("stylegan-wgpu: {frame:.1} ms {state} ({loaded:.0} % loaded)"));
            (self.frames, self.last) = (0, Instant::now());
        }
    }
}

/// A texture over the whole window.
fn blit(device: &wgpu::Device, format: wgpu::TextureFormat) -> wgpu::RenderPipeline {
    const SOURCE: &str = "
        @group(0) @binding(0) var face: texture_2d<f32>;
        @group(0) @binding(1) var linear: sampler;
        struct Corner { @builtin(position) position: vec4<f32>, @location(0) at: vec2<f32> }
        @vertex fn triangle(@builtin(vertex_index) vertex: u32) -> Corner {
            let at = vec2(f32((vertex & 1u) * 2u), f32((vertex >> 1u) * 2u));
            return Corner(vec4(at.x * 2.0 - 1.0, 1.0 - at.y * 2.0, 0.0, 1.0), at);
        }
        @fragment fn colour(corner: Corner) -> @location(0) vec4<f32> { return textureSample(face, linear, corner.at); }
    ";
    let source = wgpu::ShaderSource::Wgsl(SOURCE.into());
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor { label: Some("blit"), source });
    device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: Some("blit"),
        layout: None,
        vertex: wgpu::VertexState { module: &module, entry_point: Some("triangle"), compilation_options: Default::default(), buffers: &[] },
        fragment: Some(wgpu::FragmentState {
            module: &module,
            entry_point: Some("colour"),
            compilation_options: Default::default(),
            targets: &[Some(format.into())],
        }),
        primitive: Default::default(),
        depth_stencil: None,
        multisample: Default::default(),
        multiview_mask: None,
        cache: None,
    })
}

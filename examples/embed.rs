//! The engine inside an application that has its own wgpu device: pictures are encoded into the application's command encoder and go
//! into its texture; nothing is read back by the engine, nothing waits.
//!
//!     cargo run --example embed -- model.safetensors

use std::error::Error;
use std::process::ExitCode;

use stylegan_wgpu::{Generator, Gpu, Look, Model, Options, Target, wgpu};

fn main() -> ExitCode {
    let Some(path) = std::env::args().nth(1) else {
        eprintln!("usage: embed MODEL.safetensors");
        return ExitCode::from(2);
    };
    if let Err(error) = pollster::block_on(embed(&path)) {
        eprintln!("error: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

async fn embed(path: &str) -> Result<(), Box<dyn Error>> {
    let model = Model::load(path.as_ref())?;

    // The application's own device. It asks for what the engine can use of the adapter; with less, the engine runs what it can.
    // Matrix units are more: Gpu::wanted_experimental_features, which takes a token of wgpu's.
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let adapter = instance.request_adapter(&wgpu::RequestAdapterOptions::default()).await?;
    let descriptor = wgpu::DeviceDescriptor {
        required_features: Gpu::wanted_features(&adapter),
        required_limits: Gpu::wanted_limits(&adapter),
        ..Default::default()
    };
    let (device, queue) = adapter.request_device(&descriptor).await?;
    let gpu = Gpu::from_host(&adapter, device.clone(), queue.clone())?;

    let mut generator = Generator::new(&gpu, &model, &Options::new()).await?;
    let (height, width) = generator.config().image_size();
    let texture = device.create_texture(&wgpu::TextureDescriptor {
        label: Some("face"),
        size: wgpu::Extent3d { width: width as u32, height: height as u32, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: wgpu::TextureFormat::Rgba8UnormSrgb,
        usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::TEXTURE_BINDING,
        view_formats: &[],
    });

    let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    generator.encode(&mut encoder, 85, &Look::new().psi(0.7), Target::Texture(&texture))?;
    queue.submit([encoder.finish()]);
    println!("{path}: a picture of {width} x {height} in a texture of {}", gpu.name());
    Ok(())
}

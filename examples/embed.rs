//! The engine inside an application that has its own wgpu device: one synthesis is recorded into the application's command encoder
//! and the picture stays in a buffer on the GPU, where the application copies it from.
//!
//!     cargo run --example embed -- model.safetensors

use stylegan_wgpu::{Generator, Gpu, Options, Result, latent, model::Model, wgpu};

fn main() -> Result<()> {
    let path = std::env::args().nth(1).unwrap_or_else(|| {
        eprintln!("usage: embed MODEL.safetensors");
        std::process::exit(2)
    });
    let model = Model::load(path.as_ref())?;

    // The application's own device. It asks for what the engine can use of the adapter; with less, the engine runs what it can.
    // Matrix units are more: Gpu::wanted_experimental_features, which takes a token of wgpu's.
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let adapter = pollster::block_on(instance.request_adapter(&wgpu::RequestAdapterOptions::default()))
        .map_err(|error| stylegan_wgpu::Error::NoAdapter(error.to_string()))?;
    let (device, queue) = pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor {
        required_features: Gpu::wanted_features(&adapter),
        required_limits: Gpu::wanted_limits(&adapter),
        ..Default::default()
    }))
    .map_err(|error| stylegan_wgpu::Error::Device(error.to_string()))?;
    let gpu = Gpu::from_host(&adapter, device.clone(), queue.clone());

    let mut generator = Generator::new(&gpu, &model, &Options::default())?;
    let ws = generator.mapping(&latent::z(85, generator.config().z_dim()), None)?;

    // Encode only: nothing is submitted or read back by the engine.
    let recording = generator.record(&ws)?;
    let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    recording.encode(&mut encoder);
    queue.submit([encoder.finish()]);
    let pixels: &wgpu::Buffer = recording.rgba8();
    println!("{}: one picture of {} bytes, still on {}", path, pixels.size(), gpu.name());
    Ok(())
}

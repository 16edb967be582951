//! In an application: the engine on a device that is not its own, without holding up a frame.
//!
//! # The device
//!
//! An application keeps its instance, adapter, device and queue. It asks for what the engine can use ([`Gpu::wanted_features`],
//! [`Gpu::wanted_limits`]) when it creates the device; with less, the engine runs what it can, down to WebGPU's defaults. What is below
//! them is [`Error::Unsupported`](crate::Error::Unsupported), with the limit's name and both numbers.
//!
//! ```no_run
//! use stylegan_wgpu::{Gpu, wgpu};
//!
//! # async fn open(adapter: wgpu::Adapter) -> Result<(), Box<dyn std::error::Error>> {
//! let (device, queue) = adapter
//!     .request_device(&wgpu::DeviceDescriptor {
//!         required_features: Gpu::wanted_features(&adapter), // and yours
//!         required_limits: Gpu::wanted_limits(&adapter),
//!         ..Default::default()
//!     })
//!     .await?;
//! let gpu = Gpu::from_host(&adapter, device.clone(), queue.clone())?;
//! # Ok(())
//! # }
//! ```
//!
//! The engine sets no handler on such a device and takes none away: what wgpu has against its calls is an `Err` of the call.
//!
//! # What a call costs
//!
//! | call | on the calling thread |
//! |---|---|
//! | [`Generator::build`] | nothing; a thread uploads the weights and compiles the pipelines, [`Building::progress`] says how far it is |
//! | [`Generator::encode`], [`Generator::submit`], [`Generator::job`] | below a millisecond once the way of running is prepared: the first call with another number of pictures, kind of noise or preview prepares it (pipelines are there, activations are allocated), [`Generator::keep_prepared`] keeps several |
//! | fresh noise, [`Noise::Random`](crate::Noise::Random) | normal numbers for every pixel of every layer: milliseconds at 1024 |
//! | [`Pending::try_take`], [`Building::try_take`] | microseconds, and a copy of the pictures when they are there |
//! | [`Generator::passes`], [`Generator::layers`] | the plan is read, nothing drawn |
//! | [`Generator::profile`] | as [`Generator::submit`]; a query and an end of pass around every dispatch, so it takes longer on the device |
//! | awaiting | nothing; natively a thread waits for the device, in a browser the browser calls back |
//! | [`blocking`](crate::blocking), [`Pending::wait`] | as long as the device takes |
//!
//! # A picture in a texture
//!
//! [`Generator::encode`] puts everything into the application's encoder: a seed becomes a latent, goes through the mapping network, is
//! truncated and mixed and moved, and drawn, on the device. The picture ends in a texture or buffer of the application's
//! ([`Target`](crate::Target)). Nothing is submitted, read back or waited for. Each call's inputs are its own, so any number of calls go
//! into one encoder.
//!
//! ```no_run
//! # use stylegan_wgpu::{Generator, Look, Target, wgpu};
//! # fn frame(generator: &mut Generator, device: &wgpu::Device, queue: &wgpu::Queue, faces: &[wgpu::Texture]) -> stylegan_wgpu::Result<()> {
//! let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
//! for (seed, texture) in (0..).zip(faces) {
//!     generator.encode(&mut encoder, seed, &Look::new().psi(0.7), Target::Texture(texture))?;
//! }
//! queue.submit([encoder.finish()]);
//! # Ok(())
//! # }
//! ```
//!
//! # Frames
//!
//! A network that takes longer than a frame is encoded in slices: [`Generator::job`]. Every slice has at most the work that it is given,
//! down to a row of a layer; the outcome is the same, bit for bit. What a frame can spare is the device's rate times the time: `bench`
//! says how many TFLOP/s a device reaches with this engine, and a thousandth of it is a GFLOP per millisecond.
//!
//! ```no_run
//! # use stylegan_wgpu::{Budget, Job, Target, wgpu};
//! # fn frame(job: &mut Job, encoder: &mut wgpu::CommandEncoder, face: &wgpu::Texture) -> stylegan_wgpu::Result<()> {
//! // Once a frame, in the frame's own encoder:
//! if job.encode_some(encoder, Budget::Gflop(5.0))? {
//!     job.encode_target(encoder, Target::Texture(face))?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A job's activations are its own until it is dropped; the generator may draw others meanwhile. [`Look::preview`](crate::Look::preview)
//! is the other way to be early: the picture after a lower block, of networks that have one.
//!
//! # Threads
//!
//! [`Gpu`], [`Model`](crate::Model), [`Generator`] and [`Look`](crate::Look) are `Send` and `Sync`, [`Pending`], [`Building`] and
//! [`Job`](crate::Job) are `Send`. Several generators share a device, on several threads; one generator draws for one thread at a time.
//!
//! # Memory
//!
//! [`Model::memory`](crate::Model::memory) knows before anything is uploaded what [`Generator::memory`] says afterwards. A batch costs
//! activations, not weights. The weights of a model are on a device once for each generator, whatever batches it draws.
//!
//! # When the device is lost
//!
//! Every call then is [`Error::Lost`](crate::Error::Lost), never a panic. A [`Model`](crate::Model) outlives the device: open another,
//! and build the generator again from it. [`Error::OutOfMemory`](crate::Error::OutOfMemory) leaves the device as it was; a smaller batch
//! or f16 may fit.
//!
//! # egui and Bevy
//!
//! What renders with the same major version of wgpu shares its device: `examples/windows` has a window of winit's and one of egui's
//! (eframe 0.37). Bevy's renderer (`bevy_render` 0.20) is on wgpu 30, too: its `RenderDevice` and `RenderQueue` deref to wgpu's, and
//! its adapter is a resource, so [`Gpu::from_host`] takes them as they are; the target is the `wgpu::Texture` behind a `GpuImage`. There is no
//! example of it yet: Bevy 0.20 asks for Rust 1.97.1, and what is not compiled here is not shown.
//!
//! [`Gpu`]: crate::Gpu
//! [`Gpu::from_host`]: crate::Gpu::from_host
//! [`Gpu::wanted_features`]: crate::Gpu::wanted_features
//! [`Gpu::wanted_limits`]: crate::Gpu::wanted_limits
//! [`Generator`]: crate::Generator
//! [`Generator::build`]: crate::Generator::build
//! [`Generator::encode`]: crate::Generator::encode
//! [`Generator::submit`]: crate::Generator::submit
//! [`Generator::job`]: crate::Generator::job
//! [`Generator::keep_prepared`]: crate::Generator::keep_prepared
//! [`Generator::layers`]: crate::Generator::layers
//! [`Generator::memory`]: crate::Generator::memory
//! [`Generator::passes`]: crate::Generator::passes
//! [`Generator::profile`]: crate::Generator::profile
//! [`Building`]: crate::Building
//! [`Building::progress`]: crate::Building::progress
//! [`Building::try_take`]: crate::Building::try_take
//! [`Pending`]: crate::Pending
//! [`Pending::try_take`]: crate::Pending::try_take
//! [`Pending::wait`]: crate::Pending::wait

//! Where encoded pictures go without being read back: a host's texture or buffer.

use std::collections::HashMap;
use std::sync::Mutex;

use bytemuck::{Pod, Zeroable};

use super::prepared::Handles;
use crate::error::{Error, Result};
use crate::executor::{Executor, entry, range};
use crate::gpu::{Gpu, lock};
use crate::kernel::SLAB;
use crate::plan::{Band, Window};
use crate::tensor::Slab;

/// What a host has for pictures.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Target<'a> {
    /// A texture of usage RENDER_ATTACHMENT, of the picture's width and height; picture i goes into layer i. Of 8 bits, as
    /// `Rgba8Unorm`, `Bgra8UnormSrgb` or a window's: the bytes that reading back gives. Of floats, as `Rgba16Float`: black is 0 and
    /// white 1, not clamped.
    Texture(&'a wgpu::Texture),
    /// A buffer of usage COPY_DST: 8-bit RGBA, rows `bytes_per_row` apart from `offset` on, both multiples of 4; picture after picture.
    Buffer {
        /// Where to.
        buffer: &'a wgpu::Buffer,
        /// Of the first pixel, in bytes.
        offset: u64,
        /// From a row to the next; at least 4 times the width. What a copy from the buffer to a texture wants is a multiple of 256.
        bytes_per_row: u32,
    },
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    img: Slab,
    channels: u32,
    image: u32,
    srgb: u32,
    first: u32,
}

/// Pipelines of a device that draw into textures, by format.
#[derive(Default)]
struct Pipelines(Mutex<HashMap<wgpu::TextureFormat, wgpu::RenderPipeline>>);

impl Target<'_> {
    /// Whether the pictures of a plan fit.
    pub(super) fn check(&self, handles: &Handles) -> Result<()> {
        match *self {
            Target::Texture(texture) => check_texture(handles, texture),
            Target::Buffer { buffer, offset, bytes_per_row } => check_buffer(handles, buffer, offset, bytes_per_row),
        }
    }

    /// Encodes the way of the pictures of a plan that has run before in the same queue.
    pub(super) fn encode(&self, gpu: &Gpu, handles: &Handles, executor: &Executor, encoder: &mut wgpu::CommandEncoder) -> Result<()> {
        match *self {
            Target::Texture(texture) => into_texture(gpu, handles, executor, encoder, texture),
            Target::Buffer { buffer, offset, bytes_per_row } => {
                into_buffer(handles, executor, encoder, buffer, offset, bytes_per_row.into());
                Ok(())
            }
        }
    }
}

fn check_buffer(handles: &Handles, buffer: &wgpu::Buffer, offset: u64, bytes_per_row: u32) -> Result<()> {
    let [images, _, height, width] = handles.rgba.shape.map(|size| size as u64);
    let (row, pitch) = (4 * width, u64::from(bytes_per_row));
    let wrong = |text: String| Err(Error::Argument(format!("a buffer for pictures {text}")));
    if !buffer.usage().contains(wgpu::BufferUsages::COPY_DST) {
        return wrong(format!("has usage COPY_DST, this one {:?}", buffer.usage()));
    }
    if pitch < row || !pitch.is_multiple_of(4) || !offset.is_multiple_of(4) {
        return wrong(format!("has rows of at least {row} bytes, rows and offset in fours; these are {pitch} and {offset}"));
    }
    let end = (images * height - 1).checked_mul(pitch).and_then(|bytes| bytes.checked_add(row)?.checked_add(offset));
    if end.is_none_or(|end| end > buffer.size()) {
        return wrong(format!("of {images} x {height} rows of {pitch} bytes from {offset} on does not fit {} bytes", buffer.size()));
    }
    Ok(())
}

fn into_buffer(handles: &Handles, executor: &Executor, encoder: &mut wgpu::CommandEncoder, buffer: &wgpu::Buffer, offset: u64, pitch: u64) {
    let [images, _, height, width] = handles.rgba.shape.map(|size| size as u64);
    let (row, source) = (4 * width, executor.buffer_of(handles.rgba));
    if pitch == row {
        return encoder.copy_buffer_to_buffer(source, 0, buffer, offset, images * height * row);
    }
    for y in 0..images * height {
        encoder.copy_buffer_to_buffer(source, y * row, buffer, offset + y * pitch, row);
    }
}

fn check_texture(handles: &Handles, texture: &wgpu::Texture) -> Result<()> {
    let [images, _, height, width] = handles.img.shape.map(|size| size as u32);
    let size = texture.size();
    let wrong = |text: String| Err(Error::Argument(format!("a texture for pictures {text}")));
    if (size.width, size.height) != (width, height) || texture.dimension() != wgpu::TextureDimension::D2 {
        return wrong(format!("is of {width} x {height}, this one {} x {}", size.width, size.height));
    }
    if size.depth_or_array_layers < images || texture.sample_count() != 1 {
        let (layers, samples) = (size.depth_or_array_layers, texture.sample_count());
        return wrong(format!("has a layer for each of {images} and one sample, this one {layers} layers and {samples} samples"));
    }
    if !texture.usage().contains(wgpu::TextureUsages::RENDER_ATTACHMENT) {
        return wrong(format!("has usage RENDER_ATTACHMENT, this one {:?}", texture.usage()));
    }
    if !is_colour(texture.format()) {
        return wrong(format!("has a format of colours, not {:?}", texture.format()));
    }
    Ok(())
}

fn into_texture(
    gpu: &Gpu,
    handles: &Handles,
    executor: &Executor,
    encoder: &mut wgpu::CommandEncoder,
    texture: &wgpu::Texture,
) -> Result<()> {
    let ([images, channels, height, width], format) = (handles.img.shape.map(|size| size as u32), texture.format());
    let pipeline = pipeline(gpu, format)?;
    // What is bound is this picture alone: all of a batch may be more than a binding holds.
    let align = u64::from(gpu.device().limits().min_storage_buffer_offset_alignment);
    let picture = u64::from(width * height);
    for image in 0..images {
        let all_of_it = Band { y: 0, rows: height, n: image, images: 1 };
        let (start, end) = range(&handles.img, &Window::same(0), &all_of_it, align);
        let mut img = handles.img.slab(images as usize);
        img.origin -= (start / 16) as i32;
        let first = 4 * picture * u64::from(image);
        let bytes = (first / align * align, first + 4 * picture);
        let params = Params { img, channels, image, srgb: format.is_srgb().into(), first: ((first - bytes.0) / 4) as u32 };
        let params = gpu.filled("to_texture", bytemuck::bytes_of(&params), wgpu::BufferUsages::UNIFORM)?;
        let (bindings, view) = gpu.guarded("to_texture", || {
            // Each of the two ways reads one of the two.
            let (binding, tensor, (start, end)) = if is_float(format) { (2, handles.img, (start, end)) } else { (1, handles.rgba, bytes) };
            let entries = [entry(0, &params, 0, params.size()), entry(binding, executor.buffer_of(tensor), start, end - start)];
            let layout = &pipeline.get_bind_group_layout(0);
            let bindings =
                gpu.device().create_bind_group(&wgpu::BindGroupDescriptor { label: Some("to_texture"), layout, entries: &entries });
            let view = texture.create_view(&wgpu::TextureViewDescriptor {
                dimension: Some(wgpu::TextureViewDimension::D2),
                base_mip_level: 0,
                mip_level_count: Some(1),
                base_array_layer: image,
                array_layer_count: Some(1),
                ..Default::default()
            });
            (bindings, view)
        })?;
        let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            label: Some("to_texture"),
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view: &view,
                depth_slice: None,
                resolve_target: None,
                ops: wgpu::Operations { load: wgpu::LoadOp::Clear(wgpu::Color::BLACK), store: wgpu::StoreOp::Store },
            })],
            ..Default::default()
        });
        pass.set_pipeline(&pipeline);
        pass.set_bind_group(0, &bindings, &[]);
        pass.draw(0..3, 0..1);
    }
    Ok(())
}

/// The pipeline for a format, compiled once per device.
fn pipeline(gpu: &Gpu, format: wgpu::TextureFormat) -> Result<wgpu::RenderPipeline> {
    let pipelines = gpu.beside::<Pipelines>();
    let mut pipelines = lock(&pipelines.0);
    if let Some(pipeline) = pipelines.get(&format) {
        return Ok(pipeline.clone());
    }
    let pipeline = gpu.guarded("to_texture", || {
        let module = gpu.device().create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some("to_texture"),
            source: wgpu::ShaderSource::Wgsl(to_texture().into()),
        });
        gpu.device().create_render_pipeline(&wgpu::RenderPipelineDescriptor {
            label: Some("to_texture"),
            layout: None,
            vertex: wgpu::VertexState {
                module: &module,
                entry_point: Some("corners"),
                compilation_options: Default::default(),
                buffers: &[],
            },
            fragment: Some(wgpu::FragmentState {
                module: &module,
                entry_point: Some(if is_float(format) { "floats" } else { "bytes" }),
                compilation_options: Default::default(),
                targets: &[Some(format.into())],
            }),
            primitive: Default::default(),
            depth_stencil: None,
            multisample: Default::default(),
            multiview_mask: None,
            cache: None,
        })
    })?;
    pipelines.insert(format, pipeline.clone());
    Ok(pipeline)
}

/// The whole WGSL of what draws pictures into textures.
pub fn to_texture() -> String {
    [wgsl!("prelude/f32.wgsl"), SLAB, wgsl!("render/to_texture.wgsl")].concat()
}

fn is_colour(format: wgpu::TextureFormat) -> bool {
    matches!(format.sample_type(None, None), Some(wgpu::TextureSampleType::Float { .. })) && !format.is_compressed()
}

fn is_float(format: wgpu::TextureFormat) -> bool {
    use wgpu::TextureFormat::{R16Float, R32Float, Rg11b10Ufloat, Rg16Float, Rg32Float, Rgba16Float, Rgba32Float};
    matches!(format, R16Float | Rg16Float | Rgba16Float | R32Float | Rg32Float | Rgba32Float | Rg11b10Ufloat)
}

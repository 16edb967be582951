//! The window in a test: its real painter on a device of its own, and the picture read back out of the window's texture.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use eframe::egui::{TexturesDelta, accesskit::Role};
use eframe::egui_wgpu::{RenderState, RendererOptions, WgpuConfiguration};
use egui_kittest::kittest::Queryable;
use egui_kittest::{Harness, TestRenderer};
use image::RgbaImage;
use stylegan_view::{App, Options, Wish};
use stylegan_wgpu::{Generator, Look, Model, blocking, wgpu};

/// Longer than any of it takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) type Window = Harness<'static, App>;

struct Device(RenderState);

impl TestRenderer for Device {
    fn setup_eframe(&self, context: &mut eframe::CreationContext<'_>, frame: &mut eframe::Frame) {
        context.wgpu_render_state = Some(self.0.clone());
        frame.wgpu_render_state = Some(self.0.clone());
    }

    fn handle_delta(&mut self, delta: &mut TexturesDelta) {
        let mut renderer = self.0.renderer.write();
        for (id, images) in delta.set.drain() {
            images.iter().for_each(|image| renderer.update_texture(&self.0.device, &self.0.queue, id, image));
        }
        delta.free.drain().for_each(|id| renderer.free_texture(&id));
    }
}

/// A window with the built-in network, its first picture drawn.
pub(crate) fn open() -> Window {
    let mut window = open_with(Options { builtin: Some(stylegan_weights::OPEN_PEEPS_128), ..Options::default() });
    settle(&mut window);
    window
}

/// A window that has just been opened.
pub(crate) fn open_with(options: Options) -> Window {
    open_scaled(options, 1.0)
}

/// A window on a display with so many pixels to a point.
pub(crate) fn open_scaled(options: Options, pixels_per_point: f32) -> Window {
    let setup = stylegan_view::setup();
    let configuration = WgpuConfiguration { wgpu_setup: setup.clone(), ..Default::default() };
    let render = pollster::block_on(async {
        let instance = setup.new_instance().await;
        RenderState::create(&configuration, &instance, None, RendererOptions::PREDICTABLE).await
    });
    let render = render.expect("an adapter");
    Harness::builder()
        .with_size([1180.0, 760.0])
        .with_pixels_per_point(pixels_per_point)
        .renderer(Device(render))
        .build_eframe(|context| App::new(context, options).expect("a window"))
}

/// Sets a slider, whose number has the same name.
pub(crate) fn slide(window: &mut Window, name: &str, value: f64) {
    window.get_by_role_and_label(Role::Slider, name).set_value_accesskit(value);
    window.run_steps(2);
}

/// Frames until something is so.
pub(crate) fn wait(window: &mut Window, what: &str, mut so: impl FnMut(&mut Window) -> bool) {
    let start = Instant::now();
    loop {
        window.step();
        if so(window) {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "waited for {what} in vain: {}", text(window));
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Frames until the window shows its wish, whole.
pub(crate) fn settle(window: &mut Window) {
    window.run_steps(2);
    wait(window, "the picture", |window| window.state_mut().state().is_settled());
}

/// All that is written in the window.
pub(crate) fn text(window: &Window) -> String {
    let labels = window.get_all_by_role(Role::Label).filter_map(|node| node.value());
    labels.collect::<Vec<_>>().join("; ")
}

/// The wish.
pub(crate) fn wish(window: &mut Window) -> Wish {
    window.state_mut().state().wish.clone()
}

/// What is in the window's texture.
pub(crate) fn picture(window: &mut Window) -> RgbaImage {
    let state = window.state_mut().state();
    let (device, queue) = (state.render.device.clone(), state.render.queue.clone());
    let texture = state.shown().expect("a picture").canvas.texture.clone();
    let (width, height) = (texture.width(), texture.height());
    let pitch = (4 * width).next_multiple_of(256);
    let buffer = device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: u64::from(pitch * height),
        usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
        mapped_at_creation: false,
    });
    let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    let layout = wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(pitch), rows_per_image: None };
    encoder.copy_texture_to_buffer(texture.as_image_copy(), wgpu::TexelCopyBufferInfo { buffer: &buffer, layout }, texture.size());
    queue.submit([encoder.finish()]);
    buffer.slice(..).map_async(wgpu::MapMode::Read, |outcome| outcome.expect("mapped"));
    device.poll(wgpu::PollType::Wait { submission_index: None, timeout: None }).expect("the device");
    let bytes = buffer.slice(..).get_mapped_range().expect("mapped").to_vec();
    let rows: Vec<u8> = bytes.chunks_exact(pitch as usize).flat_map(|row| &row[..4 * width as usize]).copied().collect();
    RgbaImage::from_raw(width, height, rows).expect("whole")
}

/// A generator of a device of its own, for what the window's picture is compared with.
pub(crate) fn generator() -> blocking::Generator {
    generator_of(&Model::from_bytes(stylegan_weights::OPEN_PEEPS_128.to_vec()).expect("the built-in network"))
}

/// The same of another network.
pub(crate) fn generator_of(model: &Model) -> blocking::Generator {
    let gpu = blocking::open(None).expect("an adapter");
    blocking::Generator::from(pollster::block_on(Generator::new(&gpu, model, &stylegan_wgpu::Options::new())).expect("a generator"))
}

/// What a window shows is what the engine draws for a seed, bit for bit.
pub(crate) fn assert_shows(window: &mut Window, seed: u32, look: &Look) {
    settle(window);
    let expected = generator().picture(seed, look).expect("a picture");
    assert!(picture(window) == expected, "the window does not show seed {seed} with {look:?}");
}

/// The files of a folder, in order.
pub(crate) fn listed(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

//! How the window holds up while a hand drags over its map: longest frame, frames and pictures a second. docs/performance.md
//!
//!     cargo bench -p stylegan-view --bench drag -- [NETWORK|none] [SECONDS]
//!
//! With `none`, there is nothing to draw: what the window takes by itself.
//! It opens the real window, so it needs a display (Xvfb is one), and moves the pointer by itself.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use eframe::egui::{self, Event, PointerButton, pos2};
use stylegan_view::{App, Options};

/// The window, dragged on.
struct Dragged {
    app: App,
    seconds: f64,
    begun: Option<Instant>,
    last: Instant,
    frames: Vec<Duration>,
    pictures: HashSet<u64>,
    previews: usize,
    first: Duration,
    opened: Instant,
    nothing: bool,
}

impl Dragged {
    fn report(&mut self) {
        self.frames.sort();
        let (count, total) = (self.frames.len(), self.frames.iter().sum::<Duration>().as_secs_f64());
        let millis = |frame: Duration| frame.as_secs_f64() * 1e3;
        let at = |part: f64| millis(self.frames[((count - 1) as f64 * part) as usize]);
        println!(
            "first picture after {:.2} s; dragging {total:.1} s: {:.1} frames a second, median {:.1} ms, 99 of 100 below {:.1} ms, longest {:.1} ms; \
             {:.1} pictures a second, {} of {} previews",
            self.first.as_secs_f64(),
            count as f64 / total,
            at(0.5),
            at(0.99),
            at(1.0),
            self.pictures.len() as f64 / total,
            self.previews,
            self.pictures.len(),
        );
    }
}

impl eframe::App for Dragged {
    fn raw_input_hook(&mut self, _: &egui::Context, input: &mut egui::RawInput) {
        let Some(begun) = self.begun else { return };
        // Round and round on the map.
        let angle = begun.elapsed().as_secs_f32() * 2.0;
        let at = pos2(160.0, 190.0) + 80.0 * egui::vec2(angle.cos(), angle.sin());
        input.events.push(Event::PointerMoved(at));
        if self.frames.is_empty() {
            let modifiers = egui::Modifiers::NONE;
            input.events.push(Event::PointerButton { pos: at, button: PointerButton::Primary, pressed: true, modifiers });
        }
    }

    fn ui(&mut self, ui: &mut egui::Ui, frame: &mut eframe::Frame) {
        let now = Instant::now();
        self.app.ui(ui, frame);
        ui.ctx().request_repaint();
        let settled = self.nothing || self.app.state().is_settled();
        let shown = self.app.state().shown().map(|shown| (shown.number, shown.preview));
        match self.begun {
            None if settled => {
                self.first = self.opened.elapsed();
                self.begun = Some(now);
            }
            None => {}
            Some(begun) => {
                self.frames.push(now - self.last);
                if let Some((number, preview)) = shown {
                    self.previews += usize::from(self.pictures.insert(number) && preview);
                }
                if begun.elapsed().as_secs_f64() > self.seconds {
                    self.report();
                    ui.ctx().send_viewport_cmd(egui::ViewportCommand::Close);
                    self.seconds = f64::INFINITY;
                }
            }
        }
        self.last = now;
    }
}

fn main() {
    // Cargo adds --bench.
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let network = arguments.next().map(PathBuf::from);
    let nothing = network.as_ref().is_some_and(|network| network.as_os_str() == "none");
    let seconds = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(20.0);
    let (network, builtin) = if nothing { (None, None) } else { (network, Some(stylegan_weights::OPEN_PEEPS_128)) };
    let options = Options { network, builtin, ..Options::default() };
    let native = eframe::NativeOptions {
        renderer: eframe::Renderer::Wgpu,
        wgpu_options: eframe::egui_wgpu::WgpuConfiguration { wgpu_setup: stylegan_view::setup(), ..Default::default() },
        viewport: egui::ViewportBuilder::default().with_inner_size([1180.0, 760.0]),
        ..Default::default()
    };
    let opened = Instant::now();
    let window = eframe::run_native(
        "drag",
        native,
        Box::new(move |context| {
            let app = App::new(context, options)?;
            let (frames, pictures) = Default::default();
            Ok(Box::new(Dragged {
                app,
                seconds,
                begun: None,
                last: opened,
                frames,
                pictures,
                previews: 0,
                first: Duration::ZERO,
                opened,
                nothing,
            }))
        }),
    );
    if let Err(error) = window {
        eprintln!("error: {error}");
        std::process::exit(1);
    }
}

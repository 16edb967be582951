//! The window: bars, tabs and the picture; keys; what is remembered.

use eframe::egui;

use crate::Options;
use crate::error::ViewError;
use crate::panels::{self, Key, Tab, command, plain};
use crate::state::{Kept, State};

/// Under which eframe keeps what is remembered.
const KEY: &str = "stylegan-view";

/// Keys of the window itself; 1, 2, ... are its tabs.
const KEYS: [Key; 3] = [
    plain(egui::Key::F1, "these keys, and away"),
    command(egui::Key::O, "open a file"),
    plain(egui::Key::F11, "the whole screen, and back"),
];
const DIGITS: [egui::Key; 9] = [
    egui::Key::Num1,
    egui::Key::Num2,
    egui::Key::Num3,
    egui::Key::Num4,
    egui::Key::Num5,
    egui::Key::Num6,
    egui::Key::Num7,
    egui::Key::Num8,
    egui::Key::Num9,
];
/// What a focused button, slider or list uses itself.
const OF_WIDGETS: [egui::Key; 6] =
    [egui::Key::ArrowLeft, egui::Key::ArrowRight, egui::Key::ArrowUp, egui::Key::ArrowDown, egui::Key::Space, egui::Key::Enter];

/// The window's contents.
pub struct App {
    state: State,
    tabs: Vec<Tab>,
    tab: usize,
    helps: bool,
}

impl App {
    /// Of a window that is about to be shown.
    ///
    /// # Errors
    /// [`ViewError::Window`] where it has no wgpu.
    pub fn new(context: &eframe::CreationContext<'_>, options: Options) -> Result<App, ViewError> {
        let render = context.wgpu_render_state.clone().ok_or_else(|| ViewError::Window("it is drawn without wgpu".into()))?;
        let stored = || context.storage.and_then(|storage| eframe::get_value(storage, KEY));
        let left = options.left.take();
        let anew = left.is_some();
        let kept: Kept = left.or_else(stored).unwrap_or_default();
        let mut tabs = panels::all();
        for panel in tabs.iter_mut().flat_map(|tab| &mut tab.panels) {
            if let Some((_, text)) = kept.panels.iter().find(|(title, _)| title == panel.title()) {
                panel.load(text);
            }
        }
        let mut state = State::new(&context.egui_ctx, &render, options, &kept);
        if anew {
            state.say("The graphics device was lost, as by a reset of its driver. The window was opened anew; everything is as it was.");
        }
        Ok(App { state, tab: kept.tab.min(tabs.len() - 1), tabs, helps: false })
    }

    /// What the panels share.
    pub fn state(&mut self) -> &mut State {
        &mut self.state
    }

    fn keys(&mut self, context: &egui::Context) {
        let (writes, focused) = (context.text_edit_focused(), context.memory(|memory| memory.focused().is_some()));
        let pressed = |shortcut: &egui::KeyboardShortcut| {
            let taken = writes && shortcut.conflicts_with_text_editing()
                || focused && shortcut.modifiers.is_none() && OF_WIDGETS.contains(&shortcut.logical_key);
            !taken && context.input_mut(|input| input.consume_shortcut(shortcut))
        };
        for panel in self.tabs.iter_mut().flat_map(|tab| &mut tab.panels) {
            for (i, key) in panel.keys().iter().enumerate() {
                if pressed(&key.shortcut) {
                    panel.pressed(i, &mut self.state);
                }
            }
        }
        for (i, digit) in DIGITS.iter().enumerate().take(self.tabs.len()) {
            if pressed(&plain(*digit, "").shortcut) {
                self.tab = i;
            }
        }
        if pressed(&KEYS[0].shortcut) {
            self.helps = !self.helps;
        }
        if pressed(&KEYS[1].shortcut) {
            self.tab = self.tabs.iter().position(|tab| tab.title == panels::FILES).unwrap_or(self.tab);
            self.state.focus_open = true;
        }
        if pressed(&KEYS[2].shortcut) {
            let whole = context.input(|input| input.viewport().fullscreen.unwrap_or(false));
            context.send_viewport_cmd(egui::ViewportCommand::Fullscreen(!whole));
        }
    }

    fn help(&mut self, context: &egui::Context) {
        let panels = self.tabs.iter().flat_map(|tab| &tab.panels);
        let keys: Vec<&Key> = KEYS.iter().chain(panels.flat_map(|panel| panel.keys())).collect();
        egui::Window::new("Keys").open(&mut self.helps).collapsible(false).show(context, |ui| {
            egui::Grid::new("keys").striped(true).show(ui, |ui| {
                for (digit, tab) in DIGITS.iter().zip(&self.tabs) {
                    ui.label(digit.symbol_or_name());
                    ui.label(tab.title);
                    ui.end_row();
                }
                for key in keys {
                    ui.label(ui.ctx().format_shortcut(&key.shortcut));
                    ui.label(key.does);
                    ui.end_row();
                }
            });
        });
    }

    /// A file that is dropped is opened; of several the last, because there is one picture.
    fn drops(&mut self, context: &egui::Context) {
        let dropped = context.input(|input| input.raw.dropped_files.last().map(|file| file.path().to_owned()));
        if let Some(path) = dropped {
            self.state.open(path);
        }
        if context.input(|input| !input.raw.hovered_files.is_empty()) {
            let area = egui::Area::new(egui::Id::unique("drop")).anchor(egui::Align2::CENTER_CENTER, egui::Vec2::ZERO);
            area.show(context, |ui| egui::Frame::popup(ui.style()).show(ui, |ui| ui.heading("Drop it to open it")));
        }
    }

    /// With the device the window itself is lost: it is opened anew, and says so.
    fn reopen_if_lost(&mut self, context: &egui::Context) {
        if self.state.is_lost {
            self.state.options.left.put(self.kept());
            context.send_viewport_cmd(egui::ViewportCommand::Close);
        }
    }

    fn kept(&self) -> Kept {
        let panels = self.tabs.iter().flat_map(|tab| &tab.panels);
        Kept {
            wish: self.state.wish.clone(),
            recent: self.state.recent.clone(),
            network: self.state.network().and_then(|network| network.path.clone()),
            tab: self.tab,
            panels: panels.filter_map(|panel| Some((panel.title().to_owned(), panel.save()?))).collect(),
        }
    }

    fn message(&mut self, ui: &mut egui::Ui) {
        let Some(message) = self.state.message() else { return };
        let colour = if message.is_trouble { ui.visuals().error_fg_color } else { ui.visuals().text_color() };
        let text = egui::RichText::new(&message.text).color(colour);
        let closed = egui::Panel::top("message").show(ui, |ui| {
            ui.horizontal_wrapped(|ui| {
                let closed = ui.button("Close message").clicked();
                ui.label(text);
                closed
            })
        });
        if closed.inner.inner {
            self.state.dismiss();
        }
    }

    fn status(&mut self, ui: &mut egui::Ui) {
        egui::Panel::bottom("status").show(ui, |ui| {
            ui.horizontal_wrapped(|ui| {
                if let Some(loading) = self.state.loading() {
                    if loading.bar(ui) {
                        self.state.cancel_loading();
                    }
                    return;
                }
                let (Some(network), Some(painter)) = (self.state.network(), self.state.painter()) else { return };
                ui.label(network.name());
                let Some(facts) = self.state.facts() else {
                    ui.add(egui::ProgressBar::new(painter.progress()).text("onto the device"));
                    return;
                };
                ui.separator();
                ui.label(format!("{} ({})", facts.device, facts.dtype.name()));
                if let Some(shown) = self.state.shown() {
                    ui.separator();
                    let ((height, width), millis) = (shown.canvas.size(), shown.took.as_secs_f64() * 1e3);
                    ui.label(format!("{width} x {height} in {millis:.0} ms{}", if shown.preview { ", a preview" } else { "" }));
                }
            });
        });
    }

    fn picture(&self, ui: &mut egui::Ui) {
        let Some(shown) = self.state.shown() else { return };
        let (height, width) = self.state.config().map_or(shown.canvas.size(), |config| config.image_size());
        let (points, room) = (ui.ctx().pixels_per_point(), ui.available_rect_before_wrap());
        // In whole pixels of the display, and as many times as large as there is room for: what is seen is what was drawn.
        let whole = egui::vec2(width as f32, height as f32);
        let fits = (room.size() * points / whole).min_elem();
        let size = whole * if fits >= 1.0 { fits.floor() } else { fits };
        let corner = (room.center() * points - size / 2.0).round();
        let rect = egui::Rect::from_min_size(corner, size) / points;
        let image = egui::Image::from_texture(egui::load::SizedTexture::new(shown.canvas.id, rect.size()));
        ui.put(rect, image.fit_to_exact_size(rect.size()).alt_text("Picture"));
    }

    fn side(&mut self, ui: &mut egui::Ui) {
        egui::Panel::left("side").default_size(340.0).show(ui, |ui| {
            ui.horizontal_wrapped(|ui| {
                for (i, tab) in self.tabs.iter().enumerate() {
                    ui.selectable_value(&mut self.tab, i, tab.title);
                }
                let (name, theme) = if ui.visuals().dark_mode { ("Light", egui::Theme::Light) } else { ("Dark", egui::Theme::Dark) };
                if ui.button(name).on_hover_text("the other theme; at first it is the system's").clicked() {
                    ui.ctx().set_theme(theme);
                }
            });
            ui.separator();
            egui::ScrollArea::vertical().show(ui, |ui| {
                for panel in &mut self.tabs[self.tab].panels {
                    // What one shows or hides changes no name in another: the keyboard stays where it is.
                    ui.push_id(panel.title(), |ui| panel.ui(ui, &mut self.state));
                    ui.add_space(8.0);
                }
            });
        });
    }
}

impl eframe::App for App {
    fn ui(&mut self, ui: &mut egui::Ui, _: &mut eframe::Frame) {
        if self.state.receive() {
            self.tabs.iter_mut().flat_map(|tab| &mut tab.panels).for_each(|panel| panel.network_changed(&mut self.state));
        }
        let context = ui.ctx().clone();
        self.reopen_if_lost(&context);
        self.keys(&context);
        self.drops(&context);
        self.tabs.iter_mut().flat_map(|tab| &mut tab.panels).for_each(|panel| panel.tick(&mut self.state));
        self.message(ui);
        self.status(ui);
        self.side(ui);
        egui::CentralPanel::default().show(ui, |ui| self.picture(ui));
        self.help(&context);
        self.state.send();
    }

    fn save(&mut self, storage: &mut dyn eframe::Storage) {
        eframe::set_value(storage, KEY, &self.kept());
    }
}

//! Activations: a channel of a layer as a picture, all of them on a sheet, or a channel's spectrum. The picture itself is the first layer.

use std::sync::Arc;

use eframe::egui::{self, Role};
use stylegan_studio::pictures::maps::{Colouring, Maps, Statistics};
use stylegan_studio::pictures::picture::Picture;
use stylegan_studio::pictures::spectrum::{Spectrum, Window};
use stylegan_wgpu::{LayerInfo, Pending};

use crate::error::ViewError;
use crate::panels::Panel;
use crate::panels::parts::{button, image, named, rgb, trouble};
use crate::state::State;
use crate::tasks::Task;
use crate::wish::Wish;

/// What the picture is called among the layers.
const PICTURE: &str = "picture";
/// Pixels of a channel on the sheet, and channels on one.
const CELL: usize = 96;
const MOST_CELLS: usize = 64;
/// Channels side by side.
const COLUMNS: usize = 8;
/// Decibels below the loudest that are black.
const RANGE: f32 = 100.0;

/// What is shown of a layer.
#[derive(Clone, Copy, Debug, PartialEq)]
enum View {
    Channel,
    Sheet,
    Spectrum,
}

/// A layer's name and `[channels, height, width]`.
type Layer = (String, [usize; 3]);

/// The values of a layer, `[channels, height, width]`.
type Values = Arc<Vec<f32>>;

/// What a picture was made of, and how.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Made {
    /// Counts what was tapped.
    number: u64,
    layer: usize,
    /// The first one, of a sheet.
    channel: usize,
    view: View,
    colouring: Colouring,
    window: Window,
}

/// The panel.
pub(crate) struct Activations {
    layers: Vec<Layer>,
    asking: Option<Task<Vec<LayerInfo>>>,
    layer: usize,
    channel: usize,
    view: View,
    colouring: Colouring,
    window: Window,
    /// Follows the picture.
    live: bool,
    /// Somebody looks, and once asked to.
    visible: bool,
    wanted: bool,
    tapping: Option<Task<Pending<Vec<f32>>>>,
    reading: Option<Task<Values>>,
    /// What of: the wish and the layer.
    of: Option<(Wish, usize)>,
    values: Option<(u64, usize, Values)>,
    making: Option<(Made, Task<(Picture, Statistics)>)>,
    made: Option<(Made, egui::TextureHandle, Statistics)>,
    count: u64,
    error: Option<String>,
}

impl Default for Activations {
    fn default() -> Activations {
        Activations {
            layers: Vec::new(),
            asking: None,
            layer: 0,
            channel: 0,
            view: View::Channel,
            colouring: Colouring::Grey,
            window: Window::Hann,
            live: false,
            visible: false,
            wanted: false,
            tapping: None,
            reading: None,
            of: None,
            values: None,
            making: None,
            made: None,
            count: 0,
            error: None,
        }
    }
}

impl Panel for Activations {
    fn title(&self) -> &'static str {
        "Activations"
    }

    fn network_changed(&mut self, _: &mut State) {
        *self = Activations { live: self.live, colouring: self.colouring, window: self.window, ..Activations::default() };
    }

    fn tick(&mut self, state: &mut State) {
        if let Err(error) = self.advance(state) {
            self.error = Some(error.to_string());
        }
        self.visible = false;
    }

    fn ui(&mut self, ui: &mut egui::Ui, _: &mut State) {
        self.visible = true;
        let Some((name, [channels, height, width])) = self.layers.get(self.layer).cloned() else { return };
        let before = self.layer;
        ui.horizontal_wrapped(|ui| {
            if button(ui, self.layer > 0, "<", "Layer before") {
                self.layer -= 1;
            }
            egui::ComboBox::from_label("Layer").selected_text(&name).show_ui(ui, |ui| {
                for (i, (name, [channels, height, width])) in self.layers.iter().enumerate() {
                    ui.selectable_value(&mut self.layer, i, format!("{name}, {channels} of {width}x{height}"));
                }
            });
            if button(ui, self.layer + 1 < self.layers.len(), ">", "Next layer") {
                self.layer += 1;
            }
        });
        ui.horizontal_wrapped(|ui| {
            let drag = ui.add(egui::DragValue::new(&mut self.channel).range(0..=channels - 1));
            named(drag, Role::SpinButton, "Channel");
            if button(ui, self.channel > 0, "-", "Channel before") {
                self.channel -= 1;
            }
            if button(ui, self.channel + 1 < channels, "+", "Next channel") {
                self.channel += 1;
            }
            ui.label(format!("of {channels}, {width}x{height}"));
        });
        ui.horizontal_wrapped(|ui| {
            for (view, text) in [(View::Channel, "One channel"), (View::Sheet, "Sheet of channels"), (View::Spectrum, "Spectrum (FFT)")] {
                ui.radio_value(&mut self.view, view, text);
            }
        });
        ui.horizontal_wrapped(|ui| {
            let mut diverging = self.colouring == Colouring::Diverging;
            if ui.checkbox(&mut diverging, "Red and blue around zero").changed() {
                self.colouring = if diverging { Colouring::Diverging } else { Colouring::Grey };
            }
            let mut hann = self.window == Window::Hann;
            if ui.checkbox(&mut hann, "Fade edges out for the spectrum").changed() {
                self.window = if hann { Window::Hann } else { Window::None };
            }
        });
        ui.horizontal_wrapped(|ui| {
            ui.checkbox(&mut self.live, "Follow the picture");
            self.wanted |= button(ui, !self.live, "Look", "Look at this layer now");
            if self.tapping.is_some() || self.reading.is_some() || self.making.is_some() {
                ui.add(egui::Spinner::new());
            }
        });
        if self.layer != before {
            self.channel = 0;
            self.wanted = true;
        }
        trouble(ui, self.error.as_deref());
        if let Some((Made { layer, .. }, texture, found)) = &self.made {
            let side = ui.available_width().clamp(64.0, 512.0);
            let name = self.layers.get(*layer).map_or("", |(name, _)| name);
            ui.add(image(texture, side).alt_text(format!("Activation of {name}")));
            ui.label(format!("from {:.3} to {:.3}, mean {:.3}, rms {:.3}", found.least, found.most, found.mean, found.rms));
        }
    }
}

impl Activations {
    /// Asks for what is missing, a step at a time.
    fn advance(&mut self, state: &State) -> Result<(), ViewError> {
        if self.layers.is_empty() && self.visible && self.asking.is_none() {
            self.asking = state.order("layers", |hand, _| Ok(hand.generator().layers()));
        }
        if let Some(found) = self.asking.as_mut().and_then(Task::try_take) {
            self.asking = None;
            let size = state.config().map_or((0, 0), |config| config.image_size());
            let channels = state.config().map_or(0, |config| config.img_channels());
            let picture = (PICTURE.to_owned(), [channels, size.0, size.1]);
            let layers = found?.into_iter().map(|layer| (layer.name, [layer.channels, layer.height, layer.width]));
            self.layers = [picture].into_iter().chain(layers).collect();
            self.wanted = true;
        }
        if let Some(pending) = self.tapping.as_mut().and_then(Task::try_take) {
            self.tapping = None;
            let pending = pending?;
            // The device may still be drawing, and taking apart what it gives is work, too.
            self.reading = Some(Task::spawn("a layer", &state.context, move |_| {
                let values = pending.wait()?.pop();
                Ok(Arc::new(values.ok_or_else(|| ViewError::Wrong("the device gave no picture".into()))?))
            }));
        }
        if let Some(values) = self.reading.as_mut().and_then(Task::try_take) {
            self.reading = None;
            let layer = self.of.as_ref().map_or(0, |(_, layer)| *layer);
            self.count += 1;
            self.values = Some((self.count, layer, values?));
            self.error = None;
        }
        if let Some((picture, found)) = self.making.as_mut().and_then(|(_, task)| task.try_take()).transpose()?
            && let Some((made, _)) = self.making.take()
        {
            let texture = state.context.load_texture("activation", rgb(&picture), egui::TextureOptions::NEAREST);
            self.made = Some((made, texture, found));
        }
        self.tap(state);
        self.make(state);
        Ok(())
    }

    /// Has the layer drawn, where it was asked for or follows the picture.
    fn tap(&mut self, state: &State) {
        let changed = self.of.as_ref().is_none_or(|(wish, layer)| *layer != self.layer || *wish != state.wish);
        let follows = self.live && changed && state.is_settled();
        let Some((name, _)) = self.layers.get(self.layer).cloned() else { return };
        if !self.visible || !(self.wanted || follows) || self.tapping.is_some() || self.reading.is_some() {
            return;
        }
        let wish = state.wish.clone();
        self.tapping = state.order("a layer", move |hand, _| {
            let (ws, look) = (hand.ws(&wish)?, wish.look(hand.generator().config())?);
            Ok(match name == PICTURE {
                true => hand.generator().submit_f32(&ws, &look)?,
                false => hand.generator().tap(&name, &ws, &look)?,
            })
        });
        if self.tapping.is_some() {
            self.wanted = false;
            self.of = Some((state.wish.clone(), self.layer));
        }
    }

    /// Has a picture made of the values, where there is none of them yet.
    fn make(&mut self, state: &State) {
        let Some((number, layer, values)) = self.values.clone() else { return };
        let Some((_, size)) = self.layers.get(layer).cloned() else { return };
        let channel = self.channel.min(size[0].saturating_sub(1));
        let channel = if self.view == View::Sheet { channel - channel % MOST_CELLS } else { channel };
        let made = Made { number, layer, channel, view: self.view, colouring: self.colouring, window: self.window };
        let known = self.made.as_ref().map(|(made, ..)| *made).into_iter().chain(self.making.as_ref().map(|(made, _)| *made));
        if known.into_iter().any(|known| known == made) {
            return;
        }
        let work = move || picture(&values, size, made);
        self.making = Some((made, Task::spawn("a layer's picture", &state.context, move |_| work())));
    }
}

fn picture(values: &[f32], size: [usize; 3], made: Made) -> Result<(Picture, Statistics), ViewError> {
    let ([_, height, width], Made { channel, view, colouring, window, .. }) = (size, made);
    let maps = Maps::new(values, size)?;
    let found = Statistics::of(maps.channel(channel));
    let picture = match view {
        View::Channel => maps.picture(channel, colouring, found.range(colouring)),
        View::Sheet => maps.sheet(channel..maps.channels().min(channel + MOST_CELLS), COLUMNS, CELL, colouring)?,
        View::Spectrum => {
            let spectrum = Spectrum::of(maps.channel(channel), [height, width], window)?;
            Maps::new(&spectrum.decibels, [1, height, width])?.picture(0, Colouring::Grey, spectrum.range(RANGE))
        }
    };
    Ok((picture, found))
}

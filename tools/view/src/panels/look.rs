//! How it looks: truncation, noise, class, and where a StyleGAN3 draws.

use eframe::egui;
use stylegan_wgpu::Config;

use super::Panel;
use crate::state::State;
use crate::wish::{Maps, Source, Wish};

/// The panel.
#[derive(Default)]
pub(crate) struct Looks;

impl Panel for Looks {
    fn title(&self) -> &'static str {
        "Look"
    }

    fn tick(&mut self, state: &mut State) {
        // The painter wakes the window when a picture is there.
        if state.wish.noise == Maps::Animated && state.is_answered() {
            state.wish.noise_seed = state.wish.noise_seed.wrapping_add(1);
        }
    }

    fn ui(&mut self, ui: &mut egui::Ui, state: &mut State) {
        let Some(config) = state.config().cloned() else { return };
        let wish = &mut state.wish;
        ui.add_enabled_ui(!matches!(wish.source, Source::Rows(_)), |ui| truncation(ui, wish, &config));
        noise(ui, wish);
        if config.c_dim() > 0 {
            ui.add(egui::Slider::new(&mut wish.class, 0..=config.c_dim() - 1).text("class"));
        }
        if matches!(config, Config::StyleGan3(_)) {
            place(ui, wish);
        }
    }
}

fn truncation(ui: &mut egui::Ui, wish: &mut Wish, config: &Config) {
    ui.add(egui::Slider::new(&mut wish.psi, -1.0..=2.0).text("truncation psi"));
    let rows = config.num_ws();
    let mut cutoff = wish.cutoff.unwrap_or(rows).min(rows);
    if ui.add(egui::Slider::new(&mut cutoff, 0..=rows).text("truncated rows of w")).changed() {
        wish.cutoff = (cutoff < rows).then_some(cutoff);
    }
}

fn noise(ui: &mut egui::Ui, wish: &mut Wish) {
    ui.horizontal_wrapped(|ui| {
        ui.label("Noise");
        for (maps, name) in [(Maps::Stored, "stored"), (Maps::None, "none"), (Maps::Fresh, "fresh"), (Maps::Animated, "animated")] {
            ui.radio_value(&mut wish.noise, maps, name);
        }
    });
    if matches!(wish.noise, Maps::Fresh | Maps::Animated) {
        ui.horizontal(|ui| {
            let label = ui.label("Noise seed");
            ui.add(egui::DragValue::new(&mut wish.noise_seed)).labelled_by(label.id);
        });
    }
}

fn place(ui: &mut egui::Ui, wish: &mut Wish) {
    ui.add(egui::Slider::new(&mut wish.translate[0], -1.0..=1.0).text("to the right"));
    ui.add(egui::Slider::new(&mut wish.translate[1], -1.0..=1.0).text("down"));
    ui.add(egui::Slider::new(&mut wish.rotate, -180.0..=180.0).text("degrees turned"));
    ui.add(egui::Slider::new(&mut wish.zoom, 0.1..=10.0).logarithmic(true).text("zoom"));
    if ui.button("Reset place").clicked() {
        let Wish { translate, rotate, zoom, .. } = Wish::default();
        (wish.translate, wish.rotate, wish.zoom) = (translate, rotate, zoom);
    }
}

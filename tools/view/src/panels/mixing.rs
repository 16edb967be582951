//! Style mixing: which rows of w are the second parent's, and both parents as small pictures.

use eframe::egui::{self, Role};
use stylegan_wgpu::Config;

use super::Panel;
use super::parts::{Sketch, button, image, named, trouble};
use crate::state::State;
use crate::wish::{Mix, Source, Wish};

/// Pixels of a parent's picture.
const SIDE: usize = 128;

/// The panel.
pub(crate) struct Mixing {
    /// Kept while nothing is mixed.
    second: Source,
    parents: [Sketch; 2],
}

impl Default for Mixing {
    fn default() -> Mixing {
        Mixing { second: Source::of_seed(1), parents: Default::default() }
    }
}

impl Panel for Mixing {
    fn title(&self) -> &'static str {
        "Style mixing"
    }

    fn network_changed(&mut self, _: &mut State) {
        *self = Mixing::default();
    }

    fn ui(&mut self, ui: &mut egui::Ui, state: &mut State) {
        let Some(config) = state.config().cloned() else { return };
        if let Some(mix) = state.wish.mixes.last() {
            self.second = mix.source.clone();
        }
        let mut rows = chosen(&state.wish, config.num_ws());
        // As they are before they are mixed and moved.
        let alone = Wish { mixes: Vec::new(), moves: Vec::new(), ..state.wish.clone() };
        let other = Wish { source: self.second.clone(), ..alone.clone() };
        ui.horizontal(|ui| {
            for ((title, parent), sketch) in [("First parent", &alone), ("Second parent", &other)].into_iter().zip(&mut self.parents) {
                ui.vertical(|ui| {
                    ui.label(title);
                    sketch.update(state, title, parent, SIDE);
                    if let Some(texture) = sketch.texture() {
                        ui.add(image(texture, 96.0).alt_text(format!("{title}, small")));
                    }
                    trouble(ui, sketch.error());
                });
            }
        });
        ui.horizontal(|ui| {
            let mut seed = self.second.seed().unwrap_or(0);
            let field = named(ui.add(egui::DragValue::new(&mut seed)), Role::SpinButton, "Seed of the second parent");
            if field.changed() {
                self.second = Source::of_seed(seed);
            }
            if button(ui, true, "Take this place", "Make the place of this picture the second parent") {
                self.second = state.wish.source.clone();
            }
        });
        ui.horizontal_wrapped(|ui| {
            for (text, from, to) in [("coarse", 0, 8), ("middle", 16, 32), ("fine", 64, usize::MAX), ("all", 0, usize::MAX)] {
                if button(ui, true, text, &format!("Mix in {text} layers")) {
                    (0..rows.len()).for_each(|row| rows[row] |= (from..=to).contains(&config.slot_resolution(row)));
                }
            }
            if button(ui, rows.contains(&true), "none", "Mix in nothing") {
                rows.fill(false);
            }
        });
        for (row, chosen) in rows.iter_mut().enumerate() {
            ui.checkbox(chosen, title(&config, row));
        }
        let layers: Vec<usize> = (0..rows.len()).filter(|&row| rows[row]).collect();
        state.wish.mixes = if layers.is_empty() { Vec::new() } else { vec![Mix { source: self.second.clone(), layers }] };
    }
}

/// Which rows are mixed in.
fn chosen(wish: &Wish, num_ws: usize) -> Vec<bool> {
    (0..num_ws).map(|row| wish.mixes.last().is_some_and(|mix| mix.layers.contains(&row))).collect()
}

/// What a row of w is called: its number, its size, and the layers that read it.
fn title(config: &Config, row: usize) -> String {
    let names: Vec<String> = config.style_layers().into_iter().filter(|layer| layer.slot == row).map(|layer| layer.name).collect();
    let side = config.slot_resolution(row);
    format!("Row {row}, {side}x{side}: {}", if names.is_empty() { "no layer".into() } else { names.join(", ") })
}

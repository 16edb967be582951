//! Where in latent space: a map of seeds to drag on, and seeds that walk by themselves.

use eframe::egui::{self, Align2, FontId, Role, Sense, Stroke, WidgetInfo, pos2, vec2};

use super::{Key, Panel, plain};
use crate::state::State;
use crate::wish::{PAD_WIDTH, Source, Space};

/// Seeds from edge to edge.
const ACROSS: f64 = 4.0;

/// The panel.
pub(crate) struct Pad {
    walks: bool,
    /// Seeds a second.
    speed: f64,
    walked: Option<std::time::Instant>,
}

impl Default for Pad {
    fn default() -> Pad {
        Pad { walks: false, speed: 0.5, walked: None }
    }
}

const KEYS: [Key; 6] = [
    plain(egui::Key::ArrowRight, "the next seed"),
    plain(egui::Key::ArrowLeft, "the seed before"),
    plain(egui::Key::ArrowDown, "a hundred seeds on"),
    plain(egui::Key::ArrowUp, "a hundred seeds back"),
    plain(egui::Key::R, "a random seed"),
    plain(egui::Key::Space, "walk, or stop"),
];

impl Panel for Pad {
    fn title(&self) -> &'static str {
        "Seeds"
    }

    fn keys(&self) -> &'static [Key] {
        &KEYS
    }

    fn pressed(&mut self, key: usize, state: &mut State) {
        match key {
            0 => step(state, 1.0, 0.0),
            1 => step(state, -1.0, 0.0),
            2 => step(state, 0.0, 1.0),
            3 => step(state, 0.0, -1.0),
            4 => go(state, any_seed()),
            _ => self.walks = !self.walks,
        }
    }

    fn tick(&mut self, state: &mut State) {
        let now = std::time::Instant::now();
        let Some(since) = self.walked.replace(now).filter(|_| self.walks) else {
            self.walked = self.walks.then_some(now);
            if self.walks {
                state.context.request_repaint();
            }
            return;
        };
        if !state.is_answered() {
            // Nothing is skipped: the walk goes on when the picture is there.
            self.walked = Some(since);
            return;
        }
        let seconds = (now - since).as_secs_f64().min(0.25);
        let (x, y, space) = place(state);
        state.wish.source = Source::Pad { x: x + seconds * self.speed, y, space };
    }

    fn ui(&mut self, ui: &mut egui::Ui, state: &mut State) {
        map(ui, state);
        ui.horizontal(|ui| {
            let seed = state.wish.source.seed();
            let (x, y, _) = place(state);
            let mut value = seed.unwrap_or_else(|| nearest(x, y));
            let label = ui.label("Seed");
            if ui.add(egui::DragValue::new(&mut value).speed(0.2)).labelled_by(label.id).changed() {
                go(state, value);
            }
            if seed.is_none() {
                ui.label(if matches!(state.wish.source, Source::Rows(_)) { "(rows of w)" } else { "(between seeds)" });
            }
            if ui.button("Random seed").clicked() {
                go(state, any_seed());
            }
        });
        ui.horizontal(|ui| {
            let (x, y, mut space) = place(state);
            let before = space;
            ui.label("Between seeds");
            ui.radio_value(&mut space, Space::W, "w").on_hover_text("interpolates what the mapping network gives");
            ui.radio_value(&mut space, Space::Z, "z").on_hover_text("interpolates what it is given");
            if space != before {
                state.wish.source = Source::Pad { x, y, space };
            }
        });
        ui.horizontal(|ui| {
            ui.checkbox(&mut self.walks, "Walk");
            ui.add(egui::Slider::new(&mut self.speed, -5.0..=5.0).text("seeds a second"));
        });
    }

    fn save(&self) -> Option<String> {
        Some(self.speed.to_string())
    }

    fn load(&mut self, text: &str) {
        self.speed = text.parse().ok().filter(|speed: &f64| speed.abs() <= 5.0).unwrap_or(self.speed);
    }
}

/// Where the wish is; rows of w are at the place of no seed in particular.
fn place(state: &State) -> (f64, f64, Space) {
    match state.wish.source {
        Source::Pad { x, y, space } => (x, y, space),
        Source::Rows(_) => (0.0, 0.0, Space::W),
    }
}

fn nearest(x: f64, y: f64) -> u32 {
    (x.round() + f64::from(PAD_WIDTH) * y.round()).rem_euclid(4294967296.0) as u32
}

fn go(state: &mut State, seed: u32) {
    let (_, _, space) = place(state);
    if let Source::Pad { x, y, .. } = Source::of_seed(seed) {
        state.wish.source = Source::Pad { x, y, space };
    }
}

/// To a neighbour of the nearest seed.
fn step(state: &mut State, dx: f64, dy: f64) {
    let (x, y, _) = place(state);
    go(state, nearest(x.round() + dx, y.round() + dy));
}

/// One of a million: of more, nobody writes them down.
fn any_seed() -> u32 {
    use std::hash::{BuildHasher, Hasher};
    (std::collections::hash_map::RandomState::new().build_hasher().finish() % 1_000_000) as u32
}

/// The seeds around the place, which is in the middle: a drag moves it, a click goes there.
fn map(ui: &mut egui::Ui, state: &mut State) {
    let side = ui.available_width().min(300.0);
    let (response, painter) = ui.allocate_painter(vec2(side, side), Sense::click_and_drag());
    response.widget_info(|| WidgetInfo::labeled(Role::Canvas, true, "Map of seeds"));
    let (rect, visuals) = (response.rect, ui.visuals());
    let cell = f64::from(side) / ACROSS;
    let (mut x, mut y, space) = place(state);
    let moved = if response.dragged() { response.drag_delta() } else { vec2(0.0, 0.0) };
    let to = response.interact_pointer_pos().filter(|_| response.clicked()).map_or(moved, |to| to - rect.center());
    if to != vec2(0.0, 0.0) {
        (x, y) = (x + f64::from(to.x) / cell, y + f64::from(to.y) / cell);
        state.wish.source = Source::Pad { x, y, space };
    }

    painter.rect_filled(rect, 4.0, visuals.extreme_bg_color);
    let line = Stroke::new(1.0, visuals.widgets.noninteractive.bg_stroke.color);
    let at = |column: f64, row: f64| rect.center() + vec2(((column - x) * cell) as f32, ((row - y) * cell) as f32);
    let half = (ACROSS / 2.0) as i64 + 1;
    for k in -half..=half {
        let (column, row) = (x.round() + k as f64, y.round() + k as f64);
        let (across, down) = (at(column, y).x, at(x, row).y);
        painter.with_clip_rect(rect).line_segment([pos2(across, rect.top()), pos2(across, rect.bottom())], line);
        painter.with_clip_rect(rect).line_segment([pos2(rect.left(), down), pos2(rect.right(), down)], line);
        for i in -half..=half {
            let (column, row) = (x.round() + i as f64, y.round() + k as f64);
            let seed = nearest(column, row).to_string();
            painter.with_clip_rect(rect).text(
                at(column, row) + vec2(3.0, -2.0),
                Align2::LEFT_BOTTOM,
                seed,
                FontId::proportional(11.0),
                visuals.weak_text_color(),
            );
        }
    }
    painter.circle(rect.center(), 6.0, visuals.selection.bg_fill, Stroke::new(2.0, visuals.strong_text_color()));
}

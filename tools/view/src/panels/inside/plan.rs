//! The plan: every pass that draws the picture, its kernel and variant, its work, and on devices with timestamps its time.

use std::cmp::Ordering;

use eframe::egui::{self, Role};
use stylegan_wgpu::{Alternative, Error, PassInfo, Precision, Why};

use crate::error::ViewError;
use crate::panels::Panel;
use crate::panels::parts::{button, named, trouble};
use crate::state::State;
use crate::tasks::Task;
use crate::wish::Wish;

/// What the table is sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Order,
    Pass,
    Kernel,
    Variant,
    Milliseconds,
    Gflop,
    Megabytes,
}

const COLUMNS: [(Column, &str); 7] = [
    (Column::Order, "#"),
    (Column::Pass, "pass"),
    (Column::Kernel, "kernel"),
    (Column::Variant, "variant"),
    (Column::Milliseconds, "ms"),
    (Column::Gflop, "GFLOP"),
    (Column::Megabytes, "MB"),
];

/// What was measured.
struct Found {
    passes: Vec<PassInfo>,
    /// Of the device.
    tier: String,
    /// Bytes on the device.
    memory: u64,
    /// Why there are no times.
    timeless: Option<String>,
}

/// The panel.
pub(crate) struct Passes {
    /// Measures again whenever the picture has changed.
    live: bool,
    visible: bool,
    asking: Option<(Wish, Task<Found>)>,
    of: Option<Wish>,
    found: Option<Found>,
    by: Column,
    descending: bool,
    error: Option<String>,
}

impl Default for Passes {
    fn default() -> Passes {
        Passes { live: false, visible: false, asking: None, of: None, found: None, by: Column::Order, descending: false, error: None }
    }
}

impl Panel for Passes {
    fn title(&self) -> &'static str {
        "Plan"
    }

    fn network_changed(&mut self, _: &mut State) {
        *self = Passes { live: self.live, ..Passes::default() };
    }

    fn tick(&mut self, state: &mut State) {
        if let Some(outcome) = self.asking.as_mut().and_then(|(_, task)| task.try_take()) {
            self.of = self.asking.take().map(|(wish, _)| wish);
            match outcome {
                Ok(found) => (self.found, self.error) = (Some(found), None),
                Err(error) => self.error = Some(error.to_string()),
            }
        }
        let changed = self.of.as_ref() != Some(&state.wish);
        if self.visible && (self.live || self.of.is_none()) && changed && state.is_settled() {
            self.ask(state);
        }
        self.visible = false;
    }

    fn ui(&mut self, ui: &mut egui::Ui, state: &mut State) {
        self.visible = true;
        ui.horizontal_wrapped(|ui| {
            if button(ui, self.asking.is_none(), "Measure", "Measure every pass now") {
                self.ask(state);
            }
            ui.checkbox(&mut self.live, "Measure whenever the picture changes");
        });
        trouble(ui, self.error.as_deref());
        let Some(found) = &self.found else { return };
        facts(ui, state, found);
        if let Some(timeless) = &found.timeless {
            ui.label(timeless);
        }
        let total = |of: fn(&PassInfo) -> f64| found.passes.iter().map(of).sum::<f64>();
        let (time, gflop, bytes) = (total(milliseconds), total(gflop), total(megabytes));
        let rate = if time > 0.0 { format!(", {:.1} GFLOP/s", gflop / time * 1e3) } else { String::new() };
        ui.label(format!("{} passes: {time:.2} ms, {gflop:.2} GFLOP, {bytes:.1} MB{rate}", found.passes.len()));
        self.table(ui);
    }
}

impl Passes {
    fn ask(&mut self, state: &State) {
        if self.asking.is_some() {
            return;
        }
        let wish = state.wish.clone();
        let task = state.order("measuring every pass", move |hand, _| {
            let (ws, look) = (hand.ws(&wish)?, wish.look(hand.generator().config())?);
            let generator = hand.generator();
            let (passes, timeless) = match generator.profile(&ws, &look).and_then(|profile| profile.wait()) {
                Ok(passes) => (passes, None),
                Err(error @ Error::NoTimestamps { .. }) => (generator.passes(&ws, &look)?, Some(error.to_string())),
                Err(error) => return Err(ViewError::Engine(error)),
            };
            Ok(Found { passes, tier: generator.gpu().tier().to_string(), memory: generator.memory(), timeless })
        });
        self.asking = task.map(|task| (state.wish.clone(), task));
    }

    fn table(&mut self, ui: &mut egui::Ui) {
        let Some(found) = &self.found else { return };
        let mut rows: Vec<(usize, &PassInfo)> = found.passes.iter().enumerate().collect();
        rows.sort_by(|a, b| if self.descending { compare(self.by, b, a) } else { compare(self.by, a, b) });
        let mut clicked = None;
        egui::ScrollArea::horizontal().show(ui, |ui| {
            egui::Grid::new("passes").striped(true).show(ui, |ui| {
                for (column, title) in COLUMNS {
                    let arrow = if column != self.by {
                        ""
                    } else if self.descending {
                        " v"
                    } else {
                        " ^"
                    };
                    let header = ui.button(format!("{title}{arrow}"));
                    let name = if title == "#" { "order" } else { title };
                    if named(header, Role::Button, &format!("Sort passes by {name}")).clicked() {
                        clicked = Some(column);
                    }
                }
                ui.end_row();
                for (i, pass) in rows {
                    ui.label(i.to_string());
                    ui.label(&pass.name);
                    ui.label(pass.kernel);
                    ui.label(pass.variant).on_hover_text(why(pass));
                    ui.label(pass.milliseconds.map_or_else(String::new, |time| format!("{time:.3}")));
                    ui.label(format!("{:.3}", gflop(pass)));
                    ui.label(format!("{:.2}", megabytes(pass)));
                    ui.end_row();
                }
            });
        });
        if let Some(column) = clicked {
            // What is much comes first, of numbers.
            let number = matches!(column, Column::Milliseconds | Column::Gflop | Column::Megabytes);
            self.descending = if column == self.by { !self.descending } else { number };
            self.by = column;
        }
    }
}

fn facts(ui: &mut egui::Ui, state: &State, found: &Found) {
    let Some(facts) = state.facts() else { return };
    let mb = |bytes: u64| bytes as f64 / 1e6;
    ui.label(format!("{}, tier {}, {}", facts.device, found.tier, facts.dtype.name()));
    if let Some(network) = state.network() {
        let of = |precision| mb(network.model.memory(1, precision));
        let parameters = network.model.parameters() as f64 / 1e6;
        let both = format!("{:.0} MB in f32, {:.0} MB in f16", of(Precision::F32), of(Precision::F16));
        ui.label(format!("{:.0} MB on the device ({both}), {parameters:.1} million parameters", mb(found.memory)));
    }
}

fn milliseconds(pass: &PassInfo) -> f64 {
    pass.milliseconds.unwrap_or_default()
}

fn gflop(pass: &PassInfo) -> f64 {
    pass.flops as f64 / 1e9
}

fn megabytes(pass: &PassInfo) -> f64 {
    pass.bytes as f64 / 1e6
}

fn compare(by: Column, a: &(usize, &PassInfo), b: &(usize, &PassInfo)) -> Ordering {
    let number = |of: fn(&PassInfo) -> f64| of(a.1).total_cmp(&of(b.1));
    match by {
        Column::Order => a.0.cmp(&b.0),
        Column::Pass => a.1.name.cmp(&b.1.name),
        Column::Kernel => a.1.kernel.cmp(b.1.kernel),
        Column::Variant => a.1.variant.cmp(b.1.variant),
        Column::Milliseconds => number(milliseconds),
        Column::Gflop => number(gflop),
        Column::Megabytes => number(megabytes),
    }
}

/// Why this variant and no other.
fn why(pass: &PassInfo) -> String {
    let other = |other: &Alternative| match &other.why {
        Why::Slower(time) => format!("{} took {time:.1} us", other.variant),
        Why::Misfit => format!("{} does not fit the shape", other.variant),
        Why::Refused(reason) => format!("{} was refused: {reason}", other.variant),
        _ => format!("{} was not timed", other.variant),
    };
    let others: Vec<String> = pass.others.iter().map(other).collect();
    match (pass.tuned, others.is_empty()) {
        (_, true) => "the only one".into(),
        (Some(time), false) => format!("took {time:.1} us; {}", others.join("; ")),
        (None, false) => others.join("; "),
    }
}

//! Shape: sliders along directions in w, in standard deviations. They are found in w (PCA), in the weights (SeFa), or read from a file.

use eframe::egui::{self, Role};
use stylegan_studio::vectors::{Axes, Direction, Draw, Layers, Method, Sizes, Source, VectorError, VectorFile, samples};
use stylegan_wgpu::Model;

use super::Panel;
use super::parts::{button, named, trouble};
use crate::error::ViewError;
use crate::state::State;
use crate::tasks::Task;
use crate::wish::Move;

/// How far a slider goes, to both sides, in standard deviations: within lies what the network draws.
const MOST_SIGMA: f32 = 3.0;
/// Latents that the deviation of w along a file's direction is taken of.
const SAMPLES: usize = 2048;
/// Most directions of one file that become sliders by themselves.
const MOST: usize = 64;

/// The panel.
pub(crate) struct Shape {
    /// How many directions are looked for.
    count: usize,
    /// The rows of w that they move, as `--layers` takes them; all when empty.
    layers: String,
    /// A file of directions.
    file: String,
    /// What is being found.
    finding: Option<Task<Vec<Move>>>,
    /// The slider that gets another name.
    renaming: Option<usize>,
    /// What went wrong last.
    error: Option<String>,
}

impl Default for Shape {
    fn default() -> Shape {
        Shape { count: 10, layers: String::new(), file: String::new(), finding: None, renaming: None, error: None }
    }
}

impl Panel for Shape {
    fn title(&self) -> &'static str {
        "Shape"
    }

    fn tick(&mut self, state: &mut State) {
        match self.finding.as_mut().and_then(Task::try_take) {
            None => return,
            Some(Ok(found)) => state.wish.moves.extend(found),
            Some(Err(error)) => self.error = Some(error.to_string()),
        }
        self.finding = None;
    }

    fn network_changed(&mut self, _: &mut State) {
        (self.finding, self.renaming, self.error) = (None, None, None);
    }

    fn ui(&mut self, ui: &mut egui::Ui, state: &mut State) {
        ui.horizontal_wrapped(|ui| {
            let idle = self.finding.is_none();
            ui.label("Directions");
            named(ui.add(egui::DragValue::new(&mut self.count).range(1..=64)), Role::SpinButton, "Number of directions");
            let field = egui::TextEdit::singleline(&mut self.layers).hint_text("all layers").desired_width(90.0);
            named(ui.add(field), Role::TextInput, "Layers of the directions").on_hover_text("as 0-6, coarse, middle, fine, b8.conv0");
            for (method, text, name) in
                [(Method::Pca, "PCA", "Find directions by PCA of w"), (Method::Sefa, "SeFa", "Find directions by SeFa in the weights")]
            {
                if button(ui, idle, text, name) {
                    self.find(state, method);
                }
            }
        });
        ui.horizontal_wrapped(|ui| {
            let field = egui::TextEdit::singleline(&mut self.file).hint_text("FILE[:KEY]").desired_width(160.0);
            named(ui.add(field), Role::TextInput, "File of directions");
            if button(ui, self.finding.is_none() && !self.file.is_empty(), "Load", "Load directions from the file") {
                self.load(state);
            }
            let wish = &mut state.wish;
            if button(ui, wish.moves.iter().any(|step| step.strength != 0.0), "Reset all", "Reset all sliders") {
                wish.moves.iter_mut().for_each(|step| step.strength = 0.0);
            }
        });
        if self.finding.as_ref().is_some_and(|task| task.bar(ui)) {
            self.finding = None;
        }
        trouble(ui, self.error.as_deref());
        let mut gone = None;
        for (i, step) in state.wish.moves.iter_mut().enumerate() {
            ui.horizontal(|ui| {
                self.slider(ui, i, step);
                if button(ui, true, "x", &format!("Remove {}", step.name)) {
                    gone = Some(i);
                }
            });
        }
        if let Some(gone) = gone {
            state.wish.moves.remove(gone);
            self.renaming = None;
        }
    }
}

impl Shape {
    fn slider(&mut self, ui: &mut egui::Ui, i: usize, step: &mut Move) {
        let sigma = if step.sigma > 0.0 { step.sigma } else { 1.0 };
        let mut value = step.strength / sigma;
        let range = -MOST_SIGMA..=MOST_SIGMA;
        let response = ui.add(egui::Slider::new(&mut value, range).step_by(0.01).suffix(" \u{3c3}"));
        if response.changed() {
            // As `edit --strength VALUE` multiplies it, bit for bit.
            step.strength = sigma * value;
        }
        named(response, Role::Slider, &step.name);
        if self.renaming == Some(i) {
            let field = ui.add(egui::TextEdit::singleline(&mut step.name).desired_width(110.0));
            let done = field.lost_focus();
            named(field, Role::TextInput, "New name");
            if done {
                self.renaming = None;
            }
        } else if button(ui, true, &step.name, &format!("Rename {}", step.name)) {
            self.renaming = Some(i);
        }
        if button(ui, step.strength != 0.0, "0", &format!("Reset {}", step.name)) {
            step.strength = 0.0;
        }
    }

    /// The chosen rows of w.
    fn rows(&self, model: &Model) -> Result<Vec<usize>, ViewError> {
        match self.layers.trim() {
            "" => Ok((0..model.config.num_ws()).collect()),
            layers => Ok(layers.parse::<Layers>().map_err(ViewError::Wrong)?.rows("layers", &model.config)?),
        }
    }

    fn find(&mut self, state: &State, method: Method) {
        let Some(model) = state.network().map(|network| network.model.clone()) else { return };
        let rows = match self.rows(&model) {
            Ok(rows) => rows,
            Err(error) => return self.error = Some(error.to_string()),
        };
        self.error = None;
        let (count, class) = (self.count.min(model.config.w_dim()), state.wish.class_of(&model.config));
        let title = if method == Method::Pca { "PCA" } else { "SeFa" };
        self.finding = state.order("looking for directions", move |hand, reporter| {
            let axes = Axes::find(hand.generator().gpu(), &model, method, (&rows, count), class, &mut |part| reporter.report(part))?;
            let layers = (rows.len() < model.config.num_ws()).then_some(rows);
            let directions = axes.directions.values.chunks_exact(model.config.w_dim()).zip(&axes.sigma.values);
            let step = |(i, (direction, &sigma)): (usize, (&[f32], &f32))| Move {
                name: format!("{title} {i}"),
                direction: direction.to_vec().into(),
                strength: 0.0,
                sigma,
                layers: layers.clone(),
            };
            Ok(directions.enumerate().map(step).collect())
        });
    }

    fn load(&mut self, state: &State) {
        self.error = None;
        let Some(model) = state.network().map(|network| network.model.clone()) else { return };
        let text = self.file.trim().to_owned();
        let (sizes, class) = (Sizes::of(&model.config), state.wish.class_of(&model.config));
        self.finding = state.order("reading directions", move |hand, reporter| {
            let found = read(&text, sizes)?;
            // A file that says no deviation gets that of w along it.
            let mut told = |done: usize| reporter.report(done as f32 / SAMPLES as f32);
            let w = match found.iter().all(|(_, direction)| direction.sigma.is_some()) {
                true => Vec::new(),
                false => samples(hand.generator().gpu(), &model, Draw { seed: 123, count: SAMPLES, class }, &mut told)?,
            };
            let step = |(name, direction): (String, Direction)| {
                let sigma = direction.sigma.unwrap_or_else(|| direction.spread(&w, sizes.w_dim));
                Move { name, direction: direction.rows.into(), strength: 0.0, sigma, layers: direction.layers }
            };
            Ok(found.into_iter().map(step).collect())
        });
    }
}

/// The directions of `FILE` or `FILE:KEY`: where the file has many and no key says which, all of them.
fn read(text: &str, sizes: Sizes) -> Result<Vec<(String, Direction)>, ViewError> {
    let source: Source = text.parse().map_err(ViewError::Wrong)?;
    let (path, key, bytes) = source.read();
    let failed = |error: VectorError| ViewError::Vectors(path.clone(), error);
    let bytes = bytes.map_err(failed)?;
    let file = VectorFile::open(&bytes).map_err(failed)?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let name = |key: Option<&str>| key.map_or(stem.to_string(), |key| format!("{stem} {key}"));
    let one = |key: Option<&str>| Direction::read(&file, key, sizes).map(|direction| (name(key), direction));
    match one(key) {
        Err(VectorError::Number { n }) => {
            let key = |i: usize| key.map_or(i.to_string(), |key| format!("{key}:{i}"));
            (0..n.min(MOST)).map(|i| one(Some(&key(i)))).collect::<Result<_, _>>().map_err(failed)
        }
        found => Ok(vec![found.map_err(failed)?]),
    }
}

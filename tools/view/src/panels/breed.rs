//! Breeding: eight children of the picture, one of which becomes the next parent; and favourites, which know what they came of.

use std::path::PathBuf;
use std::sync::Arc;

use eframe::egui::{self, Role};
use stylegan_studio::vectors::favourites::Favourites;
use stylegan_studio::vectors::{Axes, Breeding, Method};
use stylegan_wgpu::Ws;

use super::Panel;
use super::parts::{Sketch, button, image, named, trouble};
use crate::state::State;
use crate::tasks::Task;
use crate::wish::{Rows, Source, Wish};

/// Children of a litter.
const CHILDREN: usize = 8;
/// Axes along which children differ: those of the largest deviation.
const AXES: usize = 64;
/// Pixels of a child's picture.
const SIDE: usize = 128;

/// The panel.
pub(crate) struct Breed {
    /// What w does; found when it is needed first.
    axes: Option<Arc<Axes>>,
    breeding: Option<Task<(Arc<Axes>, Vec<Wish>)>>,
    /// Whose the litter is.
    parent: Option<Wish>,
    children: Vec<(Wish, Sketch)>,
    /// Of the first child.
    seed: u32,
    /// In standard deviations.
    strength: f32,
    /// A favourite that the rows are mixed with.
    second: Option<u64>,
    /// A picture, and the favourites that it came of.
    lineage: Option<(Wish, Vec<u64>)>,
    /// Parents before this one, with the same.
    before: Vec<(Wish, Vec<u64>)>,
    favourites: Favourites,
    /// Where they are kept, and whether it was looked there.
    path: Option<PathBuf>,
    read: bool,
    keeping: Option<(Wish, Task<Ws>)>,
    /// The network's, when it is known: hashing a large one takes longer than a frame.
    sha256: Option<String>,
    hashing: Option<Task<String>>,
    name: String,
    error: Option<String>,
}

impl Default for Breed {
    fn default() -> Breed {
        Breed::new(None)
    }
}

impl Breed {
    /// With the favourites of a file, which are written there at every change; without one they are gone with the window.
    pub(crate) fn new(path: Option<PathBuf>) -> Breed {
        let (favourites, error) = match path.as_deref().map(Favourites::read) {
            None => (Favourites::default(), None),
            Some(Ok(favourites)) => (favourites, None),
            Some(Err(error)) => (Favourites::default(), Some(error.to_string())),
        };
        let at = path.as_deref().map(|path| path.display().to_string()).unwrap_or_default();
        // A file that cannot be read is somebody's, and is not written over.
        let path = path.filter(|_| error.is_none());
        Breed {
            axes: None,
            breeding: None,
            parent: None,
            children: Vec::new(),
            seed: 0,
            strength: 0.5,
            second: None,
            lineage: None,
            before: Vec::new(),
            favourites,
            path,
            read: false,
            keeping: None,
            sha256: None,
            hashing: None,
            name: String::new(),
            error: error.map(|error| format!("{at}: {error}; new favourites are not kept")),
        }
    }

    /// The favourites that a picture came of, if it is known.
    fn of(&self, wish: &Wish) -> Vec<u64> {
        let known = self.lineage.as_ref().filter(|(known, _)| same_rows(known, wish));
        known.map(|(_, of)| of.clone()).unwrap_or_default()
    }
}

impl Panel for Breed {
    fn title(&self) -> &'static str {
        "Breeding"
    }

    fn tick(&mut self, state: &mut State) {
        if !self.read {
            let path = state.options.memory.as_ref().map(|path| path.with_file_name("favourites.json"));
            *self = Breed { read: true, ..Breed::new(path) };
        }
        self.take();
    }

    fn network_changed(&mut self, _: &mut State) {
        let (favourites, path, error) = (std::mem::take(&mut self.favourites), self.path.take(), self.error.take());
        *self = Breed { favourites, path, error, read: self.read, ..Breed::new(None) };
    }

    fn ui(&mut self, ui: &mut egui::Ui, state: &mut State) {
        ui.horizontal_wrapped(|ui| {
            let response = ui.add(egui::Slider::new(&mut self.strength, 0.0..=1.5).step_by(0.05).suffix(" \u{3c3}"));
            let moved = response.drag_stopped() || (response.changed() && !response.dragged());
            named(response, Role::Slider, "How far children differ");
            if moved && self.parent.is_some() {
                self.breed(state);
            }
            if button(ui, self.breeding.is_none(), "Breed", "Breed eight children of this picture") {
                self.parent = Some(state.wish.clone());
                self.seed = self.seed.wrapping_add(CHILDREN as u32);
                self.breed(state);
            }
            if button(ui, !self.before.is_empty(), "Back", "Back to the parent before")
                && let Some((parent, of)) = self.before.pop()
            {
                state.wish.clone_from(&parent);
                self.lineage = Some((parent.clone(), of));
                self.parent = Some(parent);
                self.breed(state);
            }
        });
        if self.breeding.as_ref().is_some_and(|task| task.bar(ui)) {
            self.breeding = None;
        }
        if let Some(child) = self.litter(ui, state) {
            let parent = self.parent.take().unwrap_or_else(|| state.wish.clone());
            let of = self.of(&parent);
            let mut both: Vec<u64> = of.iter().copied().chain(self.second).collect();
            both.dedup();
            both.truncate(2);
            self.before.push((parent, of));
            state.wish.clone_from(&child);
            self.lineage = Some((child.clone(), both));
            self.parent = Some(child);
            self.seed = self.seed.wrapping_add(CHILDREN as u32);
            self.breed(state);
        }
        ui.separator();
        self.list(ui, state);
        trouble(ui, self.error.as_deref());
    }
}

impl Breed {
    /// The children; gives the one that was chosen.
    fn litter(&mut self, ui: &mut egui::Ui, state: &State) -> Option<Wish> {
        let mut chosen = None;
        egui::Grid::new("children").num_columns(4).spacing([4.0, 4.0]).show(ui, |ui| {
            for (i, (child, sketch)) in self.children.iter_mut().enumerate() {
                let name = format!("Child {}", i + 1);
                sketch.update(state, &name, child, SIDE);
                let response = match sketch.texture() {
                    Some(texture) => ui.add(egui::Button::image(image(texture, 84.0))),
                    None => ui.add_sized([84.0, 84.0], egui::Button::new("...")),
                };
                if named(response, Role::Button, &name).on_hover_text(sketch.error().unwrap_or(&name)).clicked() {
                    chosen = Some(child.clone());
                }
                if i % 4 == 3 {
                    ui.end_row();
                }
            }
        });
        chosen
    }

    fn list(&mut self, ui: &mut egui::Ui, state: &mut State) {
        let Some(network) = self.sha256.clone() else {
            if self.hashing.is_none() {
                self.hashing = state.order("looking at the network", |hand, _| Ok(hand.network().sha256().to_owned()));
            }
            return;
        };
        ui.horizontal_wrapped(|ui| {
            let field = egui::TextEdit::singleline(&mut self.name).hint_text("name").desired_width(120.0);
            named(ui.add(field), Role::TextInput, "Name of the favourite");
            if button(ui, self.keeping.is_none(), "Keep", "Keep this picture as a favourite") {
                let kept = state.wish.clone();
                let task = state.order("rows of w", move |hand, _| Ok(hand.ws(&kept)?));
                self.keeping = task.map(|task| (state.wish.clone(), task));
            }
        });
        let (mut gone, mut drawn) = (None, None);
        for item in self.favourites.items().iter().filter(|item| item.network == network) {
            ui.horizontal_wrapped(|ui| {
                let (id, name) = (item.id, &item.name);
                if button(ui, true, &format!("{id} {name}"), &format!("Draw favourite {id}, {name}")) {
                    drawn = Some((id, Wish { source: rows(name, &item.ws), mixes: Vec::new(), moves: Vec::new(), ..state.wish.clone() }));
                }
                let mut second = self.second == Some(id);
                if named(ui.checkbox(&mut second, "2nd"), Role::CheckBox, &format!("Favourite {id} is the second parent")).changed() {
                    self.second = second.then_some(id);
                }
                if button(ui, true, "x", &format!("Remove favourite {id}")) {
                    gone = Some(id);
                }
                let lineage: Vec<String> = self.favourites.ancestors(id).iter().map(|item| format!("{} {}", item.id, item.name)).collect();
                if !lineage.is_empty() {
                    ui.label(format!("of {}", lineage.join(", ")));
                }
            });
        }
        if let Some((id, favourite)) = drawn {
            state.wish.clone_from(&favourite);
            self.lineage = Some((favourite, vec![id]));
        }
        if let Some(gone) = gone {
            self.favourites.remove(gone);
            self.second = self.second.filter(|second| *second != gone);
            self.keep();
        }
    }

    /// Writes the favourites.
    fn keep(&mut self) {
        let Some(path) = &self.path else { return };
        let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(|error| error.to_string());
        self.error = folder.and_then(|()| self.favourites.write(path).map_err(|error| error.to_string())).err();
    }

    /// Has children of the parent bred.
    fn breed(&mut self, state: &State) {
        let (Some(parent), Some(network)) = (self.parent.clone(), state.network()) else { return };
        let (axes, seed, strength) = (self.axes.clone(), self.seed, self.strength);
        let second = self.second.and_then(|id| self.favourites.get(id)).map(|item| item.ws.clone());
        let model = network.model.clone();
        let class = parent.class_of(&model.config);
        self.children.clear();
        self.breeding = state.order("looking how w varies", move |hand, reporter| {
            let axes = match axes {
                Some(axes) => axes,
                None => {
                    let (all, count) = ((0..model.config.num_ws()).collect::<Vec<_>>(), AXES.min(model.config.w_dim()));
                    let gpu = hand.generator().gpu();
                    Arc::new(Axes::find(gpu, &model, Method::Pca, (&all, count), class, &mut |part| reporter.report(part))?)
                }
            };
            let ws = hand.ws(&parent)?;
            let breeding = Breeding { axes: &axes, strength, seed };
            let child = |k: usize| {
                let ws = breeding.child(k as u32, &ws, second.as_ref())?;
                let source = rows(&format!("child {}", seed as usize + k), &ws);
                Ok(Wish { source, mixes: Vec::new(), moves: Vec::new(), ..parent.clone() })
            };
            let children = (0..CHILDREN).map(child).collect::<Result<_, stylegan_wgpu::Error>>()?;
            Ok((axes, children))
        });
    }

    /// What is there.
    fn take(&mut self) {
        if let Some(outcome) = self.breeding.as_mut().and_then(Task::try_take) {
            self.breeding = None;
            match outcome {
                Ok((axes, children)) => {
                    self.axes = Some(axes);
                    self.children = children.into_iter().map(|wish| (wish, Sketch::default())).collect();
                }
                Err(error) => self.error = Some(error.to_string()),
            }
        }
        if let Some(outcome) = self.hashing.as_mut().and_then(Task::try_take) {
            self.hashing = None;
            self.sha256 = outcome.ok();
        }
        let Some(outcome) = self.keeping.as_mut().and_then(|(_, task)| task.try_take()) else { return };
        match (outcome, self.keeping.take().zip(self.sha256.clone())) {
            (Ok(ws), Some(((wish, _), network))) => {
                let name = if self.name.trim().is_empty() { "favourite".to_owned() } else { std::mem::take(&mut self.name) };
                let of = self.of(&wish);
                let id = self.favourites.add(&name, &network, ws, &of);
                self.lineage = Some((wish, vec![id]));
                self.keep();
            }
            (Err(error), _) => self.error = Some(error.to_string()),
            (Ok(_), None) => {}
        }
    }
}

/// Whether two wishes have the same rows of w, whatever else they look like.
fn same_rows(a: &Wish, b: &Wish) -> bool {
    let truncated = |wish: &Wish| (wish.psi, wish.cutoff, wish.class);
    (&a.source, &a.mixes, &a.moves) == (&b.source, &b.mixes, &b.moves)
        && (matches!(a.source, Source::Rows(_)) || truncated(a) == truncated(b))
}

/// Rows of w as a place to be drawn.
pub(crate) fn rows(name: &str, ws: &Ws) -> Source {
    Source::Rows(Rows { name: name.into(), values: ws.values.clone().into() })
}

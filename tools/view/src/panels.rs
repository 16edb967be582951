//! What is beside the picture: a file for each panel.

use eframe::egui;

use crate::state::State;

mod breed;
mod files;
mod inside;
mod look;
mod mixing;
mod pad;
mod parts;
mod shape;
mod timeline;

/// A part of the window with controls.
pub(crate) trait Panel {
    /// The name on its tab; no two are alike.
    fn title(&self) -> &'static str;

    /// Its controls.
    fn ui(&mut self, ui: &mut egui::Ui, state: &mut State);

    /// Once a frame, whether it is shown or not: outcomes of tasks, what moves by itself.
    fn tick(&mut self, _state: &mut State) {}

    /// Its keys, which work whether it is shown or not.
    fn keys(&self) -> &'static [Key] {
        &[]
    }

    /// The key of that place in [`Panel::keys`] was pressed.
    fn pressed(&mut self, _key: usize, _state: &mut State) {}

    /// Another network is there: what belongs to the one before is to be forgotten.
    fn network_changed(&mut self, _state: &mut State) {}

    /// What is remembered until the next start, if anything.
    fn save(&self) -> Option<String> {
        None
    }

    /// What [`Panel::save`] gave; another version of this program may have written it.
    fn load(&mut self, _text: &str) {}
}

/// A key, and what it does, for the help.
pub(crate) struct Key {
    /// Which.
    pub(crate) shortcut: egui::KeyboardShortcut,
    /// What it does, in a few words.
    pub(crate) does: &'static str,
}

/// A key without others held.
pub(crate) const fn plain(key: egui::Key, does: &'static str) -> Key {
    Key { shortcut: egui::KeyboardShortcut::new(egui::Modifiers::NONE, key), does }
}

/// A key with Ctrl, or Cmd on a Mac.
pub(crate) const fn command(key: egui::Key, does: &'static str) -> Key {
    Key { shortcut: egui::KeyboardShortcut::new(egui::Modifiers::COMMAND, key), does }
}

/// The tab on which files are opened.
pub(crate) const FILES: &str = "Files";

/// A tab, and the panels that are on it from top to bottom.
pub(crate) struct Tab {
    pub(crate) title: &'static str,
    pub(crate) panels: Vec<Box<dyn Panel>>,
}

/// All tabs, in the order of their keys 1, 2, ...
pub(crate) fn all() -> Vec<Tab> {
    let tab = |title, panels| Tab { title, panels };
    vec![
        tab("Live", vec![Box::<pad::Pad>::default(), Box::<look::Looks>::default()]),
        tab("Shape", vec![Box::<shape::Shape>::default(), Box::<mixing::Mixing>::default()]),
        tab("Breed", vec![Box::<breed::Breed>::default()]),
        tab("Timeline", vec![Box::<timeline::Film>::default()]),
        tab("Inside", vec![Box::<inside::Activations>::default(), Box::<inside::Passes>::default(), Box::<inside::Bench>::default()]),
        tab(FILES, vec![Box::<files::Files>::default()]),
    ]
}

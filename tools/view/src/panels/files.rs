//! Files: networks, pictures and rows of w in; pictures, sheets and rows of w out.

use std::path::PathBuf;

use eframe::egui;

use super::{Key, Panel, command};
use crate::error::ViewError;
use crate::export::{self, Manner, Written};
use crate::state::State;
use crate::tasks::Task;

/// Columns and rows of a sheet.
const SHEET: (usize, usize) = (4, 4);

/// The panel.
#[derive(Default)]
pub(crate) struct Files {
    to_open: String,
    folder: String,
    saving: Option<Task<Written>>,
    saved: Option<Written>,
}

const KEYS: [Key; 3] = [
    command(egui::Key::S, "save the picture"),
    command(egui::Key::G, "save a sheet of sixteen"),
    command(egui::Key::E, "save the rows of w"),
];

/// What is written.
#[derive(Clone, Copy, PartialEq)]
enum What {
    Picture,
    Sheet,
    Rows,
}

impl Panel for Files {
    fn title(&self) -> &'static str {
        "Files"
    }

    fn keys(&self) -> &'static [Key] {
        &KEYS
    }

    fn pressed(&mut self, key: usize, state: &mut State) {
        self.save_as([What::Picture, What::Sheet, What::Rows][key], state);
    }

    fn tick(&mut self, state: &mut State) {
        let Some(outcome) = self.saving.as_mut().and_then(Task::try_take) else { return };
        self.saving = None;
        match outcome {
            Ok(written) => {
                let names: Vec<String> = written.files.iter().map(|file| file.display().to_string()).collect();
                state.say(format!("wrote {}", names.join(" and ")));
                self.saved = Some(written);
            }
            Err(error) => state.trouble(&error),
        }
    }

    fn ui(&mut self, ui: &mut egui::Ui, state: &mut State) {
        ui.heading("Open");
        ui.label("A checkpoint of any known kind, a picture that this program drew, or rows of w. Or drop a file on the window.");
        let label = ui.label("File to open");
        let edit = ui.add(egui::TextEdit::singleline(&mut self.to_open).desired_width(f32::INFINITY)).labelled_by(label.id);
        if std::mem::take(&mut state.focus_open) {
            edit.request_focus();
        }
        let entered = edit.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
        if (ui.button("Open file").clicked() || entered) && !self.to_open.trim().is_empty() {
            state.open(self.to_open.trim().into());
        }
        if state.options.builtin.is_some() && ui.button("Open the built-in avatars").clicked() {
            state.open_builtin();
        }
        recent(ui, state);

        ui.separator();
        ui.heading("Save");
        let label = ui.label("Folder to save into");
        ui.add(egui::TextEdit::singleline(&mut self.folder).hint_text("the current folder").desired_width(f32::INFINITY))
            .labelled_by(label.id);
        ui.horizontal_wrapped(|ui| {
            for (what, name) in [(What::Picture, "Save picture"), (What::Sheet, "Save sheet"), (What::Rows, "Save rows of w")] {
                if ui.add_enabled(self.saving.is_none(), egui::Button::new(name)).clicked() {
                    self.save_as(what, state);
                }
            }
        });
        if self.saving.as_ref().is_some_and(|saving| saving.bar(ui)) {
            self.saving = None;
        }
        if let Some(command) = self.saved.as_ref().and_then(|saved| saved.command.as_ref()) {
            ui.label("What was saved is drawn again by:");
            ui.monospace(command);
            if ui.button("Copy command").clicked() {
                ui.ctx().copy_text(command.clone());
            }
        }
    }

    fn save(&self) -> Option<String> {
        Some(self.folder.clone())
    }

    fn load(&mut self, text: &str) {
        self.folder = text.into();
    }
}

fn recent(ui: &mut egui::Ui, state: &mut State) {
    if state.recent.is_empty() {
        return;
    }
    ui.label("Recent networks");
    let mut chosen = None;
    for path in &state.recent {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if ui.link(name).on_hover_text(path.display().to_string()).clicked() {
            chosen = Some(path.clone());
        }
    }
    if let Some(path) = chosen {
        state.open(path);
    }
}

impl Files {
    fn save_as(&mut self, what: What, state: &mut State) {
        if self.saving.is_some() {
            return;
        }
        let wish = state.wish.clone();
        let folder = PathBuf::from(self.folder.trim());
        let manner = Manner { precision: state.options.precision, tuned: state.options.tuning.is_some() };
        let task = state.order("drawing", move |hand, reporter| {
            let failed = |error| ViewError::File(folder.clone(), error);
            if !folder.as_os_str().is_empty() {
                std::fs::create_dir_all(&folder).map_err(failed)?;
            }
            let stem = wish.source.seed().map_or("picture".into(), |seed| format!("seed{seed:04}"));
            match what {
                What::Picture => export::picture(hand, &wish, &folder.join(free(&folder, &stem, "png")), manner, reporter),
                What::Sheet => {
                    let path = folder.join(free(&folder, &format!("{stem}-sheet"), "png"));
                    export::sheet(hand, &export::around(&wish, SHEET.0 * SHEET.1), SHEET, &path, manner, reporter)
                }
                What::Rows => {
                    let path = folder.join(free(&folder, &stem, "npz"));
                    export::save_ws(&path, &hand.ws(&wish)?)?;
                    Ok(Written { files: vec![path], command: None })
                }
            }
        });
        match task {
            Some(task) => self.saving = Some(task),
            None => state.trouble(&ViewError::Wrong("there is no network on the device yet".into())),
        }
    }
}

/// A name under which nothing is there, with either ending: nothing is written over.
fn free(folder: &std::path::Path, stem: &str, extension: &str) -> String {
    let taken = |stem: &str| ["png", "npz"].iter().any(|end| folder.join(format!("{stem}.{end}")).exists());
    let numbered = (2..).map(|n| format!("{stem}-{n}"));
    let stem = std::iter::once(stem.to_owned()).chain(numbered).find(|stem| !taken(stem)).unwrap_or_else(|| stem.to_owned());
    format!("{stem}.{extension}")
}

//! The timeline: keyframes, playback, and the film of them.

use std::path::PathBuf;
use std::time::Instant;

use eframe::egui::{self, Role};
use stylegan_wgpu::Gpu;
use stylegan_wgpu::latent::{Interpolation, Ws};

use super::Panel;
use super::breed::rows;
use super::parts::{button, named, trouble};
use crate::error::ViewError;
use crate::export::{self, Manner};
use crate::film::Take;
use crate::state::State;
use crate::tasks::Task;
use crate::timeline::{Keyframe, Timeline};

/// The panel.
#[derive(Default)]
pub(crate) struct Film {
    line: Timeline,
    adding: Option<(String, Task<Ws>)>,
    played: Option<Instant>,
    /// Where the film goes.
    file: String,
    /// Pixels of its longer side; 0 is as the network draws.
    size: u32,
    /// The device, which the film is drawn on.
    starting: Option<Task<Gpu>>,
    shooting: Option<Task<PathBuf>>,
    error: Option<String>,
}

impl Panel for Film {
    fn title(&self) -> &'static str {
        "Timeline"
    }

    fn network_changed(&mut self, _: &mut State) {
        self.line.clear();
        (self.adding, self.starting) = (None, None);
    }

    fn tick(&mut self, state: &mut State) {
        if let Some(outcome) = self.adding.as_mut().and_then(|(_, task)| task.try_take()) {
            let name = self.adding.take().map_or_else(String::new, |(name, _)| name);
            match outcome {
                Ok(ws) => self.line.add(Keyframe { name, ws }),
                Err(error) => self.error = Some(error.to_string()),
            }
        }
        if let Some(outcome) = self.starting.as_mut().and_then(Task::try_take) {
            self.starting = None;
            match outcome.and_then(|gpu| self.shoot(state, gpu)) {
                Ok(task) => self.shooting = Some(task),
                Err(error) => self.error = Some(error.to_string()),
            }
        }
        if let Some(outcome) = self.shooting.as_mut().and_then(Task::try_take) {
            self.shooting = None;
            match outcome {
                Ok(path) => state.say(format!("{} is written, and its keyframes beside it", path.display())),
                Err(error) => state.trouble(&error),
            }
        }
        self.play(state);
    }

    fn ui(&mut self, ui: &mut egui::Ui, state: &mut State) {
        ui.horizontal_wrapped(|ui| {
            if button(ui, self.adding.is_none(), "Add", "Add this picture as a keyframe") {
                let name = state.wish.source.seed().map_or_else(|| format!("{}", self.line.keyframes().len() + 1), |seed| seed.to_string());
                let added = state.wish.clone();
                self.adding = state.order("a keyframe", move |hand, _| Ok(hand.ws(&added)?)).map(|task| (name, task));
            }
            let some = !self.line.keyframes().is_empty();
            if button(ui, some, "<", "Move the keyframe earlier") {
                self.line.shift(false);
            }
            if button(ui, some, ">", "Move the keyframe later") {
                self.line.shift(true);
            }
            if button(ui, some, "x", "Remove the keyframe") {
                self.line.remove();
            }
            if button(ui, some, "Clear", "Remove all keyframes") {
                self.line.clear();
            }
            let text = if self.line.playing { "Pause" } else { "Play" };
            if button(ui, self.line.keyframes().len() > 1, text, text) {
                self.line.playing = !self.line.playing;
            }
        });
        self.keyframes(ui, state);
        let frames = self.line.frames();
        let mut position = self.line.position();
        let slider = egui::Slider::new(&mut position, 0.0..=frames.max(1) as f64).show_value(false);
        if named(ui.add_enabled(frames > 0, slider), Role::Slider, "Frame").changed() {
            self.line.playing = false;
            self.line.seek(position.min(frames.saturating_sub(1) as f64));
            let ws = self.line.here();
            self.wish(ws, state);
        }
        self.manner(ui);
        self.film(ui, state);
        trouble(ui, self.error.as_deref());
    }
}

impl Film {
    fn play(&mut self, state: &mut State) {
        let now = Instant::now();
        let Some(since) = self.played.replace(now).filter(|_| self.line.playing) else {
            self.played = self.line.playing.then_some(now);
            return;
        };
        state.context.request_repaint();
        if !state.is_answered() {
            // As in a walk, no frame is skipped that takes longer than its time.
            self.played = Some(since);
            return;
        }
        let ws = self.line.play((now - since).as_secs_f64().min(0.25));
        self.wish(ws, state);
    }

    fn keyframes(&mut self, ui: &mut egui::Ui, state: &mut State) {
        let mut chosen = None;
        ui.horizontal_wrapped(|ui| {
            for (i, keyframe) in self.line.keyframes().iter().enumerate() {
                let response = ui.selectable_label(i == self.line.chosen, &keyframe.name);
                if named(response, Role::Button, &format!("Keyframe {}, {}", i + 1, keyframe.name)).clicked() {
                    chosen = Some(i);
                }
            }
        });
        if let Some(chosen) = chosen {
            self.line.chosen = chosen;
            self.line.playing = false;
            self.line.seek(chosen as f64 * f64::from(self.line.step));
            let ws = self.line.here();
            self.wish(ws, state);
        }
    }

    /// Draws rows of w of the path.
    fn wish(&mut self, ws: stylegan_wgpu::Result<Option<Ws>>, state: &mut State) {
        match ws {
            Ok(None) => {}
            Ok(Some(ws)) => {
                state.wish.source = rows("timeline", &ws);
                state.wish.mixes.clear();
                state.wish.moves.iter_mut().for_each(|step| step.strength = 0.0);
            }
            Err(error) => self.error = Some(error.to_string()),
        }
    }

    fn manner(&mut self, ui: &mut egui::Ui) {
        ui.horizontal_wrapped(|ui| {
            ui.label("Frames between");
            let step = ui.add(egui::DragValue::new(&mut self.line.step).range(1..=10_000));
            named(step, Role::SpinButton, "Frames from a keyframe to the next");
            ui.label("per second");
            named(ui.add(egui::DragValue::new(&mut self.line.fps).range(1..=240)), Role::SpinButton, "Frames per second");
            for (kind, text) in [(Interpolation::Cubic, "Cubic"), (Interpolation::Linear, "Linear")] {
                ui.radio_value(&mut self.line.interpolation, kind, text);
            }
        });
        ui.label(format!("{} frames, {:.1} s", self.line.frames(), self.line.frames() as f64 / f64::from(self.line.fps.max(1))));
    }

    fn film(&mut self, ui: &mut egui::Ui, state: &State) {
        ui.horizontal_wrapped(|ui| {
            let field = egui::TextEdit::singleline(&mut self.file).hint_text("film.mp4, .webp, .gif, .png").desired_width(180.0);
            named(ui.add(field), Role::TextInput, "File of the film");
            let size = ui.add(egui::DragValue::new(&mut self.size).range(0..=4096).suffix(" px"));
            named(size, Role::SpinButton, "Longer side of the film in pixels, 0 as drawn");
            let idle = self.starting.is_none() && self.shooting.is_none();
            let ready = idle && !self.line.keyframes().is_empty() && !self.file.trim().is_empty();
            if button(ui, ready, "Render", "Render the film") {
                self.error = None;
                self.starting = state.order("rendering the film", |hand, _| Ok(hand.generator().gpu().clone()));
            }
        });
        if self.shooting.as_ref().is_some_and(|task| task.bar(ui)) {
            self.shooting = None;
        }
    }

    /// Begins to shoot it.
    fn shoot(&mut self, state: &State, gpu: Gpu) -> Result<Task<PathBuf>, ViewError> {
        let path = PathBuf::from(self.file.trim());
        let (Some(keyframes), Some(network)) = (self.line.path()?.cloned(), state.network()) else {
            return Err(ViewError::Wrong("a film has keyframes".into()));
        };
        let config = &network.model.config;
        let values: Vec<f32> = self.line.keyframes().iter().flat_map(|keyframe| &keyframe.ws.values).copied().collect();
        let ws = Ws::new(keyframes.count(), config.num_ws(), config.w_dim(), values)?;
        let take = Take {
            keyframes,
            step: self.line.step as usize,
            fps: self.line.fps,
            size: (self.size > 0).then_some((self.size as usize).max(8)),
            look: state.wish.look(config)?,
            noise: state.wish.noise(),
            path: path.clone(),
            packet: None,
        };
        take.spec(config.image_size())?;
        let rows = path.with_extension("npz");
        let mut own = vec![
            ("grid", "1x1".into()),
            ("num-keyframes", ws.n.to_string()),
            ("w-frames", take.step.to_string()),
            ("fps", take.fps.to_string()),
            ("interpolation", if self.line.interpolation == Interpolation::Linear { "linear" } else { "cubic" }.to_string()),
        ];
        own.extend(take.size.map(|size| ("size", size.to_string())));
        let manner = Manner { precision: state.options.precision, tuned: state.options.tuning.is_some() };
        let dtype = state.facts().ok_or(ViewError::NoNetwork)?.dtype;
        let (network, options, wish) = (network.clone(), state.options.engine(), state.wish.clone());
        Ok(Task::spawn(format!("rendering {}", path.display()), &state.context, move |reporter| {
            // Made again by `stylegan video` of the keyframes beside it.
            export::save_ws(&rows, &ws)?;
            let name = rows.file_name().unwrap_or_default().to_string_lossy();
            let mut settings = export::settings(&network, &[wish], Some((&name, &ws)), manner, dtype);
            settings.command = "video".into();
            settings.flags.extend(own.into_iter().map(|(name, value)| (name.to_owned(), value)));
            Take { packet: settings.xmp(), ..take }.shoot(&gpu, &network.model, &options, reporter)?;
            Ok(path)
        }))
    }
}

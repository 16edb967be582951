//! Work that takes longer than a frame: on a thread of its own or on the painter's, with progress, and to be cancelled.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};

use eframe::egui;

use crate::error::ViewError;

/// Work that goes on. Dropped, it is cancelled.
pub struct Task<T> {
    label: String,
    shared: Arc<Shared>,
    outcome: Receiver<Result<T, ViewError>>,
}

#[derive(Default)]
struct Shared {
    /// f32 bits.
    progress: AtomicU32,
    begun: AtomicBool,
    cancelled: AtomicBool,
}

/// What the work has of its task.
#[derive(Clone)]
pub struct Reporter {
    shared: Arc<Shared>,
    context: egui::Context,
}

impl Reporter {
    /// Says how far it is, from 0 to 1.
    pub fn report(&self, progress: f32) {
        self.shared.progress.store(progress.to_bits(), Ordering::Relaxed);
        self.context.request_repaint();
    }

    /// Whether nobody waits for it any more.
    pub fn is_cancelled(&self) -> bool {
        self.shared.cancelled.load(Ordering::Relaxed)
    }
}

impl<T: Send + 'static> Task<T> {
    /// A task, and what has to be called for it on whichever thread, with what the work needs there.
    pub(crate) fn new<C>(
        label: impl Into<String>,
        context: &egui::Context,
        work: impl FnOnce(&mut C, &Reporter) -> Result<T, ViewError> + Send + 'static,
    ) -> (Task<T>, impl FnOnce(&mut C) + Send + 'static) {
        let shared: Arc<Shared> = Arc::default();
        let (sender, outcome): (SyncSender<Result<T, ViewError>>, _) = sync_channel(1);
        let reporter = Reporter { shared: shared.clone(), context: context.clone() };
        let run = move |with: &mut C| {
            reporter.shared.begun.store(true, Ordering::Relaxed);
            let outcome = if reporter.is_cancelled() { Err(ViewError::Cancelled) } else { work(with, &reporter) };
            // Fails where nobody waits.
            let _ = sender.send(outcome);
            reporter.context.request_repaint();
        };
        (Task { label: label.into(), shared, outcome }, run)
    }

    /// Begins on a thread of its own.
    pub fn spawn(
        label: impl Into<String>,
        context: &egui::Context,
        work: impl FnOnce(&Reporter) -> Result<T, ViewError> + Send + 'static,
    ) -> Task<T> {
        let (task, run) = Task::new(label, context, move |(): &mut (), reporter| work(reporter));
        std::thread::spawn(move || run(&mut ()));
        task
    }

    /// The outcome, once, if it is there; returns at once.
    pub fn try_take(&mut self) -> Option<Result<T, ViewError>> {
        match self.outcome.try_recv() {
            Ok(outcome) => Some(outcome),
            Err(TryRecvError::Empty) => None,
            // Work that has begun says how it ended, but when it panics; what waited for a painter that was closed never begins.
            Err(TryRecvError::Disconnected) if self.shared.begun.load(Ordering::Relaxed) => {
                Some(Err(ViewError::Wrong(format!("{}: it ended in the middle, which is a bug", self.label))))
            }
            Err(TryRecvError::Disconnected) => Some(Err(ViewError::Cancelled)),
        }
    }

    /// What it does, for people.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// How far it is, from 0 to 1.
    pub fn progress(&self) -> f32 {
        f32::from_bits(self.shared.progress.load(Ordering::Relaxed))
    }

    /// A bar with a button that cancels; true when it was pressed.
    pub fn bar(&self, ui: &mut egui::Ui) -> bool {
        ui.horizontal(|ui| {
            let cancelled = ui.button("Cancel").on_hover_text(&self.label).clicked();
            ui.add(egui::ProgressBar::new(self.progress()).text(&self.label));
            cancelled
        })
        .inner
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.shared.cancelled.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(mut task: Task<u32>) -> String {
        loop {
            match task.try_take() {
                Some(outcome) => return outcome.map_or_else(|error| error.to_string(), |value| value.to_string()),
                None => std::thread::yield_now(),
            }
        }
    }

    #[test]
    fn work_that_panics_is_no_work_that_was_cancelled() {
        let context = egui::Context::default();
        assert_eq!(outcome(Task::spawn("seven", &context, |_| Ok(7))), "7");
        let panics = Task::spawn("reading", &context, |_| panic!("on purpose"));
        assert_eq!(outcome(panics), "reading: it ended in the middle, which is a bug");
        let (never, run) = Task::new("waiting", &context, |(): &mut (), _| Ok(7));
        drop(run);
        assert_eq!(outcome(never), ViewError::Cancelled.to_string());
    }
}

//! What all panels share: the wish, the network, the painter, and what the window has to say.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use eframe::egui;
use eframe::egui_wgpu::RenderState;
use serde::{Deserialize, Serialize};
use stylegan_wgpu::{Config, Error};

use crate::Options;
use crate::error::ViewError;
use crate::hand::Hand;
use crate::loading::{self, Network, Opened};
use crate::painter::{Facts, News, Painter, Shown};
use crate::tasks::{Reporter, Task};
use crate::wish::{Source, Wish};

/// Files of the list "recent".
const MOST_RECENT: usize = 10;

/// What panels share.
pub struct State {
    /// The window's egui.
    pub context: egui::Context,
    /// The window's device.
    pub render: RenderState,
    /// What is to be drawn. Change it, and it is.
    pub wish: Wish,
    /// Networks that were open, the last first.
    pub recent: Vec<PathBuf>,
    /// What the window was opened with.
    pub options: Options,
    /// The field for a file to open is to be written into.
    pub(crate) focus_open: bool,
    /// The device is gone, and the window with it.
    pub(crate) is_lost: bool,
    network: Option<Arc<Network>>,
    facts: Option<Facts>,
    painter: Option<Painter>,
    loading: Option<Task<Opened>>,
    shown: Option<Shown>,
    wished: Option<(Wish, u64)>,
    message: Option<Message>,
    /// What wgpu has against the window's own calls: without a handler it would end the program.
    uncaptured: Arc<Mutex<Option<String>>>,
}

/// What the bar says.
pub(crate) struct Message {
    pub(crate) text: String,
    pub(crate) is_trouble: bool,
}

/// What is remembered until the next start.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Kept {
    pub(crate) wish: Wish,
    pub(crate) recent: Vec<PathBuf>,
    /// That was open, for a window that is opened anew.
    pub(crate) network: Option<PathBuf>,
    pub(crate) tab: usize,
    /// Of each panel, by its title.
    pub(crate) panels: Vec<(String, String)>,
}

impl State {
    pub(crate) fn new(context: &egui::Context, render: &RenderState, options: Options, kept: &Kept) -> State {
        let mut state = State {
            context: context.clone(),
            render: render.clone(),
            wish: kept.wish.clone(),
            recent: kept.recent.clone(),
            focus_open: false,
            is_lost: false,
            network: None,
            facts: None,
            painter: None,
            loading: None,
            shown: None,
            wished: None,
            message: None,
            uncaptured: Arc::default(),
            options,
        };
        let uncaptured = state.uncaptured.clone();
        render.device.on_uncaptured_error(Arc::new(move |error| {
            *uncaptured.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
        }));
        match state.options.network.clone() {
            Some(path) => state.open(path),
            None => state.open_builtin(),
        }
        state
    }

    /// Opens a file in the background: another network, a picture's settings, rows of w. What is there is drawn until it is ready.
    pub fn open(&mut self, path: PathBuf) {
        self.message = None;
        self.loading = Some(loading::open(path, self.network.clone(), &self.context));
    }

    /// Opens the network that is built in.
    pub fn open_builtin(&mut self) {
        self.message = None;
        self.loading = Some(loading::builtin(self.options.builtin, &self.context));
    }

    /// The network that is open.
    pub fn network(&self) -> Option<&Arc<Network>> {
        self.network.as_ref()
    }

    /// Its configuration.
    pub fn config(&self) -> Option<&Config> {
        self.network.as_ref().map(|network| &network.model.config)
    }

    /// What is known of it since it is on the device.
    pub fn facts(&self) -> Option<&Facts> {
        self.facts.as_ref()
    }

    /// The picture that is shown.
    pub fn shown(&self) -> Option<&Shown> {
        self.shown.as_ref()
    }

    /// Whether the picture that is shown is the wish, whole.
    pub fn is_settled(&self) -> bool {
        let settled = |shown: &Shown| {
            !shown.preview && self.wished.as_ref().is_some_and(|(wish, number)| *number == shown.number && *wish == self.wish)
        };
        self.shown.as_ref().is_some_and(settled)
    }

    /// Whether the last wish is on the screen, small or whole: the next of something that moves by itself may come.
    pub fn is_answered(&self) -> bool {
        let answered = |shown: &Shown| self.wished.as_ref().is_some_and(|(_, number)| *number == shown.number);
        self.shown.as_ref().is_some_and(answered)
    }

    /// Has work done with the network on the painter's thread, when there is no picture to draw; see [`Painter::order`]. None while there
    /// is no network on the device.
    pub fn order<T: Send + 'static>(
        &self,
        label: impl Into<String>,
        work: impl FnOnce(&mut Hand, &Reporter) -> Result<T, ViewError> + Send + 'static,
    ) -> Option<Task<T>> {
        self.painter.as_ref().filter(|_| self.facts.is_some()).map(|painter| painter.order(label, work))
    }

    /// Says what went wrong, until somebody closes the bar. What was cancelled is no trouble.
    pub fn trouble(&mut self, error: &ViewError) {
        if !matches!(error, ViewError::Cancelled) {
            self.message = Some(Message { text: stylegan_wgpu::internals::text::line(&error.to_string(), 400), is_trouble: true });
        }
    }

    /// Says something good to know.
    pub fn say(&mut self, text: impl Into<String>) {
        self.message = Some(Message { text: text.into(), is_trouble: false });
    }

    pub(crate) fn message(&self) -> Option<&Message> {
        self.message.as_ref()
    }

    pub(crate) fn dismiss(&mut self) {
        self.message = None;
    }

    pub(crate) fn loading(&self) -> Option<&Task<Opened>> {
        self.loading.as_ref()
    }

    pub(crate) fn cancel_loading(&mut self) {
        self.loading = None;
    }

    pub(crate) fn painter(&self) -> Option<&Painter> {
        self.painter.as_ref()
    }

    /// Takes what other threads have finished. True when another network has come.
    pub(crate) fn receive(&mut self) -> bool {
        let mut changed = false;
        if let Some(outcome) = self.loading.as_mut().and_then(Task::try_take) {
            self.loading = None;
            match outcome {
                Ok(Opened::Network(network)) => {
                    self.opened(network);
                    changed = true;
                }
                Ok(Opened::Wish(wish, says)) => {
                    self.wish = *wish;
                    self.say(says);
                }
                Ok(Opened::Rows(rows)) => {
                    self.say(format!("the rows of w of {}", rows.name));
                    self.wish.source = Source::Rows(rows);
                }
                Err(error) => self.trouble(&error),
            }
        }
        let uncaptured = self.uncaptured.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(text) = uncaptured {
            self.trouble(&ViewError::Window(text));
        }
        while let Some(news) = self.painter.as_mut().and_then(Painter::try_news) {
            match news {
                News::Ready(facts) => self.facts = Some(facts),
                News::Drawn(shown) => self.shown = Some(shown),
                News::Trouble(error) => {
                    self.is_lost |= matches!(error, ViewError::Engine(Error::Lost(_)));
                    self.trouble(&error);
                }
                News::Ended => {
                    // The message that is there says why.
                    self.painter = None;
                    self.facts = None;
                    if self.message.is_none() {
                        self.trouble(&ViewError::Wrong("the thread that draws has ended, which is a bug; open the network again".into()));
                    }
                }
            }
        }
        changed
    }

    fn opened(&mut self, network: Arc<Network>) {
        if let Some(path) = &network.path {
            let path = path.canonicalize().unwrap_or_else(|_| path.clone());
            self.recent.retain(|known| *known != path);
            self.recent.insert(0, path);
            self.recent.truncate(MOST_RECENT);
        }
        // What was made for another network's rows of w does not fit.
        let rows = network.model.config.num_ws();
        self.wish.mixes.retain(|mix| mix.layers.iter().all(|layer| *layer < rows));
        self.wish.moves.clear();
        if matches!(self.wish.source, Source::Rows(_)) {
            self.wish.source = Wish::default().source;
        }
        (self.facts, self.wished) = (None, None);
        self.painter = Some(Painter::new(&self.render, &self.context, network.clone(), self.options.engine()));
        self.network = Some(network);
    }

    /// Tells the painter what has changed.
    pub(crate) fn send(&mut self) {
        let Some(painter) = &mut self.painter else { return };
        if self.wished.as_ref().is_none_or(|(wish, _)| *wish != self.wish) {
            self.wished = Some((self.wish.clone(), painter.wish(&self.wish)));
        }
    }
}

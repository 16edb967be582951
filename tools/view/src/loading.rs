//! What is opened: networks, which are read or converted on a thread of their own; pictures that say how they were made; rows of w.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use eframe::egui;
use stylegan_studio::pictures::picture_settings::{self, Settings, public_name};
use stylegan_wgpu::Model;

use crate::again;
use crate::error::ViewError;
use crate::tasks::Task;
use crate::wish::{Rows, Source, Wish};

/// Names of files that hold arrays only.
const ARRAYS: [&str; 2] = ["npy", "npz"];

/// A network that can be drawn.
pub struct Network {
    /// Its file; none is the one that is built in.
    pub path: Option<PathBuf>,
    /// What is in it.
    pub model: Model,
    sha256: OnceLock<String>,
}

impl Network {
    /// Of what was read already.
    pub fn new(path: Option<PathBuf>, model: Model) -> Network {
        Network { path, model, sha256: OnceLock::new() }
    }

    /// For people.
    pub fn name(&self) -> String {
        self.file_name().unwrap_or_else(|| "built-in avatars".into())
    }

    /// As pictures name it: the file without its folder; none is the one that is built in.
    pub fn file_name(&self) -> Option<String> {
        self.path.as_ref().map(|path| public_name(&path.file_name().unwrap_or_default().to_string_lossy()))
    }

    /// As pictures name it; hashed the first time, which takes a while of a large one.
    pub fn sha256(&self) -> &str {
        self.sha256.get_or_init(|| stylegan_studio::drawing::sha256(&self.model))
    }
}

/// What a file was.
pub(crate) enum Opened {
    /// Another network.
    Network(Arc<Network>),
    /// A wish out of a picture, and what is to be said of it.
    Wish(Box<Wish>, String),
    /// Rows of w.
    Rows(Rows),
}

/// Opens the built-in network.
pub(crate) fn builtin(bytes: Option<&'static [u8]>, context: &egui::Context) -> Task<Opened> {
    Task::spawn("opening the built-in avatars", context, move |_| {
        let model = Model::from_bytes(bytes.ok_or(ViewError::NoNetwork)?.to_vec())?;
        Ok(Opened::Network(Arc::new(Network::new(None, model))))
    })
}

/// Opens a file of any known kind; `network` is the one that is open.
pub(crate) fn open(path: PathBuf, network: Option<Arc<Network>>, context: &egui::Context) -> Task<Opened> {
    let label = format!("opening {}", path.file_name().unwrap_or_default().to_string_lossy());
    Task::spawn(label, context, move |reporter| {
        if let Some(settings) = settings(&path)? {
            let network = network.ok_or(ViewError::NoNetwork)?;
            return of_picture(&path, &settings, &network);
        }
        let is_array = path.extension().is_some_and(|end| ARRAYS.iter().any(|known| end.eq_ignore_ascii_case(known)));
        if let (true, Some(network)) = (is_array, &network) {
            return Ok(Opened::Rows(again::rows(&path.to_string_lossy(), &network.model.config)?));
        }
        match stylegan_convert::open(&path, &mut |progress| reporter.report(progress)) {
            Ok(model) => Ok(Opened::Network(Arc::new(Network::new(Some(path), model)))),
            Err(error) => {
                // A .pt is either.
                let rows = network.and_then(|network| again::rows(&path.to_string_lossy(), &network.model.config).ok());
                rows.map(Opened::Rows).ok_or(ViewError::Network(path, error))
            }
        }
    })
}

/// What a picture says; none where the file is none.
fn settings(path: &Path) -> Result<Option<Settings>, ViewError> {
    let failed = |error| ViewError::File(path.to_owned(), error);
    if !path.metadata().map_err(failed)?.is_file() {
        return Ok(None);
    }
    let mut file = File::open(path).map_err(failed)?;
    if !picture_settings::is_picture(&mut file).map_err(failed)? {
        return Ok(None);
    }
    let (_, settings) = Settings::read(&mut file).map_err(|error| ViewError::Picture(path.to_owned(), error))?;
    let unsaid = || ViewError::Wrong(format!("{}: this picture does not say how it was made", path.display()));
    settings.map(Some).ok_or_else(unsaid)
}

fn of_picture(path: &Path, settings: &Settings, network: &Network) -> Result<Opened, ViewError> {
    let mut wish = again::wish(settings, path.parent().unwrap_or(Path::new("")), &network.model.config)?;
    let seed = wish.source.seed().map_or("its rows of w".into(), |seed| format!("seed {seed}"));
    let mut says = format!("{} is {seed}", path.file_name().unwrap_or_default().to_string_lossy());
    if settings.sha256 != network.sha256() {
        let other = settings.network.as_deref().unwrap_or("the built-in avatars");
        says = format!("{says} of {other}; this is another network, so it looks different");
        if matches!(wish.source, Source::Rows(_)) {
            return Err(ViewError::Wrong(format!("the picture was drawn from rows of w of {other}; open that network first")));
        }
        wish.class = wish.class.min(network.model.config.c_dim().saturating_sub(1));
    }
    Ok(Opened::Wish(Box::new(wish), says))
}

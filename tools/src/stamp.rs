//! The settings that a command puts into its pictures, unless `--no-metadata`.

use std::path::Path;

use stylegan_tools::picture_settings::Settings;

use crate::args::{NoiseMode, StudioArgs};
use crate::network;
use crate::studio::{Studio, Subject};

/// What all pictures of a run have in common.
pub(crate) struct Stamp {
    settings: Option<Settings>,
    noise_seed: Option<u32>,
}

/// Name and version of this program, as pictures have it.
pub(crate) const TOOL: &str = concat!("stylegan ", env!("CARGO_PKG_VERSION"));

impl Stamp {
    /// Of a command that draws. The precision is the one that the device was given, so that another device takes the same.
    pub(crate) fn new(command: &str, args: &StudioArgs, subject: &Subject, studio: &Studio) -> Stamp {
        let mut flags = Vec::new();
        let mut flag = |name: &str, value: String| flags.push((name.to_owned(), value));
        if let Some(cutoff) = args.trunc_cutoff {
            flag("trunc-cutoff", cutoff.to_string());
        }
        if let Some(class) = subject.class() {
            flag("class", class.to_string());
        }
        if args.noise_mode != NoiseMode::Const {
            flag("noise-mode", format!("{:?}", args.noise_mode).to_lowercase());
        }
        flag("precision", format!("{:?}", studio.generator.dtype()).to_lowercase());
        if args.no_tune {
            flag("no-tune", String::new());
        }
        let settings = || Settings {
            tool: TOOL.into(),
            network: args.network.as_deref().map(name),
            sha256: network::sha256(&subject.model),
            command: command.into(),
            flags,
        };
        Stamp {
            settings: (!args.no_metadata).then(settings),
            noise_seed: (args.noise_mode == NoiseMode::Random).then_some(args.noise_seed),
        }
    }

    /// The packet of a picture with these flags of its own. Where noise is drawn, its noise is that of place `place` of the list.
    pub(crate) fn packet(&self, own: &[(&str, String)], place: usize) -> Option<String> {
        let mut settings = self.settings.clone()?;
        let noise = self.noise_seed.map(|seed| ("noise-seed".to_owned(), seed.wrapping_add(place as u32).to_string()));
        let own = own.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        settings.flags = own.chain(std::mem::take(&mut settings.flags)).chain(noise).collect();
        settings.xmp()
    }
}

/// The name of a file or folder, without those above it.
pub(crate) fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().chars().filter(|c| !c.is_control()).collect()
}

//! The settings that a command puts into its pictures, unless `--no-metadata`.

use std::collections::BTreeMap;
use std::path::Path;

use sha2::{Digest, Sha256};
use stylegan_convert::hex;
use stylegan_studio::pictures::picture_settings::{Settings, public_name, public_source};
use stylegan_studio::vectors::{Centers, Source};
use stylegan_wgpu::Model;
use stylegan_wgpu::internals::tensor::DType;

use crate::args::{DevicePrecision, NoiseMode, StudioArgs};
use crate::drawing::centers::Wanted;
use crate::drawing::studio::{Studio, Subject};
use crate::drawing::style_channels::StyleChannel;

/// Name and version of this program, as pictures have it.
pub(crate) const TOOL: &str = concat!("stylegan ", env!("CARGO_PKG_VERSION"));

/// What all pictures of a run have in common.
pub(crate) struct Stamp {
    settings: Option<Settings>,
    manner: Manner,
    towards: Option<Towards>,
    style_channels: Vec<StyleChannel>,
    noise_seed: u32,
}

/// How pictures are drawn, whatever they show.
#[derive(Clone, Copy)]
pub(crate) struct Manner {
    pub(crate) trunc_cutoff: Option<usize>,
    pub(crate) class: Option<usize>,
    pub(crate) noise_mode: NoiseMode,
    /// See [`named`].
    pub(crate) precision: Option<DType>,
    pub(crate) no_tune: bool,
    pub(crate) conv_clamp: Option<f32>,
    pub(crate) translate: Option<[f32; 2]>,
    pub(crate) rotate: Option<f32>,
    pub(crate) zoom: Option<f32>,
}

/// What a picture shows: flags of its own.
#[derive(Default)]
pub(crate) struct Own {
    flags: Vec<(String, String)>,
    values: BTreeMap<String, String>,
}

/// What truncation goes towards, instead of the average w.
#[derive(Clone, Debug)]
pub(crate) struct Towards {
    /// The value of `--centers`.
    value: String,
    sha256: String,
}

impl Towards {
    pub(crate) fn of(wanted: &Wanted, centers: &Centers) -> Towards {
        let value = match wanted {
            Wanted::Auto(count) => format!("auto:{count}"),
            Wanted::File(source) => source_name(source),
        };
        Towards { value, sha256: sha256(centers.values()) }
    }
}

impl Own {
    /// Adds what truncation goes towards.
    pub(crate) fn towards(mut self, towards: Option<&Towards>) -> Own {
        let Some(Towards { value, sha256 }) = towards else { return self };
        self.values.insert("centers".into(), sha256.clone());
        self.flag("centers", value)
    }

    /// Adds a flag; one without a value is a switch.
    pub(crate) fn flag(mut self, name: &str, value: impl ToString) -> Own {
        self.flags.push((name.into(), value.to_string()));
        self
    }

    /// Adds one of a file, with the [`sha256`] of what was read from it.
    pub(crate) fn file(self, name: &str, source: impl ToString, sha256: String) -> Own {
        self.flag(name, source).values(name, sha256)
    }

    /// Says by their [`sha256`] what values were drawn.
    pub(crate) fn values(mut self, name: &str, sha256: String) -> Own {
        self.values.insert(name.into(), sha256);
        self
    }
}

/// sha256 of values, as pictures and manifests have it: of f32, little endian.
pub(crate) fn sha256(values: &[f32]) -> String {
    let mut sha256 = Sha256::new();
    values.iter().for_each(|value| sha256.update(value.to_le_bytes()));
    hex(&sha256.finalize())
}

impl Stamp {
    /// Of a command that draws.
    pub(crate) fn new(command: &str, args: &StudioArgs, subject: &Subject, studio: &Studio) -> Stamp {
        let manner = Manner {
            trunc_cutoff: args.trunc_cutoff,
            class: subject.class(),
            noise_mode: args.noise_mode,
            precision: named(args.precision, studio.generator.dtype()),
            no_tune: args.no_tune,
            conv_clamp: args.conv_clamp,
            translate: args.translate,
            rotate: args.rotate,
            zoom: args.zoom,
        };
        let settings = || settings(command, args.network.as_deref(), subject.sha256().into());
        let towards = args.centers.as_ref().zip(studio.centers()).map(|(wanted, centers)| Towards::of(wanted, centers));
        let style_channels = args.style_channel.clone();
        Stamp { settings: (!args.no_metadata).then(settings), manner, towards, style_channels, noise_seed: args.noise_seed }
    }

    /// The packet of a picture. Where noise is drawn, its noise is that of `place` of the list.
    pub(crate) fn packet(&self, own: Own, place: usize) -> Option<String> {
        let own = self.style_channels.iter().fold(own, |own, channel| own.flag("style-channel", channel));
        packet(self.settings.as_ref()?, own.towards(self.towards.as_ref()), self.manner, self.noise_seed.wrapping_add(place as u32))
    }
}

/// The precision that a picture names: another device takes the same. Not the f16 of `auto`, which draws in f32 what f16 does not hold.
pub(crate) fn named(asked: DevicePrecision, given: DType) -> Option<DType> {
    (asked != DevicePrecision::Auto || given == DType::F32).then_some(given)
}

/// What pictures of a network say, but for their flags.
pub(crate) fn settings(command: &str, network: Option<&Path>, sha256: String) -> Settings {
    let (tool, command) = (TOOL.into(), command.into());
    Settings { tool, network: network.map(name), sha256, command, flags: Vec::new(), values: BTreeMap::new() }
}

/// The packet of a picture.
pub(crate) fn packet(settings: &Settings, own: Own, manner: Manner, noise_seed: u32) -> Option<String> {
    let Own { mut flags, values } = own;
    let mut flag = |name: &str, value: Option<String>| flags.extend(value.map(|value| (name.to_owned(), value)));
    let lower = |value: &dyn std::fmt::Debug| format!("{value:?}").to_lowercase();
    flag("trunc-cutoff", manner.trunc_cutoff.map(|cutoff| cutoff.to_string()));
    flag("class", manner.class.map(|class| class.to_string()));
    flag("noise-mode", (manner.noise_mode != NoiseMode::Const).then(|| lower(&manner.noise_mode)));
    flag("noise-seed", (manner.noise_mode == NoiseMode::Random).then(|| noise_seed.to_string()));
    flag("precision", manner.precision.map(|dtype| lower(&dtype)));
    flag("conv-clamp", manner.conv_clamp.map(|clamp| clamp.to_string()));
    flag("translate", manner.translate.map(|[x, y]| format!("{x},{y}")));
    flag("rotate", manner.rotate.map(|degrees| degrees.to_string()));
    flag("zoom", manner.zoom.map(|factor| factor.to_string()));
    flag("no-tune", manner.no_tune.then(String::new));
    Settings { flags, values, ..settings.clone() }.xmp()
}

/// The packet of the sheet of a blend of two networks.
pub(crate) fn of_blend([low, high]: [(&Path, &Model); 2], own: Own) -> Option<String> {
    let Own { mut flags, mut values } = own.flag("high", name(high.0));
    flags.rotate_right(1);
    values.insert("high".into(), stylegan_studio::drawing::sha256(high.1));
    Settings { flags, values, ..settings("blend", Some(low.0), stylegan_studio::drawing::sha256(low.1)) }.xmp()
}

/// The name of a file or folder, of `.` and `..` too.
fn name(path: &Path) -> String {
    let there = || path.canonicalize().ok()?.file_name().map(ToOwned::to_owned);
    public_name(&path.file_name().map(ToOwned::to_owned).or_else(there).unwrap_or_default().to_string_lossy())
}

/// `FILE:KEY` without the folders of the file, nor of the key.
pub(crate) fn source_name(source: &Source) -> String {
    let (path, key) = source.split();
    public_source(&name(&path), key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_a_name_however_it_is_named() {
        let here = std::env::current_dir().unwrap();
        let named = |path: &str| name(Path::new(path));
        assert_eq!(named("."), here.file_name().unwrap().to_string_lossy());
        assert_eq!(named("src/.."), here.file_name().unwrap().to_string_lossy());
        assert_eq!([named("/a/b.pkl"), named("/"), named("")], ["b.pkl", "_", "_"]);
    }
}

//! The settings that a command puts into its pictures, unless `--no-metadata`.

use std::path::Path;

use stylegan_studio::pictures::picture_settings::{Settings, public_name, public_source};
use stylegan_studio::pictures::stamp::{self, Manner};
use stylegan_studio::vectors::{Centers, Source};
use stylegan_wgpu::internals::tensor::DType;
use stylegan_wgpu::{Model, Noise};

pub(crate) use stylegan_studio::pictures::stamp::{Own, Towards, sha256};

use crate::args::{DevicePrecision, NoiseMode, StudioArgs};
use crate::drawing::centers::Wanted;
use crate::drawing::studio::{Studio, Subject};
use crate::drawing::style_channels::StyleChannel;

/// What all pictures of a run have in common.
pub(crate) struct Stamp {
    settings: Option<Settings>,
    manner: Manner,
    towards: Option<Towards>,
    style_channels: Vec<StyleChannel>,
    noise_mode: NoiseMode,
    noise_seed: u32,
}

/// What truncation goes towards, as pictures have it.
pub(crate) fn towards(wanted: &Wanted, centers: &Centers) -> Towards {
    let value = match wanted {
        Wanted::Auto(count) => format!("auto:{count}"),
        Wanted::File(source) => source_name(source),
    };
    Towards { value, sha256: sha256(centers.values()) }
}

impl Stamp {
    /// Of a command that draws.
    pub(crate) fn new(command: &str, args: &StudioArgs, subject: &Subject, studio: &Studio) -> Stamp {
        // The noise is each picture's own.
        let manner = Manner {
            noise: Noise::Const,
            trunc_cutoff: args.trunc_cutoff,
            class: subject.class(),
            precision: named(args.precision, studio.generator.dtype()),
            no_tune: args.no_tune,
            conv_clamp: args.conv_clamp,
            translate: args.translate,
            rotate: args.rotate,
            zoom: args.zoom,
        };
        let settings = || settings(command, args.network.as_deref(), subject.sha256().into());
        let towards = args.centers.as_ref().zip(studio.centers()).map(|(wanted, centers)| towards(wanted, centers));
        let style_channels = args.style_channel.clone();
        Stamp {
            settings: (!args.no_metadata).then(settings),
            manner,
            towards,
            style_channels,
            noise_mode: args.noise_mode,
            noise_seed: args.noise_seed,
        }
    }

    /// The packet of a picture. Where noise is drawn, its noise is that of `place` of the list.
    pub(crate) fn packet(&self, own: Own, place: usize) -> Option<String> {
        let own = self.style_channels.iter().fold(own, |own, channel| own.flag("style-channel", channel));
        let seed = self.noise_seed.wrapping_add(place as u32);
        let noise = match self.noise_mode {
            NoiseMode::Const => Noise::Const,
            NoiseMode::Random => Noise::Random { seed },
            NoiseMode::None => Noise::None,
            NoiseMode::Tf => Noise::AfterZ { seed },
        };
        stamp::packet(self.settings.as_ref()?, own.towards(self.towards.as_ref()), Manner { noise, ..self.manner })
    }
}

/// The precision that a picture names: another device takes the same. Not the f16 of `auto`, which draws in f32 what f16 does not hold.
pub(crate) fn named(asked: DevicePrecision, given: DType) -> Option<DType> {
    (asked != DevicePrecision::Auto || given == DType::F32).then_some(given)
}

/// What pictures of a network say, but for their flags.
pub(crate) fn settings(command: &str, network: Option<&Path>, sha256: String) -> Settings {
    stamp::settings(command, network.map(name), sha256)
}

/// The packet of the sheet of a blend of two networks.
pub(crate) fn of_blend([low, high]: [(&Path, &Model); 2], own: Own) -> Option<String> {
    let (mut flags, mut values) = own.flag("high", name(high.0)).into_parts();
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

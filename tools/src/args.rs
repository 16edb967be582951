//! Flags that several commands have. Names and meanings are NVIDIA's where they had one.

use std::collections::HashSet;
use std::ops::Deref;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use stylegan_studio::drawing::place::Place;
use stylegan_studio::pictures::picture::Format;
use stylegan_wgpu::{Precision, PrecisionChoice};

use crate::drawing::centers::{self, Wanted};
use crate::drawing::style_channels::{self, StyleChannel};
use crate::failure::Failure;
use crate::note;

/// Truncation psi where a person looks at many pictures (`serve`, `grid`). Commands that are NVIDIA's keep NVIDIA's 1.
pub(crate) const USUAL_TRUNC: f32 = 0.7;
pub(crate) const USUAL_TRUNC_TEXT: &str = "0.7";

/// Says what a psi of 1 does to those who may not have meant it.
pub(crate) fn note_psi(psi: f32) {
    if psi == 1.0 {
        note("--trunc 1 draws the full variety, pictures that fail among them; 0.7 is usual for looking at faces");
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum NoiseMode {
    /// The stored maps
    Const,
    /// Fresh maps, from --noise-seed
    Random,
    None,
    /// Fresh maps from the picture's own seed, after z: what the scripts of TensorFlow's StyleGAN2 draw
    Tf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DevicePrecision {
    Auto,
    F32,
    F16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FilePrecision {
    F32,
    F16,
}

impl From<DevicePrecision> for PrecisionChoice {
    fn from(precision: DevicePrecision) -> PrecisionChoice {
        match precision {
            DevicePrecision::Auto => PrecisionChoice::Auto,
            DevicePrecision::F32 => PrecisionChoice::F32,
            DevicePrecision::F16 => PrecisionChoice::F16,
        }
    }
}

impl From<FilePrecision> for Precision {
    fn from(precision: FilePrecision) -> Precision {
        match precision {
            FilePrecision::F32 => Precision::F32,
            FilePrecision::F16 => Precision::F16,
        }
    }
}

/// Of `--format`.
pub(crate) fn format() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(Format::ALL.map(Format::extension)).map(|name| {
        let named = Format::ALL.into_iter().find(|format| format.extension() == name);
        named.unwrap_or_else(|| unreachable!("the parser takes no other"))
    })
}

/// The flags of a command that draws, with one truncation for all pictures.
#[derive(Debug, Args)]
pub(crate) struct DrawArgs {
    #[command(flatten)]
    studio: StudioArgs,

    /// Truncation psi: 0 is the average picture, 1 the full variety; below 0 and above 1 are legal
    #[arg(long, default_value_t = 1.0, value_parser = parse_finite, allow_negative_numbers = true, value_name = "PSI")]
    pub(crate) trunc: f32,
}

impl StudioArgs {
    /// Where the pictures are drawn, if the flags say so.
    pub(crate) fn place(&self) -> Option<Place> {
        (self.translate.is_some() || self.rotate.is_some() || self.zoom.is_some()).then_some(Place {
            translate: self.translate.unwrap_or(Place::HERE.translate),
            rotate: self.rotate.unwrap_or(Place::HERE.rotate),
            zoom: self.zoom.unwrap_or(Place::HERE.zoom),
        })
    }

    /// Of a command without --strength.
    pub(crate) fn refuse_open_channels(&self) -> Result<(), Failure> {
        match self.style_channel.iter().any(|channel| channel.amount.is_none()) {
            true => Err(Failure::usage("--style-channel needs an amount here, as b64.conv0:123=+5; `edit` goes by --strength without one")),
            false => Ok(()),
        }
    }

    /// Of a command whose pictures are not of one seed each.
    pub(crate) fn refuse_tf(&self) -> Result<(), Failure> {
        match self.noise_mode {
            NoiseMode::Tf => Err(Failure::usage(
                "--noise-mode tf is for pictures of one seed each; TensorFlow's scripts keep the stored maps here: use --noise-mode const",
            )),
            _ => Ok(()),
        }
    }
}

impl Deref for DrawArgs {
    type Target = StudioArgs;

    fn deref(&self) -> &StudioArgs {
        &self.studio
    }
}

/// The flags of every command that draws.
#[derive(Debug, Args)]
pub(crate) struct StudioArgs {
    /// Network: a .safetensors of ours, a checkpoint (.pkl), or the wheel or folder of a MobileStyleGAN
    #[arg(long, value_name = "FILE")]
    #[cfg_attr(feature = "default-model", doc = "[default: the built-in avatars]")]
    pub(crate) network: Option<PathBuf>,

    /// Clamp of the layers (0: none), where the network is a bare state_dict of NVIDIA's, which does not tell it
    #[arg(long, value_parser = parse_finite, value_name = "CLAMP")]
    pub(crate) conv_clamp: Option<f32>,

    /// How many layers the truncation applies to, from the coarsest; all when absent
    #[arg(long, value_name = "N")]
    pub(crate) trunc_cutoff: Option<usize>,

    /// Truncates every picture towards the nearest of several centres of w, instead of the one average that looks like the majority: a
    /// file of `centers`, or auto (64 of them, auto:N for N: made once for a network and kept)
    #[arg(long, value_parser = centers::parse, value_name = "FILE|auto")]
    pub(crate) centers: Option<Wanted>,

    /// Adds to a channel of a layer's style (StyleSpace), as b64.conv0:123=+5; may be given more than once
    #[arg(long, value_parser = style_channels::parse, value_name = "LAYER:CHANNEL=AMOUNT")]
    pub(crate) style_channel: Vec<StyleChannel>,

    /// Class of the pictures, for conditional networks
    #[arg(long, value_name = "N")]
    pub(crate) class: Option<usize>,

    /// Noise of the layers: the stored maps, fresh ones, none, or those of TensorFlow's StyleGAN2 scripts
    #[arg(long, value_enum, default_value_t = NoiseMode::Const, value_name = "MODE")]
    pub(crate) noise_mode: NoiseMode,

    /// Seed of --noise-mode random; the i-th picture (from 0) uses N + i, whatever the batch
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) noise_seed: u32,

    /// Of a StyleGAN3: moves the pictures to the right and down, in picture sides
    #[arg(long, value_parser = parse_pair, allow_hyphen_values = true, value_name = "X,Y")]
    pub(crate) translate: Option<[f32; 2]>,

    /// Of a StyleGAN3: turns the pictures, counter-clockwise
    #[arg(long, value_parser = parse_finite, allow_negative_numbers = true, value_name = "DEGREES")]
    pub(crate) rotate: Option<f32>,

    /// Of a StyleGAN3: draws the pictures so many times as large, about their centre
    #[arg(long, value_parser = parse_zoom, value_name = "FACTOR")]
    pub(crate) zoom: Option<f32>,

    /// Pictures rendered at once: more is faster on large GPUs, and takes more of their memory
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256), value_name = "N")]
    pub(crate) batch: u16,

    /// Storage of weights and activations on the device; auto is f16 where the device has it
    #[arg(long, value_enum, default_value_t = DevicePrecision::Auto)]
    pub(crate) precision: DevicePrecision,

    /// Adapter to use: its index, or a part of its name (see stylegan devices)
    #[arg(long, value_name = "INDEX|NAME")]
    pub(crate) device: Option<String>,

    /// Leaves out of pictures what they say about how they were made (see stylegan inspect PICTURE)
    #[arg(long)]
    pub(crate) no_metadata: bool,

    /// Says in the closing line where the time went
    #[arg(long)]
    pub(crate) verbose: bool,

    /// Takes the kernels in their fixed order instead of timing them on the device once and keeping the fastest
    #[arg(long)]
    pub(crate) no_tune: bool,
}

/// One value of `--seeds`: inclusive ranges, kept as such because 0-4294967295 is 16 GiB of numbers.
#[derive(Clone, Debug)]
pub(crate) struct SeedRanges(Vec<(u32, u32)>);

/// More pictures than a folder is made for; a typing error rather than a wish.
const MOST_SEEDS: u64 = 1_000_000;

/// The seeds of all values of a flag in the order given; one that is named twice is there once.
pub(crate) fn seeds(flag: &str, lists: &[SeedRanges]) -> Result<Vec<u32>, Failure> {
    let mut known = HashSet::new();
    Ok(listed_seeds(flag, lists)?.into_iter().filter(|seed| known.insert(*seed)).collect())
}

/// The same where a seed may be there twice.
pub(crate) fn listed_seeds(flag: &str, lists: &[SeedRanges]) -> Result<Vec<u32>, Failure> {
    let ranges = || lists.iter().flat_map(|list| &list.0);
    let count: u64 = ranges().map(|(first, last)| u64::from(last - first) + 1).sum();
    if count > MOST_SEEDS {
        return Err(Failure::usage(format!("{flag} names {count} seeds; at most {MOST_SEEDS} are rendered at a time")));
    }
    Ok(ranges().flat_map(|&(first, last)| first..=last).collect())
}

pub(crate) fn parse_seeds(text: &str) -> Result<SeedRanges, String> {
    let number = |text: &str| {
        text.trim()
            .parse::<u32>()
            .map_err(|_| format!("'{}' is not a seed; seeds are numbers from 0 to {}, as in 0,3-5", text.trim(), u32::MAX))
    };
    let range = |text: &str| match text.split_once('-') {
        None => number(text).map(|seed| (seed, seed)),
        Some((first, last)) => {
            let (first, last) = (number(first)?, number(last)?);
            if first > last {
                return Err(format!("the range {first}-{last} is empty; write {last}-{first}"));
            }
            Ok((first, last))
        }
    };
    text.split(',').map(range).collect::<Result<_, _>>().map(SeedRanges)
}

pub(crate) fn parse_finite(text: &str) -> Result<f32, String> {
    text.parse().ok().filter(|value: &f32| value.is_finite()).ok_or_else(|| "not a finite number".into())
}

/// Two numbers, as 0.1,-0.25.
pub(crate) fn parse_pair(text: &str) -> Result<[f32; 2], String> {
    let numbers = text.split_once(',').and_then(|(x, y)| Some([parse_finite(x.trim()).ok()?, parse_finite(y.trim()).ok()?]));
    numbers.ok_or_else(|| "write two finite numbers, as 0.1,-0.25".into())
}

/// A factor of a picture's size: beyond these, there is one pixel or nothing.
pub(crate) fn parse_zoom(text: &str) -> Result<f32, String> {
    parse_finite(text).ok().filter(|zoom| (1e-3..=1e3).contains(zoom)).ok_or_else(|| "write a number from 0.001 to 1000".into())
}

pub(crate) fn parse_grid(text: &str) -> Result<(usize, usize), String> {
    let parts = text.split_once(['x', 'X']).and_then(|(columns, rows)| Some((columns.parse().ok()?, rows.parse().ok()?)));
    match parts {
        Some((columns, rows)) if (1..=1000).contains(&columns) && (1..=1000).contains(&rows) => Ok((columns, rows)),
        _ => Err("write columns x rows, as 4x2; each is 1 to 1000".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seeds(lists: &[&str]) -> Result<Vec<u32>, String> {
        let lists = lists.iter().map(|list| parse_seeds(list)).collect::<Result<Vec<_>, _>>()?;
        super::seeds("--seeds", &lists).map_err(|failure| failure.text().into())
    }

    #[test]
    fn seeds_are_lists_and_ranges() {
        assert_eq!(seeds(&["0,3-5"]).unwrap(), [0, 3, 4, 5]);
        assert_eq!(seeds(&["7-7", "4294967295", "6-8"]).unwrap(), [7, 4294967295, 6, 8]);
        assert_eq!(seeds(&["4294967294-4294967295"]).unwrap().len(), 2);
        assert!(seeds(&["0-4294967295"]).unwrap_err().contains("4294967296 seeds"));
        for wrong in ["5-3", "", "1,", "-1", "4294967296", "1.5", "0x1", "a", "1-2-3"] {
            assert!(seeds(&[wrong]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn grids_have_two_sides() {
        assert_eq!(parse_grid("4x2"), Ok((4, 2)));
        for wrong in ["4", "0x1", "x", "4x", "-1x2", "4x2x1", "9999999999999999999999x1", "1001x1"] {
            assert!(parse_grid(wrong).is_err(), "{wrong}");
        }
    }
}

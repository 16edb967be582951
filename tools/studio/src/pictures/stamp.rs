//! What a program puts into a picture of how it was drawn: the flags of the command that draws it again, as one packet.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use stylegan_convert::hex;
use stylegan_wgpu::Noise;
use stylegan_wgpu::internals::tensor::DType;

use super::picture_settings::Settings;

/// Name and version of these programs, as pictures have it.
pub const TOOL: &str = concat!("stylegan ", env!("CARGO_PKG_VERSION"));

/// How pictures are drawn, whatever they show.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manner {
    /// Rows of w that are truncated.
    pub trunc_cutoff: Option<usize>,
    /// Of a conditional network.
    pub class: Option<usize>,
    /// With the seed of this picture.
    pub noise: Noise,
    /// Which another device takes, too.
    pub precision: Option<DType>,
    /// The kernels were taken in a fixed order.
    pub no_tune: bool,
    /// What the file did not say of the network.
    pub conv_clamp: Option<f32>,
    /// Where in its plane a StyleGAN3 draws: to the right and down.
    pub translate: Option<[f32; 2]>,
    /// Degrees, counter-clockwise.
    pub rotate: Option<f32>,
    /// Times as large.
    pub zoom: Option<f32>,
}

/// What a picture shows: flags of its own.
#[derive(Debug, Default)]
pub struct Own {
    flags: Vec<(String, String)>,
    values: BTreeMap<String, String>,
}

/// What truncation goes towards, instead of the average w.
#[derive(Clone, Debug)]
pub struct Towards {
    /// The value of `--centers`.
    pub value: String,
    /// Of the centres' values.
    pub sha256: String,
}

impl Own {
    /// Adds what truncation goes towards.
    pub fn towards(mut self, towards: Option<&Towards>) -> Own {
        let Some(Towards { value, sha256 }) = towards else { return self };
        self.values.insert("centers".into(), sha256.clone());
        self.flag("centers", value)
    }

    /// Adds a flag; one without a value is a switch.
    pub fn flag(mut self, name: &str, value: impl ToString) -> Own {
        self.flags.push((name.into(), value.to_string()));
        self
    }

    /// Adds one of a file, with the [`sha256`] of what was read from it.
    pub fn file(self, name: &str, source: impl ToString, sha256: String) -> Own {
        self.flag(name, source).values(name, sha256)
    }

    /// Says by their [`sha256`] what values were drawn.
    pub fn values(mut self, name: &str, sha256: String) -> Own {
        self.values.insert(name.into(), sha256);
        self
    }

    /// Flags and sums of values, for who makes settings of them.
    pub fn into_parts(self) -> (Vec<(String, String)>, BTreeMap<String, String>) {
        (self.flags, self.values)
    }
}

/// sha256 of values, as pictures and manifests have it: of f32, little endian.
pub fn sha256(values: &[f32]) -> String {
    let mut sha256 = Sha256::new();
    values.iter().for_each(|value| sha256.update(value.to_le_bytes()));
    hex(&sha256.finalize())
}

/// What pictures of a network say, but for their flags; `network` is the name of its file, none of the built-in one.
pub fn settings(command: &str, network: Option<String>, sha256: String) -> Settings {
    Settings { tool: TOOL.into(), network, sha256, command: command.into(), flags: Vec::new(), values: BTreeMap::new() }
}

/// The packet of a picture.
pub fn packet(settings: &Settings, own: Own, manner: Manner) -> Option<String> {
    stamped(settings, own, manner).xmp()
}

/// The settings of a picture.
pub fn stamped(settings: &Settings, own: Own, manner: Manner) -> Settings {
    let Own { mut flags, values } = own;
    let mut flag = |name: &str, value: Option<String>| flags.extend(value.map(|value| (name.to_owned(), value)));
    let (noise_mode, noise_seed) = match manner.noise {
        Noise::Const => (None, None),
        Noise::None => (Some("none"), None),
        Noise::Random { seed } => (Some("random"), Some(seed)),
        Noise::AfterZ { .. } => (Some("tf"), None),
    };
    flag("trunc-cutoff", manner.trunc_cutoff.map(|cutoff| cutoff.to_string()));
    flag("class", manner.class.map(|class| class.to_string()));
    flag("noise-mode", noise_mode.map(Into::into));
    flag("noise-seed", noise_seed.map(|seed| seed.to_string()));
    flag("precision", manner.precision.map(|dtype| dtype.name().to_owned()));
    flag("conv-clamp", manner.conv_clamp.map(|clamp| clamp.to_string()));
    flag("translate", manner.translate.map(|[x, y]| format!("{x},{y}")));
    flag("rotate", manner.rotate.map(|degrees| degrees.to_string()));
    flag("zoom", manner.zoom.map(|factor| factor.to_string()));
    flag("no-tune", manner.no_tune.then(String::new));
    Settings { flags, values, ..settings.clone() }
}

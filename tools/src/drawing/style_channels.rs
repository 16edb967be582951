//! `--style-channel`: channels of styles that are moved on their own (StyleSpace).

use std::fmt;

use stylegan_studio::vectors::{Draw, samples};
use stylegan_wgpu::{Config, Gpu, Model, StyleOffset};

use crate::args::parse_finite;
use crate::drawing::network;
use crate::failure::Failure;

/// A value of the flag, as b64.conv0:123=+5; without an amount, --strength of `edit` says how far.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StyleChannel {
    layer: String,
    channel: usize,
    pub(crate) amount: Option<f32>,
    /// What a strength of 1 is.
    unit: f32,
}

pub(crate) fn parse(text: &str) -> Result<StyleChannel, String> {
    let wrong = || "write the layer, its channel and what to add, as b64.conv0:123=+5".to_owned();
    let (name, amount) = match text.split_once('=') {
        None => (text, None),
        Some((name, amount)) => (name, Some(parse_finite(amount).map_err(|_| wrong())?)),
    };
    let (layer, channel) = name.rsplit_once(':').ok_or_else(wrong)?;
    let channel = channel.parse().map_err(|_| wrong())?;
    if layer.is_empty() { Err(wrong()) } else { Ok(StyleChannel { layer: layer.into(), channel, amount, unit: 1.0 }) }
}

/// Refuses layers and channels that the network does not have.
pub(crate) fn check(channels: &[StyleChannel], model: &Model) -> Result<(), Failure> {
    let wrong = |error: stylegan_wgpu::Error| Failure::usage(format!("--style-channel: {error}"));
    offsets(channels, 1.0).iter().try_for_each(|offset| offset.check(model)).map_err(wrong)
}

/// What the engine adds to pictures of that strength.
pub(crate) fn offsets(channels: &[StyleChannel], strength: f32) -> Vec<StyleOffset> {
    let offset = |channel: &StyleChannel| StyleOffset {
        layer: channel.layer.clone(),
        channel: channel.channel,
        amount: channel.amount.unwrap_or(strength * channel.unit),
    };
    channels.iter().map(offset).collect()
}

impl fmt::Display for StyleChannel {
    /// As it was given.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.layer, self.channel)?;
        self.amount.map_or(Ok(()), |amount| write!(f, "={amount}"))
    }
}

/// All of them, for a manifest.
pub(crate) fn text(channels: &[StyleChannel]) -> String {
    channels.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// Makes a strength of 1 the standard deviation of each channel that goes by it: over w of 10,000 latents, those of NVIDIA's average.
pub(crate) fn in_sigma(channels: &mut [StyleChannel], gpu: &Gpu, model: &Model, class: Option<usize>) -> Result<(), Failure> {
    let draw = Draw { seed: 123, count: 10_000, class };
    let bar = network::bar(draw.count as u64, "looking at w");
    let w = samples(gpu, model, draw, &mut |done| bar.set_position(done as u64));
    bar.finish_and_clear();
    let (w, w_dim) = (w?, model.config.w_dim());
    for channel in channels.iter_mut().filter(|channel| channel.amount.is_none()) {
        let weight = model.array(&format!("synthesis.{}.affine.weight", channel.layer)).to_f32();
        let row = &weight[channel.channel * w_dim..][..w_dim];
        let styles: Vec<f64> =
            w.chunks_exact(w_dim).map(|w| w.iter().zip(row).map(|(w, a)| f64::from(*w) * f64::from(*a)).sum::<f64>()).collect();
        let mean = styles.iter().sum::<f64>() / styles.len() as f64;
        let variance = styles.iter().map(|style| (style - mean).powi(2)).sum::<f64>() / styles.len() as f64;
        // Equalised learning rate: the stored weight times 1 / sqrt(fan_in). The weights of a MobileStyleGAN carry their scales.
        let gain = if matches!(model.config, Config::MobileStyleGan(_)) { 1.0 } else { 1.0 / (w_dim as f64).sqrt() };
        channel.unit = (variance.sqrt() * gain) as f32;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_layers_with_numbers() {
        let channel = |amount| StyleChannel { layer: "b64.conv0".into(), channel: 123, amount, unit: 1.0 };
        assert_eq!(parse("b64.conv0:123=+5"), Ok(channel(Some(5.0))));
        assert_eq!(parse("b64.conv0:123=-2.5"), Ok(channel(Some(-2.5))));
        assert_eq!(parse("b64.conv0:123"), Ok(channel(None)));
        for wrong in ["", "b64.conv0", ":3", "b64.conv0:", "b64.conv0:x=1", "b64.conv0:1=", "b64.conv0:1=nan", "b64.conv0:-1=2"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(text(&[channel(Some(5.0)), channel(None)]), "b64.conv0:123=5 b64.conv0:123");
        let moved = [channel(Some(5.0)), StyleChannel { unit: 0.5, ..channel(None) }];
        assert_eq!(offsets(&moved, 4.0).iter().map(|offset| offset.amount).collect::<Vec<_>>(), [5.0, 2.0]);
    }
}

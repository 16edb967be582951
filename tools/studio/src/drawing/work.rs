//! The arithmetic of one picture, from the configuration alone.

use stylegan_wgpu::Config;
use stylegan_wgpu::internals::networks::{mobilestylegan, stylegan1, stylegan2, stylegan3};

/// Multiply-accumulates of one picture in the two ways they are counted.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Macs {
    /// The convolutions that are not 1x1 to RGB, each at the resolution it has to be computed at: an upsampling one at its input's.
    pub convolutions: u64,
    /// As papers count: upsampling convolutions at their output's resolution, and all else too (mapping, styles, RGB, filters).
    pub papers: u64,
}

impl Macs {
    /// Of a network.
    pub fn of(config: &Config) -> Macs {
        match config {
            Config::StyleGan1(config) => stylegan1(config),
            Config::StyleGan2(config) => stylegan2(config),
            Config::StyleGan3(config) => stylegan3(config),
            Config::MobileStyleGan(config) => mobile(config),
        }
    }
}

/// Doubling by nearest neighbours before a convolution is a transposed convolution and a filter, as in StyleGAN2.
fn stylegan1(config: &stylegan1::Config) -> Macs {
    let mut papers: usize = config.mapping_features().into_iter().map(|(inputs, outputs)| inputs * outputs).sum();
    let mut convolutions = 0;
    for resolution in config.resolutions() {
        let outputs = config.channels(resolution);
        let (height, width) = config.block_size(resolution);
        let area = height * width;
        if resolution > 4 {
            let inputs = config.channels(resolution / 2);
            convolutions += 9 * inputs * outputs * area / 4;
            papers += 9 * inputs * outputs * area + 9 * outputs * area;
        }
        convolutions += 9 * outputs * outputs * area;
        papers += 9 * outputs * outputs * area + 2 * 2 * outputs * config.w_dim;
    }
    let (height, width) = config.image_size();
    papers += config.img_channels * config.channels(config.img_resolution) * height * width;
    Macs { convolutions: convolutions as u64, papers: papers as u64 }
}

fn stylegan2(config: &stylegan2::Config) -> Macs {
    let taps = config.resample_filter.len().pow(2);
    let (mut convolutions, mut papers) = (0, 0);
    for (inputs, outputs) in config.mapping_features() {
        papers += inputs * outputs;
    }
    for resolution in config.resolutions() {
        let outputs = config.channels(resolution);
        let (height, width) = config.block_size(resolution);
        let area = height * width;
        if resolution > 4 {
            let inputs = config.channels(resolution / 2);
            convolutions += 9 * inputs * outputs * area / 4;
            papers += 9 * inputs * outputs * area + taps * outputs * area + inputs * config.w_dim;
            match config.architecture {
                stylegan2::Architecture::Skip => papers += taps * config.img_channels * area,
                stylegan2::Architecture::Resnet => {
                    convolutions += inputs * outputs * area / 4;
                    papers += inputs * outputs * area + taps * outputs * area;
                }
                stylegan2::Architecture::Orig => {}
            }
        }
        convolutions += 9 * outputs * outputs * area;
        papers += 9 * outputs * outputs * area + outputs * config.w_dim;
        if config.has_torgb(resolution) {
            papers += outputs * config.img_channels * area + outputs * config.w_dim;
        }
    }
    Macs { convolutions: convolutions as u64, papers: papers as u64 }
}

/// Convolutions on the map as it is, without the rows and columns that a kernel adds; filters as they are written down, without zeros.
fn stylegan3(config: &stylegan3::Config) -> Macs {
    let area = |[height, width]: [usize; 2]| height * width;
    let features = config.input.channels.pow(2) * area(config.input.size);
    let (mut convolutions, mut papers) = (features, features + config.z_dim * config.w_dim + (config.num_layers - 1) * config.w_dim.pow(2));
    for layer in &config.layers {
        let grown = layer.in_size.map(|side| side + layer.conv_kernel - 1);
        let convolution = layer.in_channels * layer.out_channels * layer.conv_kernel.pow(2) * area(grown);
        convolutions += convolution;
        // Up-sampled along rows then columns; a radial filter has all of its taps at every pixel.
        let [rows, columns] = layer.out_size.map(|side| 2 * side + layer.down_taps - 2);
        let up = layer.up_taps / layer.up_factor * (grown[0] * columns + rows * columns);
        let down = match layer.down_radial {
            true => layer.down_taps.pow(2) * area(layer.out_size),
            false => layer.down_taps * layer.out_size[1] * (rows + layer.out_size[0]),
        };
        papers += convolution + layer.out_channels * (up + down) + layer.in_channels * config.w_dim;
    }
    let (height, width) = config.image_size();
    papers += config.torgb_channels() * (config.torgb.img_channels * height * width + config.w_dim);
    Macs { convolutions: convolutions as u64, papers: papers as u64 }
}

fn mobile(config: &mobilestylegan::Config) -> Macs {
    let mut other = config.z_dim * config.w_dim + (config.num_layers - 1) * config.w_dim * config.w_dim;
    let first = config.channels(4);
    let mut convolutions = 9 * first * first * 16;
    other += first * config.w_dim;
    for resolution in config.resolutions() {
        let (inputs, outputs) = (config.channels(resolution / 2), config.channels(resolution));
        other += inputs * config.w_dim;
        for inputs in [inputs / 4, outputs] {
            convolutions += (9 * inputs + inputs * outputs) * resolution * resolution;
            other += inputs * config.w_dim;
        }
    }
    let side = config.img_resolution / 2;
    let last = config.channels(side);
    other += last * config.w_dim + 12 * last * side * side;
    Macs { convolutions: convolutions as u64, papers: (convolutions + other) as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn config_f_has_the_work_of_the_papers() {
        let macs = Macs::of(&Config::StyleGan2(stylegan2::Config::config_f()));
        assert_eq!(macs.convolutions / 10_000_000, 7406);
        assert_eq!((macs.papers + 50_000_000) / 100_000_000, 1430);
    }

    #[test]
    fn half_the_width_is_half_the_convolutions() {
        let square = stylegan2::Config::config_f();
        let human = stylegan2::Config { const_size: [4, 2], ..square.clone() };
        let [square, human] = [square, human].map(|config| Macs::of(&Config::StyleGan2(config)));
        assert_eq!(2 * human.convolutions, square.convolutions);
    }
}

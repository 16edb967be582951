//! Whether the pictures are right: a wrong picture is no result, however fast it was drawn.
//!
//! Of synthetic networks, sketches are stored: every cell of a grid is summed with random signs. The sum of squared differences
//! between two pictures' sums estimates that of their pixels (Alon, Matias, Szegedy 1996), one pixel's error included, and 3 KB
//! stand for 12 MB. Other networks are drawn by the portable kernels in f32 once more.

use sha2::{Digest, Sha256};
use stylegan_convert::hex;
use stylegan_wgpu::blocking::Generator;
use stylegan_wgpu::internals::executor::{self, Executor};
use stylegan_wgpu::internals::networks::{self, NoiseSource};
use stylegan_wgpu::internals::tensor::DType;
use stylegan_wgpu::latent::{Truncation, Ws, z};
use stylegan_wgpu::{Gpu, Look, Model, Options, PrecisionChoice, Transform};

use crate::failure::Failure;

/// Seeds that are drawn: image i of a batch is of seed i mod this.
pub(super) const SEEDS: usize = 2;
/// Where networks are used; the truncated pictures are the ones people draw.
const PSI: f32 = 0.7;
/// Cells of a sketch, on each axis.
const CELLS: usize = 16;
/// Largest relative error of a picture, as the parity tests allow it: of a full picture in f32, in f16.
const TOLERANCE_F32: f64 = 2e-5;
const TOLERANCE_F16: f64 = 3e-3;

/// The latents of a run: seeds 0, 1, 0, 1, ..., class 0, truncated.
pub(super) fn latents(generator: &mut Generator, images: usize) -> Result<Ws, Failure> {
    let (z_dim, c_dim) = (generator.config().z_dim(), generator.config().c_dim());
    let latents: Vec<f32> = (0..images).flat_map(|image| z((image % SEEDS) as u32, z_dim)).collect();
    let classes = vec![0; images];
    let mut ws = generator.mapping(&latents, (c_dim > 0).then_some(&classes[..]))?;
    Truncation { psi: PSI, cutoff: None }.apply(&mut ws, &generator.w_avg())?;
    Ok(ws)
}

/// What the pictures are compared with.
#[derive(Clone, Debug)]
pub(super) enum Reference {
    /// Stored sketches, one for each seed.
    Sketches(Vec<Sketch>),
    /// Whole pictures, one for each seed: `[C, H, W]`.
    Pictures(Vec<Vec<f32>>),
}

impl Reference {
    /// Sketches as `Sketch::to_bytes` writes them, one after the other.
    pub(super) fn stored(bytes: &[u8]) -> Reference {
        Reference::Sketches(bytes.chunks_exact(bytes.len() / SEEDS).map(Sketch::from_bytes).collect())
    }

    /// Draws the pictures with the portable kernels, weights and activations in f32.
    pub(super) fn drawn(gpu: &Gpu, model: &Model) -> Result<Reference, Failure> {
        let mut pictures = Vec::new();
        let mut generator = Generator::new(gpu, model, &Options::new().precision(PrecisionChoice::F32))?;
        let ws = latents(&mut generator, SEEDS)?;
        // Its mapping was all it was for.
        drop(generator);
        let synthesis = networks::synthesis(model, 1, DType::F32, NoiseSource::Const);
        let options = executor::Options { portable: true, ..executor::Options::default() };
        let executor = Executor::new(gpu, synthesis.plan, "reference", &options)?;
        if let Some((tensor, own)) = synthesis.transform.zip(Transform::of(model)) {
            executor.write(tensor, &own.rows())?;
        }
        for image in 0..SEEDS {
            executor.write(synthesis.ws, ws.image(image))?;
            executor.run()?;
            pictures.push(executor.read(synthesis.img)?);
        }
        Ok(Reference::Pictures(pictures))
    }

    pub(super) fn against(&self) -> &'static str {
        match self {
            Reference::Sketches(_) => "stored reference",
            Reference::Pictures(_) => "portable f32 kernels, same run",
        }
    }

    /// The largest relative error of an image; infinite for what is not finite or of another size.
    pub(super) fn error(&self, images: &[Vec<f32>], (height, width): (usize, usize)) -> f64 {
        let error = |(i, image): (usize, &Vec<f32>)| match self {
            Reference::Sketches(sketches) => sketches[i % SEEDS].error(&Sketch::of(image, (height, width))),
            Reference::Pictures(pictures) => relative(image, &pictures[i % SEEDS]),
        };
        images.iter().enumerate().map(error).fold(if images.is_empty() { f64::INFINITY } else { 0.0 }, f64::max)
    }
}

/// The most that is allowed. An f32 network that is compared with an f32 one differs by the order of sums.
pub(super) fn tolerance(dtype: DType) -> f64 {
    if dtype == DType::F16 { TOLERANCE_F16 } else { TOLERANCE_F32 }
}

/// A run's pictures, found right; every later one of the same ws must be the same, byte for byte.
#[derive(Debug)]
pub(super) struct Verified {
    pub(super) sha256: String,
    pub(super) relative_error: f64,
    pub(super) tolerance: f64,
    pub(super) against: &'static str,
    pictures: Vec<image::RgbaImage>,
}

impl Verified {
    /// Draws the batch and checks it; `title` says whose it is.
    pub(super) fn new(generator: &mut Generator, ws: &Ws, reference: &Reference, title: &str) -> Result<Verified, Failure> {
        let wrong = |text: String| Failure::Runtime(format!("{title}: the picture is wrong, so there is no result: {text}"));
        let floats = generator.synthesis_f32(ws, &Look::new())?;
        let size = generator.config().image_size();
        let (relative_error, tolerance) = (reference.error(&floats, size), tolerance(generator.dtype()));
        let against = reference.against();
        if relative_error > tolerance {
            return Err(wrong(format!("it differs by {relative_error:.1e} of its rms from the {against} (allowed: {tolerance:.0e})")));
        }
        let pictures = generator.synthesis_rgba8(ws, &Look::new())?;
        let channels = floats[0].len() / (size.0 * size.1);
        for (picture, floats) in pictures.iter().zip(&floats) {
            let (found, wanted) = (Pixels::from_rgba(picture, channels).pixels, Pixels::from_planes(floats, channels, size).pixels);
            // One level: the last bit of a value decides between two.
            if found.len() != wanted.len() || found.iter().zip(&wanted).any(|(found, wanted)| found.abs_diff(*wanted) > 1) {
                return Err(wrong("its 8-bit pixels are not those of its values".into()));
            }
        }
        let mut hash = Sha256::new();
        pictures.iter().for_each(|picture| hash.update(picture.as_raw()));
        Ok(Verified { sha256: hex(&hash.finalize()), relative_error, tolerance, against, pictures })
    }

    /// Refuses pictures that are others.
    pub(super) fn check(&self, pictures: &[image::RgbaImage], title: &str) -> Result<(), Failure> {
        match pictures == self.pictures {
            true => Ok(()),
            false => Err(Failure::Runtime(format!(
                "{title}: the picture is wrong, so there is no result: the same latents gave other pixels in a later run"
            ))),
        }
    }
}

/// Root of the sum of squared differences, over the same of `want`.
fn relative(got: &[f32], want: &[f32]) -> f64 {
    if got.len() != want.len() {
        return f64::INFINITY;
    }
    let square = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>();
    let error = square(&mut got.iter().zip(want).map(|(&g, &w)| f64::from(g) - f64::from(w)));
    let relative = (error / square(&mut want.iter().map(|&w| f64::from(w)))).sqrt();
    if relative.is_nan() { f64::INFINITY } else { relative }
}

/// Sums of a picture's cells with random signs, channel by channel, and the sum of its squares.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sketch {
    sums: Vec<f64>,
    squares: f64,
}

impl Sketch {
    /// Of a picture `[C, H, W]`.
    pub(super) fn of(image: &[f32], (height, width): (usize, usize)) -> Sketch {
        let channels = image.len() / (height * width);
        let mut sums = vec![0.0; channels * CELLS * CELLS];
        for (i, &value) in image.iter().enumerate() {
            let (c, y, x) = (i / (height * width), i / width % height, i % width);
            let cell = (c * CELLS + y * CELLS / height) * CELLS + x * CELLS / width;
            sums[cell] += if sign(i as u64) { f64::from(value) } else { -f64::from(value) };
        }
        Sketch { sums, squares: image.iter().map(|&value| f64::from(value).powi(2)).sum() }
    }

    /// Estimated relative error of another picture.
    fn error(&self, other: &Sketch) -> f64 {
        if self.sums.len() != other.sums.len() {
            return f64::INFINITY;
        }
        let squares: f64 = self.sums.iter().zip(&other.sums).map(|(a, b)| (a - b).powi(2)).sum();
        let relative = (squares / self.squares).sqrt();
        if relative.is_nan() { f64::INFINITY } else { relative }
    }

    /// f64, little-endian: the sums, then the sum of squares.
    #[cfg(test)]
    fn to_bytes(&self) -> Vec<u8> {
        self.sums.iter().chain([&self.squares]).flat_map(|value| value.to_le_bytes()).collect()
    }

    fn from_bytes(bytes: &[u8]) -> Sketch {
        let mut values: Vec<f64> = bytes.chunks_exact(8).map(bytemuck::pod_read_unaligned).collect();
        let squares = values.pop().unwrap_or(0.0);
        Sketch { sums: values, squares }
    }
}

/// A fair coin for every pixel, always the same (the finaliser of splitmix64).
fn sign(index: u64) -> bool {
    let mut bits = index.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (bits ^ (bits >> 31)) & 1 == 1
}

use stylegan_studio::pictures::picture::Picture as Pixels;

#[cfg(test)]
mod tests {
    use stylegan_wgpu::blocking;

    use super::super::synthetic;
    use super::*;

    fn picture(seed: u64) -> Vec<f32> {
        (0..3 * 64 * 48).map(|i| if sign(i ^ (seed << 32)) { 0.7 } else { -0.4 }).collect()
    }

    #[test]
    fn sketches_estimate_differences() {
        let (right, size) = (picture(1), (64, 48));
        let error = |image: &[f32]| Sketch::of(&right, size).error(&Sketch::of(image, size));
        assert_eq!(error(&right), 0.0);
        // All over the picture: about the true error.
        let noisy: Vec<f32> = right.iter().zip(picture(2)).map(|(a, b)| a + 0.01 * b).collect();
        let (found, truth) = (error(&noisy), relative(&noisy, &right));
        assert!((found / truth - 1.0).abs() < 0.15, "{found} for {truth}");
        // A single pixel: its error, to the last digit.
        let mut one = right.clone();
        one[4321] += 0.5;
        assert!((error(&one) / relative(&one, &right) - 1.0).abs() < 1e-6);
        // What averages would not show.
        let turned: Vec<f32> = right.iter().map(|value| -value).collect();
        assert!(error(&turned) > 1.8);
        one[4321] = f32::NAN;
        assert_eq!((error(&one), relative(&one, &right)), (f64::INFINITY, f64::INFINITY));
        assert_eq!(Reference::Pictures(vec![right.clone(); SEEDS]).error(&[], size), f64::INFINITY);
    }

    #[test]
    fn sketches_survive_their_bytes() {
        let sketches = [1, 2].map(|seed| Sketch::of(&picture(seed), (64, 48)));
        let bytes = [sketches[0].to_bytes(), sketches[1].to_bytes()].concat();
        let Reference::Sketches(read) = Reference::stored(&bytes) else { panic!("sketches are stored") };
        assert_eq!(read, sketches);
    }

    /// That of config F, where the fixtures are at hand: the reference implementation's picture of the same weights, in f64.
    #[test]
    fn the_stored_sketch_is_the_references() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/fixtures/synthetic-config-f-1024/expected.safetensors");
        let Ok(bytes) = std::fs::read(path) else {
            println!("not tested: {path} is not there");
            return;
        };
        let image = safetensors::SafeTensors::deserialize(&bytes).unwrap().tensor("image").unwrap().data().to_vec();
        let image: Vec<f32> = image.chunks_exact(2).map(|half| half::f16::from_le_bytes([half[0], half[1]]).to_f32()).collect();
        let error = Reference::stored(synthetic::CONFIG_F.sketches.expect("they are stored")).error(&[image], (1024, 1024));
        // It is stored as f16.
        assert!(error <= 3e-4, "{error:.1e}");
    }

    /// Not a test: makes what the others compare with. `cargo test --release -p stylegan-tools sketches_are_written -- --ignored`
    #[test]
    #[ignore = "writes tools/src/commands/bench/sketches; minutes on a software adapter"]
    fn sketches_are_written() {
        let gpu = blocking::open(None).unwrap();
        for network in synthetic::PRESET {
            let model = stylegan_wgpu::internals::random_weights::random_weights(&(network.config)(), 0);
            let Ok(Reference::Pictures(pictures)) = Reference::drawn(&gpu, &model) else { panic!("no picture") };
            let bytes: Vec<u8> = pictures.iter().flat_map(|image| Sketch::of(image, model.config.image_size()).to_bytes()).collect();
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/commands/bench/sketches");
            std::fs::write(format!("{folder}/{}.bin", network.name), bytes).unwrap();
        }
    }
}

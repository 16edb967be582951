//! A scene: what a call draws, checked against the network, and the inputs that the device is given for it.

use super::look::{Input, Look, Noise};
use super::prepared::{Mapped, Prepared};
use super::style_offsets::{StyleOffset, styles_table};
use crate::error::{Error, Result};
use crate::executor::{Executor, Staged};
use crate::latent::{self, RandomState, Truncation, Ws};
use crate::model::Model;
use crate::networks::Config;
use crate::networks::stylegan3::Transform;
use crate::tensor::Tensor;

/// What a call draws.
#[derive(Clone)]
pub(super) struct Scene {
    pub(super) images: usize,
    pub(super) rows: Rows,
    pub(super) noise: Noise,
    /// One for all pictures, or one for each; none of a network that has none.
    pub(super) transforms: Vec<Transform>,
    pub(super) styles: Vec<StyleOffset>,
}

/// Where the rows of w come from.
#[derive(Clone)]
pub(super) enum Rows {
    /// Given, and drawn as they are.
    Ws(Ws),
    /// Mapped, truncated and moved on the device.
    Latents {
        /// `[m, z_dim]`: the pictures' own first, then those that are mixed in.
        z: Vec<f32>,
        m: usize,
        /// One-hot `[m, c_dim]`.
        label: Vec<f32>,
        /// `[images * num_ws, 4]`, as the kernel `truncate` takes it.
        table: Vec<f32>,
        /// `[images * num_ws, w_dim]`, added at the end.
        direction: Vec<f32>,
    },
}

impl Scene {
    /// Checks what is asked for.
    pub(super) fn new(model: &Model, input: Input<'_>, look: &Look) -> Result<Scene> {
        let config = &model.config;
        let (num_ws, w_dim) = (config.num_ws(), config.w_dim());
        if !look.psi.is_finite() {
            return Err(Error::Argument(format!("psi is {}; it is a finite number", look.psi)));
        }
        look.transforms.iter().try_for_each(|transform| checked(model, transform))?;
        let transforms = if look.transforms.is_empty() { Transform::of(model).into_iter().collect() } else { look.transforms.clone() };
        look.styles.iter().try_for_each(|offset| offset.check(model))?;
        let scene = |images, rows| {
            let many = transforms.len();
            if many > 1 && many != images {
                return Err(Error::Argument(format!("{many} transforms for {images} pictures; one for all, or one for each")));
            }
            Ok(Scene { images, rows, noise: look.noise, transforms, styles: look.styles.clone() })
        };
        let own = match input {
            Input::Ws(ws) => {
                if !look.mixes.is_empty() {
                    return Err(Error::Argument(
                        "seeds are mixed into pictures of seeds or z; rows of w are mixed by themselves before (Ws::mix)".into(),
                    ));
                }
                if look.class.is_some() {
                    label(look.class, config.c_dim())?;
                }
                return scene(ws.n, Rows::Ws(moved(model, ws, look)?));
            }
            Input::Seed(seed) => latent::z(seed, config.z_dim()),
            Input::Seeds(seeds) => seeds.iter().flat_map(|&seed| latent::z(seed, config.z_dim())).collect(),
            Input::Z(z) => z.to_vec(),
        };
        let n = match input {
            Input::Seeds(seeds) => seeds.len(),
            Input::Z(z) if config.z_dim() > 0 => z.len() / config.z_dim(),
            _ => 1,
        };
        if n == 0 || own.len() != n * config.z_dim() {
            let z_dim = config.z_dim();
            return Err(Error::Argument(format!("{} values are no latents of z_dim {z_dim}: one has {z_dim}", own.len())));
        }
        let label = label(look.class, config.c_dim())?;
        let mut z = own;
        // Row l of every picture: which latent it is of.
        let mut source = vec![None; num_ws];
        for (k, (seed, layers)) in look.mixes.iter().enumerate() {
            let rows = source.get_mut(layers.clone()).ok_or_else(|| {
                Error::Argument(format!("layers {} to {} are mixed; the network has {num_ws} rows of w", layers.start, layers.end))
            })?;
            rows.fill(Some(n + k));
            z.extend(latent::z(*seed, config.z_dim()));
        }
        let m = n + look.mixes.len();
        let averages = model.array("mapping.w_avg").len() / w_dim;
        // A StyleGAN-XL has one for each class.
        let of_class = matches!(config, Config::StyleGan3(config) if config.class_embedding.is_some());
        let average = |layer: usize| match averages {
            1 => 0,
            _ if of_class => look.class.unwrap_or(0),
            _ => layer,
        };
        let truncated = |layer: usize| look.cutoff.is_none_or(|cutoff| layer < cutoff);
        let row = |image: usize, layer: usize| {
            let psi = if truncated(layer) { look.psi } else { 1.0 };
            [source[layer].unwrap_or(image) as f32, average(layer) as f32, psi, 0.0]
        };
        let table = (0..n).flat_map(|image| (0..num_ws).flat_map(move |layer| row(image, layer))).collect();
        let direction = direction(look, num_ws, w_dim)?.repeat(n);
        scene(n, Rows::Latents { z, m, label: label.repeat(m), table, direction })
    }

    /// One of its pictures alone.
    pub(super) fn one(&self, image: usize) -> Scene {
        let rows = match &self.rows {
            Rows::Ws(ws) => Rows::Ws(ws.slice(image..image + 1)),
            Rows::Latents { z, m, label, table, direction } => {
                let n = self.images;
                let part = |values: &[f32]| values[image * (values.len() / n)..][..values.len() / n].to_vec();
                let z_dim = z.len() / m;
                let mut table = part(table);
                table.iter_mut().step_by(4).for_each(|source| *source = if *source < n as f32 { 0.0 } else { *source - (n - 1) as f32 });
                Rows::Latents {
                    z: z[image * z_dim..(image + 1) * z_dim].iter().chain(&z[n * z_dim..]).copied().collect(),
                    m: m - n + 1,
                    label: label[..label.len() / m * (m - n + 1)].to_vec(),
                    table,
                    direction: part(direction),
                }
            }
        };
        let transforms = self.transforms.get(image).or(self.transforms.first()).copied().into_iter().collect();
        Scene { images: 1, rows, noise: self.noise.of(image), transforms, styles: self.styles.clone() }
    }

    /// The inputs of the mapping network.
    pub(super) fn stage_latents(&self, mapped: &Mapped) -> Result<Vec<Staged>> {
        let (Rows::Latents { z, label, table, direction, .. }, Some(truncated)) = (&self.rows, &mapped.truncated) else {
            return Ok(Vec::new());
        };
        let executor = &mapped.executor;
        let own = [(mapped.z, z), (mapped.label, label), (Some(truncated.table), table), (Some(truncated.direction), direction)];
        own.into_iter().filter_map(|(tensor, values)| Some(executor.stage(tensor?, values))).collect()
    }

    /// The inputs of the synthesis network, and what is put back after it.
    pub(super) fn stage(&self, model: &Model, prepared: &Prepared) -> Result<[Vec<Staged>; 2]> {
        let Prepared { handles, executor, .. } = prepared;
        let (mut before, mut after) = (Vec::new(), Vec::new());
        if let Rows::Ws(ws) = &self.rows {
            before.push(executor.stage(handles.ws, &ws.values)?);
        }
        if let Some(tensor) = handles.transform {
            before.push(executor.stage(tensor, &self.transform_rows())?);
        }
        match self.noise {
            Noise::Random { seed } => self.stage_noise(executor, &handles.noises, seed, 0, &mut before)?,
            Noise::AfterZ { seed } => self.stage_noise(executor, &handles.noises, seed, model.config.z_dim(), &mut before)?,
            Noise::Const | Noise::None => {}
        }
        if !self.styles.is_empty() {
            before.push(executor.stage(handles.styles, &styles_table(&handles.affines, &self.styles))?);
            after.push(executor.stage(handles.styles, &styles_table(&handles.affines, &[]))?);
        }
        Ok([before, after])
    }

    fn transform_rows(&self) -> Vec<f32> {
        match self.transforms[..] {
            [one] => one.rows().repeat(self.images),
            _ => self.transforms.iter().flat_map(Transform::rows).collect(),
        }
    }

    /// Fresh noise: each image has its own stream, so an image does not depend on the batch it is rendered in. The first `used` values of
    /// every stream were something else.
    fn stage_noise(&self, executor: &Executor, noises: &[Tensor], seed: u32, used: usize, staged: &mut Vec<Staged>) -> Result<()> {
        let mut streams: Vec<RandomState> = (0..self.images).map(|i| RandomState::new(seed.wrapping_add(i as u32))).collect();
        streams.iter_mut().for_each(|stream| drop(stream.randn(used)));
        for tensor in noises {
            let pixels = tensor.len() / self.images;
            let maps: Vec<f32> = streams.iter_mut().flat_map(|stream| (0..pixels).map(|_| stream.next_gaussian() as f32)).collect();
            staged.push(executor.stage(*tensor, &maps)?);
        }
        Ok(())
    }
}

/// A transform that the network can draw.
pub(super) fn checked(model: &Model, transform: &Transform) -> Result<()> {
    let network = model.config.network();
    if Transform::of(model).is_none() {
        return Err(Error::Argument(format!("pictures of a {network} cannot be moved or turned; those of a StyleGAN3 can")));
    }
    if !transform.is_finite() {
        return Err(Error::Argument("a transform is a matrix of finite numbers".into()));
    }
    Ok(())
}

/// The one-hot label of a class.
pub(super) fn label(class: Option<usize>, c_dim: usize) -> Result<Vec<f32>> {
    match class {
        None if c_dim > 0 => Err(Error::Argument(format!("the network is conditional: name a class from 0 to {}", c_dim - 1))),
        Some(class) if c_dim == 0 => Err(Error::Argument(format!("class {class}: the network has no classes"))),
        Some(class) if class >= c_dim => Err(Error::Argument(format!("class {class}: the network has classes 0 to {}", c_dim - 1))),
        class => Ok((0..c_dim).map(|i| if Some(i) == class { 1.0 } else { 0.0 }).collect()),
    }
}

/// The sum of a look's directions, for every row of w.
fn direction(look: &Look, num_ws: usize, w_dim: usize) -> Result<Vec<f32>> {
    let mut sum = vec![0.0; num_ws * w_dim];
    for (direction, strength) in &look.directions {
        if direction.len() != w_dim && direction.len() != num_ws * w_dim {
            let found = direction.len();
            return Err(Error::Argument(format!("a direction has {found} values; w has {w_dim}, in {num_ws} layers")));
        }
        if !strength.is_finite() || !direction.iter().all(|value| value.is_finite()) {
            return Err(Error::Argument("a direction and its strength are finite numbers".into()));
        }
        sum.iter_mut().zip(direction.iter().cycle()).for_each(|(sum, value)| *sum += strength * value);
    }
    Ok(sum)
}

/// Given rows of w, truncated and moved as the look says.
fn moved(model: &Model, ws: &Ws, look: &Look) -> Result<Ws> {
    let (num_ws, w_dim) = (model.config.num_ws(), model.config.w_dim());
    if (ws.num_ws, ws.w_dim) != (num_ws, w_dim) || ws.n == 0 {
        return Err(Error::Argument(format!("ws is [{}, {}, {}]; this network takes [N, {num_ws}, {w_dim}]", ws.n, ws.num_ws, ws.w_dim)));
    }
    let mut ws = ws.clone();
    if look.psi != 1.0 {
        Truncation { psi: look.psi, cutoff: look.cutoff }.apply(&mut ws, &w_avg_of(model, look.class))?;
    }
    if !look.directions.is_empty() {
        let direction = direction(look, num_ws, w_dim)?;
        ws.values.iter_mut().zip(direction.iter().cycle()).for_each(|(value, offset)| *value += offset);
    }
    Ok(ws)
}

/// See [`Generator::w_avg_of`](super::Generator::w_avg_of).
pub(super) fn w_avg_of(model: &Model, class: Option<usize>) -> Vec<f32> {
    let all = model.array("mapping.w_avg").to_f32();
    let w_dim = model.config.w_dim();
    match &model.config {
        Config::StyleGan3(config) if config.class_embedding.is_some() => match class {
            Some(class) => all.chunks_exact(w_dim).nth(class).map_or_else(Vec::new, <[f32]>::to_vec),
            None => (0..w_dim).map(|i| all.iter().skip(i).step_by(w_dim).sum::<f32>() / config.c_dim as f32).collect(),
        },
        _ => all,
    }
}

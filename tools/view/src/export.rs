//! Files of what is seen: pictures that say how they were made, sheets, rows of w.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use stylegan_convert::array_file::{self, Array};
use stylegan_studio::pictures::flags;
use stylegan_studio::pictures::grid::Grid;
use stylegan_studio::pictures::picture::{Format, Picture};
use stylegan_studio::pictures::picture_settings::{Kind, Settings, public_name};
use stylegan_studio::pictures::stamp;
use stylegan_wgpu::internals::tensor::DType;
use stylegan_wgpu::latent::Ws;
use stylegan_wgpu::{Config, PrecisionChoice};

use crate::error::ViewError;
use crate::hand::Hand;
use crate::loading::Network;
use crate::tasks::Reporter;
use crate::wish::{Source, Wish};

/// What was written.
pub(crate) struct Written {
    /// The files.
    pub(crate) files: Vec<PathBuf>,
    /// What draws the picture again, beside its files.
    pub(crate) command: Option<String>,
}

/// How pictures are drawn, whatever they show.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    /// As it was asked for.
    pub(crate) precision: PrecisionChoice,
    /// Whether kernels are timed.
    pub(crate) tuned: bool,
}

/// The settings of pictures: of a seed by its number, of all else by the rows of w in the file of that name.
pub(crate) fn settings(network: &Network, wishes: &[Wish], rows: Option<(&str, &Ws)>, manner: Manner, dtype: DType) -> Settings {
    let (config, wish) = (&network.model.config, &wishes[0]);
    let placed = matches!(config, Config::StyleGan3(_)) && wish.is_placed();
    let mut how = stamp::Manner {
        noise: wish.noise(),
        // Not the f16 of "auto", which draws in f32 what f16 does not hold.
        precision: (manner.precision != PrecisionChoice::Auto || dtype == DType::F32).then_some(dtype),
        no_tune: !manner.tuned,
        translate: placed.then_some(wish.translate),
        rotate: placed.then_some(wish.rotate),
        zoom: placed.then_some(wish.zoom),
        ..stamp::Manner::default()
    };
    let own = match rows {
        Some((name, ws)) => stamp::Own::default().file("projected-w", public_name(name), stamp::sha256(&ws.values)),
        None => {
            (how.trunc_cutoff, how.class) = (wish.cutoff, wish.class_of(config));
            let seeds: Vec<u32> = wishes.iter().filter_map(|wish| wish.source.seed()).collect();
            stamp::Own::default().flag("seeds", flags::ranges(&seeds)).flag("trunc", wish.psi)
        }
    };
    stamp::stamped(&stamp::settings("generate", network.file_name(), network.sha256().into()), own, how)
}

/// Draws and writes a picture, and beside it its rows of w where no seed gives them.
pub(crate) fn picture(hand: &mut Hand, wish: &Wish, path: &Path, manner: Manner, reporter: &Reporter) -> Result<Written, ViewError> {
    sheet(hand, std::slice::from_ref(wish), (1, 1), path, manner, reporter)
}

/// Draws and writes a sheet, row by row, the same way.
pub(crate) fn sheet(
    hand: &mut Hand,
    wishes: &[Wish],
    (columns, rows): (usize, usize),
    path: &Path,
    manner: Manner,
    reporter: &Reporter,
) -> Result<Written, ViewError> {
    let network: Arc<Network> = hand.network().clone();
    let config = &network.model.config;
    let (channels, size) = (config.img_channels(), config.image_size());
    let mut sheet = (wishes.len() > 1).then(|| Grid::new(columns, rows, size, channels));
    let mut all: Option<Ws> = None;
    let mut last = None;
    for (i, wish) in wishes.iter().enumerate() {
        let ws = hand.ws(wish)?;
        let look = wish.look(config)?;
        let drawn = Picture::from_rgba(&hand.picture(&ws, &look, reporter)?, channels);
        match &mut sheet {
            Some(sheet) => sheet.put(i, &drawn),
            None => last = Some(drawn),
        }
        match &mut all {
            Some(all) => {
                all.n += ws.n;
                all.values.extend(ws.values);
            }
            None => all = Some(ws),
        }
        reporter.report((i + 1) as f32 / wishes.len() as f32);
    }
    let (Some(all), Some(picture)) = (all, sheet.as_ref().map(Grid::sheet).or(last.as_ref())) else {
        return Err(ViewError::Wrong("a sheet has at least one picture".into()));
    };
    let mut files = vec![path.to_owned()];
    let beside = path.with_extension("npz");
    let named = (!wishes.iter().all(Wish::is_of_seed)).then(|| beside.file_name().unwrap_or_default().to_string_lossy().into_owned());
    if named.is_some() {
        save_ws(&beside, &all)?;
        files.push(beside);
    }
    let mut settings = settings(&network, wishes, named.as_deref().map(|name| (name, &all)), manner, hand.dtype());
    if wishes.len() > 1 {
        settings.flags.push(("grid".into(), format!("{columns}x{rows}")));
    }
    picture.write(path, Format::Png, settings.xmp().as_deref())?;
    Ok(Written { files, command: Some(settings.command_line(Kind::Png)) })
}

/// Writes rows of w as NVIDIA's projected_w.npz has them: `w`, `[N, num_ws, w_dim]`.
pub(crate) fn save_ws(path: &Path, ws: &Ws) -> Result<(), ViewError> {
    let array = Array::new(&[ws.n, ws.num_ws, ws.w_dim], ws.values.clone());
    array_file::write_npz(path, &[("w", &array)]).map_err(|error| ViewError::Wrong(format!("{}: {error}", path.display())))
}

/// The wishes of a sheet: the seeds that follow, or, of what is between seeds, the pad around it.
pub(crate) fn around(wish: &Wish, count: usize) -> Vec<Wish> {
    (0..count)
        .map(|i| {
            let source = match (&wish.source, wish.source.seed()) {
                (_, Some(seed)) => Source::of_seed(seed.wrapping_add(i as u32)),
                (Source::Pad { x, y, space }, None) => Source::Pad { x: x + i as f64, y: *y, space: *space },
                (rows, None) => rows.clone(),
            };
            Wish { source, noise_seed: wish.noise_seed.wrapping_add(i as u32), ..wish.clone() }
        })
        .collect()
}

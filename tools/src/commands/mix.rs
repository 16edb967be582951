//! `stylegan mix`: style mixing, the coarse of one picture with the fine of another.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use clap::Args;
use serde_json::json;
use stylegan_convert::array_file;
use stylegan_studio::drawing::pipeline::{self, Drawn, Pixels, Stages};
use stylegan_studio::pictures::flags;
use stylegan_studio::pictures::grid::{self, Grid};
use stylegan_studio::pictures::picture::Format;
use stylegan_studio::vectors::{Layers, Source};
use stylegan_wgpu::latent::Ws;

use crate::args::{self, DrawArgs, SeedRanges};
use crate::drawing::stamp::{self, Own, Stamp};
use crate::drawing::studio::{Studio, Subject};
use crate::drawing::{latents, network};
use crate::failure::Failure;
use crate::{output, say};

/// Mixes styles: every picture of a row with the layers chosen from every picture of a column, as 85-55.png, and all as grid.png.
///
/// Flags, file names and pictures are those of NVIDIA's style_mixing.py.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  stylegan mix --rows 0,1,4 --cols 5-9 --styles coarse --outdir out
  stylegan mix --network ffhq.pkl --rows 85,100,75,458,1500 --cols 55,821,1789,293 --styles 0-6 --trunc 0.7 --outdir out
  stylegan mix --network ffhq.pkl --rows 85 --cols 55,821 --styles middle,fine --outdir out
  stylegan mix --network ffhq.pkl --projected-w me.npz --cols 0-7 --styles fine --outdir out")]
pub(crate) struct MixArgs {
    #[command(flatten)]
    draw: DrawArgs,

    /// Seeds of the rows: what is kept, but for the layers of --styles
    #[arg(long, required_unless_present = "projected_w", value_parser = args::parse_seeds, value_name = "LIST")]
    rows: Vec<SeedRanges>,

    /// Seeds of the columns, which the layers of --styles come from
    #[arg(long, required_unless_present = "projected_w", value_parser = args::parse_seeds, value_name = "LIST")]
    cols: Vec<SeedRanges>,

    /// Pictures by their rows of w, from a file as `generate` takes it, in the place of --rows or --cols, whichever is absent, or both
    #[arg(long, value_name = "FILE[:KEY]")]
    projected_w: Option<Source>,

    /// Layers taken from the columns: numbers and ranges, or coarse (to 8 pixels), middle (to 32), fine (from 64)
    #[arg(long, default_value = "0-6", value_name = "LAYERS")]
    styles: Layers,

    /// Folder to write into; made when it is not there
    #[arg(long, value_name = "DIR")]
    outdir: PathBuf,

    /// File format of the pictures; npy holds f32 of C x H x W, not clamped. grid.png is always a PNG
    #[arg(long, value_parser = args::format(), default_value = Format::Png.extension())]
    format: Format,

    /// Prints the closing line as JSON
    #[arg(long)]
    json: bool,
}

/// Row and column of a picture, by their places among the sources; a source's own picture has it twice.
type Pair = (usize, usize);

pub(crate) fn run(args: &MixArgs) -> Result<(), Failure> {
    let (rows, cols) = (args::listed_seeds("--rows", &args.rows)?, args::listed_seeds("--cols", &args.cols)?);
    if args.projected_w.is_some() && !rows.is_empty() && !cols.is_empty() {
        return Err(Failure::usage("--projected-w takes the place of --rows or of --cols: leave one of them out"));
    }
    args.draw.refuse_tf()?;
    args.draw.refuse_open_channels()?;
    output::check_folder(&args.outdir)?;
    let no_seeds = rows.is_empty() && cols.is_empty();
    let subject = if no_seeds { Subject::without_latents(&args.draw)? } else { Subject::open(&args.draw)? };
    let config = &subject.model.config;
    let projected = args.projected_w.as_ref().map(|source| latents::rows(source, config)).transpose()?;
    args.format.check(config.img_channels())?;
    let styles = args.styles.rows("--styles", config)?;
    let ((height, width), channels) = (config.image_size(), config.img_channels());
    // The seeds in order, each once, then the pictures of the file.
    let seeds: Vec<u32> = BTreeSet::from_iter(rows.iter().chain(&cols).copied()).into_iter().collect();
    let count = projected.as_ref().map_or(0, |ws| ws.n);
    let names: Vec<String> = seeds.iter().map(u32::to_string).chain((0..count).map(|i| format!("proj{i:02}"))).collect();
    let places = |listed: &[u32]| match listed {
        [] => (seeds.len()..names.len()).collect(),
        _ => listed.iter().map(|seed| seeds.binary_search(seed).expect("all are there")).collect::<Vec<_>>(),
    };
    let (rows, cols) = (places(&rows), places(&cols));
    let (across, down) = (cols.len() + 1, rows.len() + 1);
    grid::check_pixels(across.saturating_mul(width), down.saturating_mul(height))?;

    let cells = cells(&rows, &cols);
    let pairs: Vec<Pair> = cells.keys().copied().collect();
    let mut studio = Studio::open(&args.draw, &subject, pairs.len())?;
    output::make_folder(&args.outdir)?;
    let mut sources = if seeds.is_empty() {
        Ws { n: 0, num_ws: config.num_ws(), w_dim: config.w_dim(), values: vec![] }
    } else {
        studio.all_ws(&seeds)?
    };
    let sha256 = projected.as_ref().map_or(String::new(), |ws| stamp::sha256(&ws.values));
    if let Some(projected) = projected {
        sources.n += projected.n;
        sources.values.extend(projected.values);
    }
    let mut ws = |_: &mut Studio, indices: &[usize]| -> Result<Ws, Failure> {
        let rows = indices.iter().flat_map(|&i| sources.image(pairs[i].0)).copied().collect();
        let mut ws = Ws::new(indices.len(), sources.num_ws, sources.w_dim, rows)?;
        for (i, &index) in indices.iter().enumerate() {
            ws.mix(i, &styles, &sources, pairs[index].1)?;
        }
        Ok(ws)
    };

    let stamp = Stamp::new("mix", &args.draw, &subject, &studio);
    let list = |places: &[usize]| {
        let seeds: Vec<u32> = places.iter().filter_map(|&place| seeds.get(place)).copied().collect();
        (!seeds.is_empty()).then(|| flags::ranges(&seeds))
    };
    // One of them is projected, or both: then their place in the file is a part of its name.
    let own = |rows: &[usize], cols: &[usize]| {
        let mut own = Own::default();
        let (row_seeds, col_seeds) = (list(rows), list(cols));
        if let (Some(source), true) = (&args.projected_w, row_seeds.is_none() || col_seeds.is_none()) {
            let place = match (rows, cols, count) {
                (_, _, 1) => None,
                (&[row], _, _) if row_seeds.is_none() && (col_seeds.is_some() || cols == rows) => Some(row),
                (_, &[col], _) if col_seeds.is_none() && row_seeds.is_some() => Some(col),
                _ => None,
            };
            let name = stamp::source_name(source);
            own = match place {
                Some(place) => own.file("projected-w", format!("{name}:{}", place - seeds.len()), stamp::sha256(sources.image(place))),
                None => own.file("projected-w", name, sha256.clone()),
            };
        }
        for (flag, seeds) in [("rows", row_seeds), ("cols", col_seeds)] {
            own = seeds.into_iter().fold(own, |own, seeds| own.flag(flag, seeds));
        }
        let styles: Vec<u32> = styles.iter().map(|&row| row as u32).collect();
        own.flag("styles", flags::ranges(&styles)).flag("trunc", args.draw.trunc)
    };
    let sheet = Mutex::new(Grid::new(across, down, (height, width), channels));
    let bar = network::bar(pairs.len() as u64, "rendering");
    let encode = |drawn: Drawn| {
        let pair = pairs[drawn.index];
        let picture = drawn.pixels.picture(channels, (height, width));
        let mut sheet = sheet.lock().unwrap_or_else(PoisonError::into_inner);
        cells[&pair].iter().for_each(|&cell| sheet.put(cell, &picture));
        drop(sheet);
        let name = format!("{}-{}.{}", names[pair.0], names[pair.1], args.format.extension());
        let bytes = match &drawn.pixels {
            Pixels::Planes(planes) => array_file::npy_bytes(&[channels, height, width], planes),
            Pixels::Rgba(_) => {
                // Alone, a source is the first picture, and a mixed one the second, after its sources; of two rows of w out of one file
                // there is no command but the whole.
                let alone = match pair.0 == pair.1 {
                    true => 0,
                    false if no_seeds => drawn.index,
                    false => 1,
                };
                let packet = stamp.packet(own(&[pair.0], &[pair.1]), drawn.index.wrapping_sub(alone));
                picture.encode(args.format, packet.as_deref()).map_err(|error| Failure::Runtime(format!("{name}: {error}")))?
            }
        };
        Ok((name, bytes))
    };
    let mut write = |(name, bytes): (String, Vec<u8>)| {
        output::write(&args.outdir.join(name), &bytes)?;
        bar.inc(1);
        Ok(())
    };
    let stages = Stages { ws: &mut ws, planes: args.format == Format::Npy, encode: &encode, write: &mut write };
    let times = pipeline::run(&mut studio, &(0..pairs.len()).collect::<Vec<_>>(), stages);
    bar.finish_and_clear();
    let times = times?;
    let sheet = sheet.into_inner().unwrap_or_else(PoisonError::into_inner);
    let packet = stamp.packet(own(&rows, &cols), 0);
    sheet.sheet().write(&args.outdir.join("grid.png"), Format::Png, packet.as_deref())?;

    let device = studio.device();
    if args.json {
        let mut summary = times.json();
        summary["device"] = device.into();
        summary["outdir"] = args.outdir.display().to_string().into();
        summary["styles"] = json!(styles);
        return say(&summary.to_string());
    }
    say(&times.line(&device, args.draw.verbose))
}

/// Every picture and its cells on the sheet: the columns' own along the top, the rows' own along the left, an empty corner.
fn cells(rows: &[usize], cols: &[usize]) -> BTreeMap<Pair, Vec<usize>> {
    let mut cells: BTreeMap<Pair, Vec<usize>> = BTreeMap::new();
    let width = cols.len() + 1;
    for (x, &col) in cols.iter().enumerate() {
        cells.entry((col, col)).or_default().push(x + 1);
    }
    for (y, &row) in rows.iter().enumerate() {
        let first = (y + 1) * width;
        cells.entry((row, row)).or_default().push(first);
        for (x, &col) in cols.iter().enumerate() {
            cells.entry((row, col)).or_default().push(first + x + 1);
        }
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sheet_has_sources_at_its_edges() {
        // 3 is a row and a column: one picture, on the left, on the top, and where both meet.
        let cells = cells(&[7, 3], &[3, 5, 3]);
        let wanted: [(Pair, &[usize]); 6] =
            [((3, 3), &[1, 3, 8, 9, 11]), ((3, 5), &[10]), ((5, 5), &[2]), ((7, 3), &[5, 7]), ((7, 5), &[6]), ((7, 7), &[4])];
        assert!(cells.iter().map(|(pair, cells)| (*pair, &cells[..])).eq(wanted));
    }
}

//! `stylegan mix`: style mixing, the coarse of one picture with the fine of another.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use clap::Args;
use serde_json::json;
use stylegan_tools::array_file;
use stylegan_wgpu::latent::Ws;

use crate::args::{self, DrawArgs, Format, SeedRanges};
use crate::failure::Failure;
use crate::grid::{self, Grid};
use crate::layers::{Layers, parse_layers};
use crate::pipeline::{self, Drawn, Pixels, Stages};
use crate::studio::{Studio, Subject};
use crate::{network, output, say};

/// Mixes styles: every picture of a row with the layers chosen from every picture of a column, as 85-55.png, and all as grid.png.
///
/// Flags, file names and pictures are those of NVIDIA's style_mixing.py.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  stylegan mix --rows 0,1,4 --cols 5-9 --styles coarse --outdir out
  stylegan mix --network ffhq.pkl --rows 85,100,75,458,1500 --cols 55,821,1789,293 --styles 0-6 --trunc 0.7 --outdir out
  stylegan mix --network ffhq.pkl --rows 85 --cols 55,821 --styles middle,fine --outdir out")]
pub(crate) struct MixArgs {
    #[command(flatten)]
    draw: DrawArgs,

    /// Seeds of the rows: what is kept, but for the layers of --styles
    #[arg(long, required = true, value_parser = args::parse_seeds, value_name = "LIST")]
    rows: Vec<SeedRanges>,

    /// Seeds of the columns, which the layers of --styles come from
    #[arg(long, required = true, value_parser = args::parse_seeds, value_name = "LIST")]
    cols: Vec<SeedRanges>,

    /// Layers taken from the columns: numbers and ranges, or coarse (to 8 pixels), middle (to 32), fine (from 64)
    #[arg(long, default_value = "0-6", value_parser = parse_layers, value_name = "LAYERS")]
    styles: Layers,

    /// Folder to write into; made when it is not there
    #[arg(long, value_name = "DIR")]
    outdir: PathBuf,

    /// File format of the pictures; npy holds f32 of C x H x W, not clamped. grid.png is always a PNG
    #[arg(long, value_enum, default_value_t = Format::Png)]
    format: Format,

    /// Prints the closing line as JSON
    #[arg(long)]
    json: bool,
}

/// Row and column of a picture, by their seeds; a seed's own picture has it twice.
type Pair = (u32, u32);

pub(crate) fn run(args: &MixArgs) -> Result<(), Failure> {
    let (rows, cols) = (args::listed_seeds("--rows", &args.rows)?, args::listed_seeds("--cols", &args.cols)?);
    output::check_folder(&args.outdir)?;
    let subject = Subject::open(&args.draw)?;
    let config = &subject.model.config;
    args.format.check(config.img_channels())?;
    let styles = args.styles.rows("--styles", config)?;
    let ((height, width), channels) = (config.image_size(), config.img_channels());
    let (across, down) = (cols.len() + 1, rows.len() + 1);
    grid::check_pixels(across.saturating_mul(width), down.saturating_mul(height)).map_err(Failure::usage)?;

    let cells = cells(&rows, &cols);
    let pairs: Vec<Pair> = cells.keys().copied().collect();
    let mut studio = Studio::open(&args.draw, &subject, pairs.len())?;
    output::make_folder(&args.outdir)?;
    let seeds: Vec<u32> = pairs.iter().filter(|(row, col)| row == col).map(|(row, _)| *row).collect();
    let sources = studio.all_ws(&seeds)?;
    let place = |seed| seeds.binary_search(&seed).expect("every seed has a picture of its own, in order");
    let mut ws = |_: &mut Studio, indices: &[usize]| -> Result<Ws, Failure> {
        let rows = indices.iter().flat_map(|&i| sources.image(place(pairs[i].0))).copied().collect();
        let mut ws = Ws::new(indices.len(), sources.num_ws, sources.w_dim, rows)?;
        for (i, &index) in indices.iter().enumerate() {
            ws.mix(i, &styles, &sources, place(pairs[index].1))?;
        }
        Ok(ws)
    };

    let sheet = Mutex::new(Grid::new(across, down, (height, width), channels));
    let bar = network::bar(pairs.len() as u64, "rendering");
    let encode = |drawn: Drawn| {
        let pair = pairs[drawn.index];
        let picture = drawn.pixels.picture(channels, (height, width));
        let mut sheet = sheet.lock().unwrap_or_else(PoisonError::into_inner);
        cells[&pair].iter().for_each(|&cell| sheet.put(cell, &picture));
        drop(sheet);
        let name = format!("{}-{}.{}", pair.0, pair.1, args.format.extension());
        let bytes = match &drawn.pixels {
            Pixels::Planes(planes) => array_file::npy_bytes(&[channels, height, width], planes),
            Pixels::Rgba(_) => picture.encode(args.format).map_err(|error| Failure::Runtime(format!("{name}: {error}")))?,
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
    sheet.sheet().write(&args.outdir.join("grid.png"), Format::Png)?;

    let device = studio.device();
    if args.json {
        let mut summary = times.json();
        summary["device"] = device.into();
        summary["outdir"] = args.outdir.display().to_string().into();
        summary["styles"] = json!(styles);
        return say(&summary.to_string());
    }
    say(&times.line(&device))
}

/// Every picture and its cells on the sheet: the columns' own along the top, the rows' own along the left, an empty corner.
fn cells(rows: &[u32], cols: &[u32]) -> BTreeMap<Pair, Vec<usize>> {
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

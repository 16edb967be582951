//! `stylegan grid`: one sheet of many pictures, of seeds or of a sweep of truncations.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use clap::Args;
use serde_json::json;
use stylegan_studio::drawing::pipeline::{self, Drawn, Pixels, Stages};
use stylegan_studio::pictures::flags;
use stylegan_studio::pictures::grid::{self, Grid};
use stylegan_studio::pictures::label::Font;
use stylegan_studio::pictures::picture::{self, Format, Picture};
use stylegan_studio::vectors::Source;

use crate::args::{self, SeedRanges, StudioArgs};
use crate::drawing::latents::Latents;
use crate::drawing::stamp::Stamp;
use crate::drawing::studio::{Studio, Subject};
use crate::drawing::{diverse, network};
use crate::failure::Failure;
use crate::{output, say};

/// Draws one sheet of many pictures: a picture per seed, or a row per seed with every psi of a sweep.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  stylegan grid --seeds 0-15 -o sheet.png
  stylegan grid --network ffhq.pkl --seeds 0-99 --columns 10 --size 256 --labels -o sheet.webp
  stylegan grid --network ffhq.pkl --seeds 0-9999 --diverse 16 --centers auto -o varied.png
  stylegan grid --network ffhq.pkl --seeds 85,100 --trunc=-1,-0.5,0,0.5,0.7,1 --labels -o sweep.png")]
pub(crate) struct GridArgs {
    #[command(flatten)]
    studio: StudioArgs,

    /// Seeds, as 0,3-5; the flag may be repeated
    #[arg(long, default_value = "0-15", value_parser = args::parse_seeds, value_name = "LIST")]
    seeds: Vec<SeedRanges>,

    /// Draws so many of the seeds only: those whose w are farthest from each other. Says which, as --seeds takes them
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..), value_name = "N")]
    diverse: Option<u32>,

    /// Pictures by their rows of w instead of seeds, from a file as `generate` takes it
    #[arg(long, value_name = "FILE[:KEY]", conflicts_with_all = ["seeds", "class", "trunc", "trunc_cutoff", "centers", "diverse"])]
    projected_w: Option<Source>,

    /// Truncation psi; of several, each has a column and each seed a row (write --trunc=-1,0,1 with =)
    #[arg(
        long,
        default_value = args::USUAL_TRUNC_TEXT,
        value_delimiter = ',',
        value_parser = args::parse_finite,
        allow_hyphen_values = true,
        value_name = "PSI,..."
    )]
    trunc: Vec<f32>,

    /// Columns of the sheet; as many as rows when absent
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1000), value_name = "N")]
    columns: Option<u16>,

    /// Writes the seed, and the psi of a sweep, under every picture
    #[arg(long)]
    labels: bool,

    /// Scales every picture to that side, in pixels; of pictures that are not square, the longer one
    #[arg(long, value_parser = clap::value_parser!(u16).range(8..=4096), value_name = "PIXELS")]
    size: Option<u16>,

    /// Picture to write: .png, .jpg or .webp
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,

    /// Prints the closing line as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &GridArgs) -> Result<(), Failure> {
    let seeds = args::seeds("--seeds", &args.seeds)?;
    let format = Format::of_picture(&args.output)?;
    args.studio.refuse_open_channels()?;
    output::check_file(&args.output)?;
    if args.trunc.len() > 1 && args.columns.is_some() {
        return Err(Failure::usage("--columns is the number of values of --trunc where there are several"));
    }
    if let [psi] = args.trunc[..]
        && args.projected_w.is_none()
    {
        args::note_psi(psi);
    }
    let (subject, mut latents) = match &args.projected_w {
        None => (Subject::open(&args.studio)?, Latents::Seeds(seeds)),
        Some(source) => {
            let subject = Subject::without_latents(&args.studio)?;
            let latents = Latents::read(source, &subject.model.config)?;
            (subject, latents)
        }
    };
    let config = &subject.model.config;
    format.check(config.img_channels())?;
    let count = args.diverse.map_or(Ok(latents.len()), |n| diverse::check(n, latents.len(), &subject, args.studio.trunc_cutoff))?;
    let cells = count.saturating_mul(args.trunc.len());
    let columns = match (args.trunc.len(), args.columns) {
        (1, Some(columns)) => usize::from(columns).min(cells),
        (1, None) => (1..).find(|side| side * side >= cells).unwrap_or(1),
        (sweep, _) => sweep,
    };
    let rows = cells.div_ceil(columns);
    let drawn = config.image_size();
    let size = args.size.map_or(drawn, |longer| picture::scaled(drawn, longer.into()));
    // Of --diverse any of the seeds may be chosen, so that what any of them needs is looked at before they are compared.
    let (possible, sweep) = (cells_of(&latents, &args.trunc), args.trunc.len() > 1);
    let font = args.labels.then(|| labels(&named(&latents, &possible), sweep, size)).transpose()?.map(|(font, _)| font);
    let (height, width) = size;
    let strip = font.map_or(0, Font::line);
    grid::check_pixels(columns.saturating_mul(width), rows.saturating_mul(height + strip))?;

    let mut studio = None;
    if let (Some(n), Latents::Seeds(seeds)) = (args.diverse, &latents) {
        let studio = studio.insert(Studio::with_psi(&args.studio, 1.0, &subject, n as usize * args.trunc.len())?);
        // Of a sweep, where the pictures differ most.
        let psi = args.trunc.iter().copied().reduce(|most, psi| if psi.abs() > most.abs() { psi } else { most });
        let chosen = diverse::choose(studio, seeds, n as usize, psi.unwrap_or(1.0))?;
        latents = Latents::Seeds(chosen);
    }

    let cells = cells_of(&latents, &args.trunc);
    let labels = args.labels.then(|| labels(&named(&latents, &cells), sweep, size)).transpose()?;

    let mut studio = match studio {
        Some(studio) => studio,
        None => Studio::with_psi(&args.studio, 1.0, &subject, cells.len())?,
    };
    if let Latents::Seeds(seeds) = &latents {
        if args.diverse.is_some() && !args.json {
            say(&format!("--seeds {}", flags::ranges(seeds)))?;
        }
        studio.draws(cells.iter().map(|&(place, _)| seeds[place]).collect());
    }
    let sheet = Mutex::new(Grid::with_strips(columns, rows, size, strip, config.img_channels()));
    let bar = network::bar(cells.len() as u64, "rendering");
    let encode = |drawn: Drawn| {
        let Pixels::Rgba(image) = drawn.pixels else { unreachable!("8 bits were asked for") };
        let picture = Picture::from_rgba(&picture::resized(image, size), config.img_channels());
        let mut sheet = sheet.lock().unwrap_or_else(PoisonError::into_inner);
        sheet.put(drawn.index, &picture);
        if let Some((font, texts)) = &labels {
            sheet.label(drawn.index, *font, &texts[drawn.index]);
        }
        Ok(())
    };
    let stages = Stages {
        ws: &mut |studio: &mut Studio, indices| match &latents {
            Latents::Seeds(seeds) => studio.ws_with_psi(&indices.iter().map(|&i| (seeds[cells[i].0], cells[i].1)).collect::<Vec<_>>()),
            Latents::Rows { .. } => latents.ws(studio, indices),
        },
        planes: false,
        encode: &encode,
        write: &mut |()| {
            bar.inc(1);
            Ok(())
        },
    };
    let times = pipeline::run(&mut studio, &(0..cells.len()).collect::<Vec<_>>(), stages);
    bar.finish_and_clear();
    let times = times?;
    let sheet = sheet.into_inner().unwrap_or_else(PoisonError::into_inner);
    let (width, height) = (sheet.sheet().width, sheet.sheet().height);
    let trunc: Vec<String> = args.trunc.iter().map(f32::to_string).collect();
    let mut own = latents.own(None, &trunc.join(","));
    if let Some(columns) = args.columns {
        own = own.flag("columns", columns);
    }
    if args.labels {
        own = own.flag("labels", "");
    }
    if let Some(size) = args.size {
        own = own.flag("size", size);
    }
    let packet = Stamp::new("grid", &args.studio, &subject, &studio).packet(own, 0);
    sheet.sheet().write(&args.output, format, packet.as_deref())?;

    let device = studio.device();
    if args.json {
        let mut summary = times.json();
        if let (Some(_), Latents::Seeds(seeds)) = (args.diverse, &latents) {
            summary["seeds"] = flags::ranges(seeds).into();
        }
        summary["output"] = args.output.display().to_string().into();
        summary["device"] = device.into();
        summary["sheet"] = json!({ "columns": columns, "rows": rows, "width": width, "height": height });
        return say(&summary.to_string());
    }
    say(&format!(
        "{}: {columns} x {rows} pictures, {width} x {height} pixels; {}",
        args.output.display(),
        times.line(&device, args.studio.verbose)
    ))
}

/// Of every picture, in order, which of the latents it is and its psi.
fn cells_of(latents: &Latents, trunc: &[f32]) -> Vec<(usize, f32)> {
    (0..latents.len()).flat_map(|place| trunc.iter().map(move |&psi| (place, psi))).collect()
}

/// What pictures are called on a sheet: `seed 85`, `proj 0`.
fn named(latents: &Latents, cells: &[(usize, f32)]) -> Vec<(String, f32)> {
    let name = |place| latents.seed(place).map_or_else(|| format!("proj {place}"), |seed| format!("seed {seed}"));
    cells.iter().map(|&(place, psi)| (name(place), psi)).collect()
}

/// The letters and texts that fit under pictures of that height and width.
fn labels(cells: &[(String, f32)], sweep: bool, (height, width): (usize, usize)) -> Result<(Font, Vec<String>), Failure> {
    let font = Font::of(height.min(width));
    let long = |(name, psi): &(String, f32)| if sweep { format!("{name}, psi {psi}") } else { name.clone() };
    let number = |name: &str| name.strip_prefix("seed ").unwrap_or(name).to_owned();
    let short = |(name, psi): &(String, f32)| if sweep { format!("{}, {psi}", number(name)) } else { number(name) };
    // All alike: the short form where a long one does not fit.
    let widest = |texts: &[String]| texts.iter().map(|text| font.width(text)).max().unwrap_or(0);
    for texts in [cells.iter().map(long).collect::<Vec<_>>(), cells.iter().map(short).collect()] {
        if widest(&texts) <= width {
            return Ok((font, texts));
        }
    }
    // --size is the longer side.
    let needed = (widest(&cells.iter().map(short).collect::<Vec<_>>()) * height.max(width)).div_ceil(width);
    Err(Failure::usage(format!("--labels does not fit under pictures that are {width} pixels wide; draw them larger with --size {needed}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_shorten_or_are_refused() {
        let cells = [("seed 85".to_owned(), 0.5), ("seed 4294967295".to_owned(), -0.25)];
        let texts_of = |sweep, size| labels(&cells, sweep, size).map(|(_, texts)| texts);
        let texts = |sweep, side| texts_of(sweep, (side, side));
        assert_eq!(texts(true, 1024).unwrap()[0], "seed 85, psi 0.5");
        assert_eq!(texts(true, 160).unwrap(), ["85, 0.5", "4294967295, -0.25"]);
        assert_eq!(texts(false, 128).unwrap()[1], "seed 4294967295");
        let failure = texts(true, 64).unwrap_err();
        let needed: usize = failure.text().rsplit(' ').next().unwrap().parse().unwrap();
        assert!(texts(true, needed).is_ok(), "{}", failure.text());
        // Tall ones have less room than their side; the size that is named gives them enough.
        for drawn in [(64, 32), (80, 48), (48, 80), (1000, 3)] {
            let failure = texts_of(true, drawn).unwrap_err();
            let needed: usize = failure.text().rsplit(' ').next().unwrap().parse().unwrap();
            assert!(texts_of(true, picture::scaled(drawn, needed)).is_ok(), "{}", failure.text());
        }
    }
}

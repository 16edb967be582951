//! `stylegan convert`: a checkpoint becomes one .safetensors file.

use std::path::Path;

use crate::args::ConvertArgs;
use crate::failure::Failure;
use crate::{network, output, say};

pub(crate) fn run(args: &ConvertArgs) -> Result<(), Failure> {
    let path = &args.output;
    if same_file(&args.input, path) {
        return Err(Failure::usage(format!("{} is both the input and the output", path.display())));
    }
    output::check_file(path)?;
    // A file of ours is rewritten, which changes its precision.
    let model = network::open(&args.input)?;
    model.save(path, args.precision.into())?;
    say(&format!("{}: {}, {:.2} M parameters", path.display(), model.config.network(), model.parameters() as f64 / 1e6))
}

fn same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

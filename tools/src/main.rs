//! The `stylegan` command: pictures, conversion and inspection of StyleGAN networks on any GPU.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

mod args;
mod cli;
mod commands;
mod drawing;
mod failure;
mod interrupt;
mod output;
#[cfg(feature = "serve")]
mod serve;
mod surroundings;

use cli::Cli;
use failure::Failure;

fn main() -> ExitCode {
    // RUST_LOG shows what wgpu and naga say; nothing by default, because errors that matter come back as errors. What the
    // converter has to say of a file is a warning as any other of ours, that another process is waited for, and that f16 does not do.
    env_logger::Builder::from_env(
        env_logger::Env::default()
            .default_filter_or("off,stylegan_convert=warn,stylegan_wgpu::internals::tune::book=warn,stylegan_wgpu::generator=warn"),
    )
    .format(|out, record| match record.target().starts_with("stylegan_") && record.level() == log::Level::Warn {
        true => writeln!(out, "warning: {}", record.args()),
        false => writeln!(out, "{} {}: {}", record.level(), record.target(), record.args()),
    })
    .init();
    let result = match Cli::try_parse() {
        Ok(cli) => run(cli),
        Err(error) => Err(Failure::from(error)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    if cli.command.uses_gpu() {
        surroundings::prepare();
    }
    if !cli.command.stops_itself() {
        interrupt::install()?;
    }
    cli.command.run()
}

/// Prints what a command has to say. `println!` would panic when the reader of a pipe has gone.
fn say(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{text}").and_then(|()| stdout.flush()).map_err(Failure::stdout)
}

/// Prints what is good to know and no cause for concern, apart from what stdout is read for.
fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "note: {text}");
}

/// Prints a warning. A closed stderr is no reason to stop.
fn warn(text: &str) {
    let _ = writeln!(std::io::stderr(), "warning: {text}");
}

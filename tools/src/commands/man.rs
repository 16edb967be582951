//! `stylegan man`: the help of every command as manual pages.

use std::path::PathBuf;

use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;

use crate::cli::Cli;
use crate::failure::Failure;
use crate::{output, say};

/// Prints the manual page, or writes those of all commands into a folder.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  stylegan man | man -l -
  stylegan man --outdir ~/.local/share/man/man1")]
pub(crate) struct ManArgs {
    /// Folder to write stylegan.1, stylegan-generate.1, ... into; made when it is not there
    #[arg(long, value_name = "DIR")]
    outdir: Option<PathBuf>,
}

pub(crate) fn run(args: &ManArgs) -> Result<(), Failure> {
    let mut cli = Cli::command();
    // Gives the commands their full names.
    cli.build();
    let Some(folder) = &args.outdir else {
        return say(String::from_utf8_lossy(&page(&cli)?).trim_end());
    };
    output::check_folder(folder)?;
    output::make_folder(folder)?;
    let commands = || std::iter::once(&cli).chain(cli.get_subcommands().filter(|command| command.get_name() != "help"));
    for command in commands() {
        output::write(&folder.join(format!("{}.1", name(command))), &page(command)?)?;
    }
    say(&format!("{} pages in {}", commands().count(), folder.display()))
}

/// `stylegan-generate`.
fn name(command: &Command) -> String {
    command.get_bin_name().unwrap_or_else(|| command.get_name()).replace(' ', "-")
}

fn page(command: &Command) -> Result<Vec<u8>, Failure> {
    let mut page = Vec::new();
    let man = Man::new(command.clone()).title(name(command));
    man.render(&mut page).map_err(|error| Failure::Runtime(format!("the manual page: {error}")))?;
    Ok(page)
}

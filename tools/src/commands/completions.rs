//! `stylegan completions`: what a shell needs to complete the command line.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::failure::Failure;
use crate::say;

/// Prints the completions of this command line for a shell.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  stylegan completions bash > ~/.local/share/bash-completion/completions/stylegan
  stylegan completions zsh > ~/.zfunc/_stylegan
  stylegan completions fish > ~/.config/fish/completions/stylegan.fish")]
pub(crate) struct CompletionsArgs {
    /// Shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(args: &CompletionsArgs) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "stylegan", &mut script);
    say(String::from_utf8_lossy(&script).trim_end())
}

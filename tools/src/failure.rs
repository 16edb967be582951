//! Why a command ends early: one line on stderr and an exit code, 2 when another command line would work and 1 otherwise.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::error::{ContextKind, ErrorKind};
use stylegan_convert::array_file::ArrayFileError;
use stylegan_studio::pictures::animation::AnimationError;
use stylegan_wgpu::Error;
use stylegan_wgpu::internals::text;

/// What `main` reports.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line asks for something that cannot be.
    Usage(String),
    /// A file, a device or the system does not do what is needed.
    Runtime(String),
    /// The reader of our output has gone (`stylegan inspect FILE | head -1`): not an error.
    BrokenPipe,
    /// `--help`, `--version`: text for stdout.
    Help(clap::Error),
}

impl Failure {
    /// A wrong command line.
    pub(crate) fn usage(text: impl Into<String>) -> Failure {
        Failure::Usage(text.into())
    }

    /// Writing to stdout failed.
    pub(crate) fn stdout(error: io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::BrokenPipe,
            _ => Failure::Runtime(format!("stdout: {error}")),
        }
    }

    /// What it says.
    pub(crate) fn text(&self) -> &str {
        match self {
            Failure::Usage(text) | Failure::Runtime(text) => text,
            Failure::BrokenPipe | Failure::Help(_) => "",
        }
    }

    /// Prints the one line and gives the exit code.
    pub(crate) fn report(self) -> ExitCode {
        let (text, code) = match self {
            Failure::BrokenPipe => return ExitCode::SUCCESS,
            Failure::Help(error) => {
                // Fails only when nobody reads it.
                let _ = error.print();
                return ExitCode::from(error.exit_code() as u8);
            }
            Failure::Usage(text) => (text, 2),
            Failure::Runtime(text) => (text, 1),
        };
        let text = text::line(&text, usize::MAX);
        let _ = writeln!(io::stderr(), "error: {text}");
        ExitCode::from(code)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let advice = match &error {
            Error::Argument(_) => return Failure::Usage(error.to_string()),
            Error::HalfUnsupported { .. } => return Failure::Usage(format!("{error}: use --precision f32")),
            Error::NoAdapter { found, .. } if found.is_empty() => {
                "; on Debian or Ubuntu `apt-get install mesa-vulkan-drivers` provides one for every machine"
            }
            Error::Limit { .. } | Error::OutOfMemory(_) => "; try a smaller --batch, --precision f16 or another --device",
            Error::NotFinite { dtype: "f16" } => " (--precision f32)",
            _ => "",
        };
        Failure::Runtime(format!("{error}{advice}"))
    }
}

impl From<ArrayFileError> for Failure {
    fn from(error: ArrayFileError) -> Failure {
        Failure::Runtime(error.to_string())
    }
}

impl From<AnimationError> for Failure {
    fn from(error: AnimationError) -> Failure {
        match error {
            AnimationError::Spec(text) => Failure::Usage(text),
            other => Failure::Runtime(other.to_string()),
        }
    }
}

impl From<clap::Error> for Failure {
    fn from(error: clap::Error) -> Failure {
        use ErrorKind::{DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, DisplayVersion};
        if matches!(error.kind(), DisplayHelp | DisplayHelpOnMissingArgumentOrSubcommand | DisplayVersion) {
            return Failure::Help(error);
        }
        // clap prints a paragraph, then tips and the usage; the paragraph and the first tip fit one line.
        let text = error.to_string();
        let mut paragraphs = text.split("\n\n");
        let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut line = one_line(paragraphs.next().unwrap_or_default().trim_start_matches("error: "));
        if let Some(tip) = paragraphs.next().map(one_line).filter(|text| text.starts_with("tip: ")) {
            line.push_str("; ");
            line.push_str(tip.trim_start_matches("tip: "));
        }
        if error.context().all(|(kind, _)| kind != ContextKind::InvalidValue) {
            line.push_str(" (see --help)");
        }
        Failure::Usage(line)
    }
}

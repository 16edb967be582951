//! Ctrl-C: the process ends at once, with finished files whole and nothing half-written left.

use std::io::Write;

use stylegan_wgpu::internals::atomic_file;

use crate::failure::Failure;

/// What a shell reports of a program that SIGINT ended: 128 + 2.
const EXIT_CODE: i32 = 130;

/// From now on Ctrl-C, SIGTERM and SIGHUP clean up. A run that was interrupted goes on with the same command.
pub(crate) fn install() -> Result<(), Failure> {
    ctrlc::set_handler(|| {
        atomic_file::abandon();
        let _ = writeln!(std::io::stderr(), "error: interrupted; files that were finished are whole, others are not there");
        std::process::exit(EXIT_CODE);
    })
    .map_err(|error| Failure::Runtime(format!("Ctrl-C cannot be handled: {error}")))
}

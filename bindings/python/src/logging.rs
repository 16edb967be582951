//! What the engine warns of goes to Python's `logging.getLogger("stylegan_wgpu")`.

use log::{Level, LevelFilter, Log, Metadata, Record};
use pyo3::prelude::*;

struct Python;

impl Log for Python {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // What wgpu and naga say is for who works on them.
        metadata.level() <= Level::Warn && metadata.target().starts_with("stylegan_")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        // Nobody is there to hear of it when the interpreter is going down.
        let _ = pyo3::Python::try_attach(|py| {
            let logger = py.import("logging")?.call_method1("getLogger", ("stylegan_wgpu",))?;
            logger.call_method1("warning", ("%s", record.args().to_string())).map(drop)
        });
    }

    fn flush(&self) {}
}

/// From now on.
pub(crate) fn install() {
    // Fails when the module is imported a second time: then it is installed.
    if log::set_logger(&Python).is_ok() {
        log::set_max_level(LevelFilter::Warn);
    }
}

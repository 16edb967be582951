//! What Python's `stylegan_wgpu` stands on: strict types in and out, and the interpreter free while a device works. Names, defaults and
//! all that is easier to say in Python are in `python/stylegan_wgpu`.

use pyo3::prelude::*;

mod errors;
mod files;
mod folder;
mod logging;
mod network;
mod pending;

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    logging::install();
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<network::Network>()?;
    module.add_class::<pending::Pending>()?;
    module.add_class::<folder::Folder>()?;
    module.add_function(wrap_pyfunction!(network::load, module)?)?;
    module.add_function(wrap_pyfunction!(files::convert, module)?)?;
    module.add_function(wrap_pyfunction!(files::encode, module)?)?;
    module.add_function(wrap_pyfunction!(folder::open_folder, module)?)?;
    module.add_function(wrap_pyfunction!(network::devices, module)?)
}

//! A picture of the built-in network, as a PNG.
//!
//!     cargo run --example hello

use stylegan_wgpu::{Look, Model, Options, blocking};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let gpu = blocking::open(None)?;
    let model = Model::from_bytes(stylegan_weights::OPEN_PEEPS_128.to_vec())?;
    let mut generator = blocking::Generator::new(&gpu, &model, &Options::new())?;
    let picture = generator.picture(85, &Look::new().psi(0.7))?;
    picture.save("hello.png")?;
    println!("hello.png: a face that does not exist, drawn by {}", gpu.name());
    Ok(())
}

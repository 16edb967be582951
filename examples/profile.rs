//! scratch
use stylegan_wgpu::*;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let model = model::Model::load(a[1].as_ref()).unwrap();
    let gpu = Gpu::open(None).unwrap();
    let p = if a[2] == "f16" { PrecisionChoice::F16 } else { PrecisionChoice::F32 };
    let t = std::time::Instant::now();
    let mut g = Generator::new(&gpu, &model, &Options { precision: p, batch: 1 }).unwrap();
    println!("load {:?} memory {} MiB", t.elapsed(), g.memory() >> 20);
    let ex = g.executor(1).unwrap();
    for i in 0..3 {
        let t = std::time::Instant::now();
        ex.run().unwrap();
        println!("run {i} {:?}", t.elapsed());
    }
    let mut tot = 0.0;
    for t in ex.profile().unwrap() {
        tot += t.nanoseconds;
        println!(
            "{:<22} {:<20} {:<9} {:>9.2} ms {:>7.2} GFLOP/s {:>7.2} GB/s",
            t.label,
            t.kernel,
            t.variant,
            t.nanoseconds / 1e6,
            t.flops as f64 / t.nanoseconds,
            t.traffic as f64 / t.nanoseconds
        );
    }
    println!("total {:.1} ms, {} dispatches", tot / 1e6, ex.dispatches());
}

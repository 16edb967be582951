//! Tuned choices on the device: kept, shared, obeyed, and without effect on the picture beyond the kernels' tolerance.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{gpu, rel_l2};
use stylegan_wgpu::blocking::{self, Generator};
use stylegan_wgpu::internals::networks::stylegan2;
use stylegan_wgpu::internals::random_weights::random_weights;
use stylegan_wgpu::{Config, Gpu, Look, Model, Options, Tuning, latent};

/// One convolution and one up-sampling pair of shapes: few pipelines to compile.
fn model() -> Model {
    let config = stylegan2::Config {
        z_dim: 16,
        w_dim: 16,
        img_resolution: 8,
        channel_base: 256,
        channel_max: 32,
        num_layers: 1,
        ..stylegan2::Config::config_f()
    };
    random_weights(&Config::StyleGan2(config), 1)
}

/// The variants of the convolutions and the image, under that tuning.
fn draw(gpu: &Gpu, folder: Option<&Path>) -> (Vec<&'static str>, Vec<f32>) {
    let tuning = folder.map(|folder| Tuning { folder: folder.into(), progress: None });
    let mut generator = Generator::new(gpu, &model(), &Options::new().tuning(tuning)).unwrap();
    let ws = generator.mapping(&latent::z(5, 16), None).unwrap();
    let image = generator.synthesis_f32(&ws, &Look::new()).unwrap().concat();
    let executor = generator.executor(1).unwrap();
    let variants = executor.variants().into_iter().filter(|(label, _)| label.contains("conv") && !label.contains("filter"));
    (variants.map(|(_, variant)| variant).collect(), image)
}

/// A device without memory of others, as another process has it.
fn fresh() -> Gpu {
    blocking::open(std::env::var("STYLEGAN_DEVICE").ok().as_deref()).unwrap()
}

fn only_file(folder: &Path, kind: &str) -> PathBuf {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|extension| extension == kind)).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files.remove(0)
}

#[test]
fn choices_are_kept_obeyed_and_do_not_change_the_picture() {
    let folder = tempfile::tempdir().unwrap();
    let untuned = draw(gpu(), None);
    let first = draw(&fresh(), Some(folder.path()));
    assert_eq!(first.0.len(), 3, "b4.conv1, b8.conv0, b8.conv1");
    let path = only_file(folder.path(), "json");
    let kept = fs::read_to_string(&path).unwrap();
    assert_eq!(draw(&fresh(), Some(folder.path())), first, "the same choices, the same bits");
    assert_eq!(fs::read_to_string(&path).unwrap(), kept, "nothing is timed twice");
    // The file is obeyed: every shape on the portable variant, another order of sums.
    let mut page: serde_json::Value = serde_json::from_str(&kept).unwrap();
    let choices = page["choices"].as_object_mut().unwrap();
    // One more than convolutions: the filter.
    assert!(choices.len() == 4 && choices.values().all(|choice| choice["variant"].is_string()), "{choices:?}");
    choices.values_mut().for_each(|choice| choice["variant"] = "portable".into());
    fs::write(&path, page.to_string()).unwrap();
    let portable = draw(&fresh(), Some(folder.path()));
    assert_eq!(portable.0, ["portable"; 3]);
    for (name, image) in [("tuned", &first.1), ("portable", &portable.1)] {
        let error = rel_l2(image, &untuned.1);
        assert!(error < 2e-3, "{name} choices change the picture: relative L2 {error:e}");
    }
    // Variants that are gone, and a damaged file.
    for text in [page.to_string().replace("\"portable\"", "\"gone\""), "{".into()] {
        fs::write(&path, text).unwrap();
        let (variants, image) = draw(&fresh(), Some(folder.path()));
        assert_eq!(variants.len(), 3);
        assert!(rel_l2(&image, &untuned.1) < 2e-3);
    }
}

#[test]
fn without_a_place_to_keep_them_no_choices_are_made() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    assert_eq!(draw(&fresh(), Some(&file)), draw(gpu(), None));
}

/// What a driver made of the kernels lies beside the choices, whole and for nobody else to write; whatever else lies there is not used.
#[test]
fn pipelines_are_kept_beside_the_choices() {
    let folder = tempfile::tempdir().unwrap();
    if !fresh().tier().pipeline_cache {
        return println!("the device has no pipeline caches: not tested");
    }
    let first = draw(&fresh(), Some(folder.path()));
    let path = only_file(folder.path(), "bin");
    let whole = fs::read(&path).unwrap();
    let lines: Vec<&[u8]> = whole.splitn(4, |&byte| byte == b'\n').collect();
    assert!(lines.len() == 4 && lines[0].starts_with(b"stylegan-wgpu pipelines") && !lines[3].is_empty());
    assert_eq!(draw(&fresh(), Some(folder.path())), first, "the same pipelines, the same bits");

    let other_device = [lines[0], b"another device", lines[2], lines[3]].join(&b"\n"[..]);
    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    for damaged in [&whole[..whole.len() - 1], &whole[..20], b"", b"\n\n\n", &[0xff; 300], &flipped, &other_device] {
        fs::write(&path, damaged).unwrap();
        assert_eq!(draw(&fresh(), Some(folder.path())), first);
        let again = fs::read(&path).unwrap();
        assert!(again != damaged && again.starts_with(&[lines[0], lines[1]].join(&b"\n"[..])), "it is written anew");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        assert_eq!(draw(&fresh(), Some(folder.path())), first);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o022, 0, "others may write it");
    }
    // A folder of its name: nothing can be kept.
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert_eq!(draw(&fresh(), Some(folder.path())), first);
}

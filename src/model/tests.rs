use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use serde_json::{Value, json};

use super::*;
use crate::networks::{mobilestylegan, stylegan2};
use crate::random_weights::random_weights;

/// A network of two blocks, 4 kB.
fn tiny() -> Model {
    let config = stylegan2::Config {
        z_dim: 3,
        w_dim: 4,
        img_resolution: 8,
        channel_base: 32,
        channel_max: 5,
        num_layers: 2,
        ..stylegan2::Config::config_f()
    };
    random_weights(&Config::StyleGan2(config), 7)
}

fn saved(model: &Model, precision: Precision) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    model.save(&path, precision).unwrap();
    std::fs::read(path).unwrap()
}

/// A file of the tiny model whose header `change` has changed; the values stay where they are.
fn with_header(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let bytes = saved(&tiny(), Precision::F32);
    let start = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut header: Value = serde_json::from_slice(&bytes[8..start]).unwrap();
    change(&mut header);
    let header = header.to_string();
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &bytes[start..]].concat()
}

/// The error of loading `bytes`, which must fit one line.
#[track_caller]
fn refused(bytes: Vec<u8>) -> String {
    let text = Model::from_bytes(bytes).expect_err("a wrong file was accepted").to_string();
    assert!(!text.contains('\n') && text.len() < 400, "{text:?}");
    text
}

#[test]
fn a_saved_model_loads_with_the_same_values() {
    let model = tiny();
    let loaded = Model::from_bytes(saved(&model, Precision::F32)).unwrap();
    assert_eq!(loaded.config, model.config);
    assert_eq!(loaded.provenance["seed"], "7");
    assert_eq!(loaded.arrays.len(), model.arrays.len());
    for (name, array) in &model.arrays {
        assert_eq!((loaded.array(name).shape(), loaded.array(name).bytes()), (array.shape(), array.bytes()), "{name}");
    }
    assert_eq!(saved(&loaded, Precision::F32), saved(&model, Precision::F32));

    let half = Model::from_bytes(saved(&model, Precision::F16)).unwrap();
    for (name, array) in &model.arrays {
        assert_eq!(half.array(name).precision(), Precision::F16);
        assert_eq!(half.array(name).to_f32(), array.cast(Precision::F16).to_f32(), "{name}");
    }
    // f16 to f32 and back loses nothing.
    let widened = Model::from_bytes(saved(&half, Precision::F32)).unwrap();
    assert_eq!(saved(&widened, Precision::F16), saved(&half, Precision::F16));
}

#[test]
fn both_networks_keep_their_configuration() {
    let config = mobilestylegan::Config { z_dim: 8, w_dim: 8, img_resolution: 16, num_layers: 1, channels: vec![16, 8] };
    let model = random_weights(&Config::MobileStyleGan(config), 0);
    assert_eq!(Model::from_bytes(saved(&model, Precision::F16)).unwrap().config, model.config);
}

/// A square network's file says nothing of its constant's size, as before there were others.
#[test]
fn the_size_of_the_constant_is_said_where_it_is_not_square() {
    let Config::StyleGan2(square) = tiny().config else { panic!("a StyleGAN2") };
    let config = |model: &Model| {
        let bytes = saved(model, Precision::F32);
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        (header.metadata().as_ref().unwrap()["config"].clone(), Model::from_bytes(bytes).unwrap())
    };
    let (text, loaded) = config(&tiny());
    assert!(!text.contains("const_size") && loaded.config.image_size() == (8, 8), "{text}");
    for const_size in [[5, 3], [4, 2], [8, 8]] {
        let model = random_weights(&Config::StyleGan2(stylegan2::Config { const_size, ..square.clone() }), 1);
        let (text, loaded) = config(&model);
        let [height, width] = const_size;
        assert!(text.contains(&format!(r#""const_size":[{height},{width}]"#)), "{text}");
        assert_eq!(loaded.config.image_size(), (2 * height, 2 * width));
        assert_eq!(loaded.array("synthesis.b8.conv1.noise_const").shape(), [2 * height, 2 * width]);
    }
}

#[test]
fn loading_keeps_one_copy_of_the_file() {
    let bytes = saved(&tiny(), Precision::F32);
    let inside = bytes.as_ptr_range();
    let model = Model::from_bytes(bytes).unwrap();
    assert!(model.arrays.values().all(|array| inside.contains(&array.bytes().as_ptr())));
}

#[test]
fn a_file_without_the_network_tag_is_a_stylegan2() {
    let bytes = with_header(|header| {
        let metadata = header["__metadata__"].as_object_mut().unwrap();
        let mut config: Value = serde_json::from_str(metadata["config"].as_str().unwrap()).unwrap();
        assert_eq!(config.as_object_mut().unwrap().remove("network"), Some(json!("stylegan2")));
        *metadata = serde_json::Map::from_iter([("config".into(), config.to_string().into())]);
    });
    let model = Model::from_bytes(bytes).unwrap();
    assert_eq!(model.config, tiny().config);
    assert!(model.provenance.is_empty());
}

#[test]
fn the_default_model_loads_where_it_is_at_hand() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/default-model/open-peeps-128.safetensors");
    if path.exists() {
        let model = Model::load(&path).unwrap();
        assert!(matches!(model.config, Config::StyleGan2(config) if config.layer_features == Some(256) && !config.use_noise));
    }
}

#[test]
fn lengths_are_not_trusted() {
    let whole = saved(&tiny(), Precision::F32);
    for length in [1 << 63, u64::MAX, u64::MAX - 7, 99_999_999, whole.len() as u64, 0, 1] {
        let mut bytes = whole.clone();
        bytes[..8].copy_from_slice(&length.to_le_bytes());
        refused(bytes);
    }
    for length in (0..whole.len()).step_by(97).chain([whole.len() - 1]) {
        refused(whole[..length].to_vec());
    }
    let cut = Model::from_bytes(whole[..whole.len() - 1234].to_vec()).unwrap_err().to_string();
    assert!(cut.contains("1234 bytes are missing"), "{cut}");
    refused([&whole[..], b"more"].concat());
    refused(b"Once upon a time there was a text file of some length.\n".to_vec());
    for offsets in [json!([0, 1u64 << 62]), json!([8, 4]), json!([-1, 4]), json!([u64::MAX, u64::MAX])] {
        refused(with_header(|header| header["mapping.fc0.bias"]["data_offsets"] = offsets));
    }
    for shape in [json!([1u64 << 63, 2]), json!([1u64 << 62, 1u64 << 62]), json!([5])] {
        refused(with_header(|header| header["mapping.fc0.bias"]["shape"] = shape));
    }
}

#[test]
fn every_damaged_byte_of_the_header_is_survived() {
    let whole = saved(&tiny(), Precision::F32);
    let end = 8 + u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    for position in 0..end {
        for value in [0, b'9', b'"', 0xff] {
            let mut bytes = whole.clone();
            bytes[position] = value;
            // Some changes are harmless (a digit of the provenance); none may panic.
            let _ = Model::from_bytes(bytes);
        }
    }
}

#[test]
fn the_manifest_is_enforced() {
    // The same number of values, in another shape.
    let text = refused(with_header(|header| header["mapping.fc0.weight"]["shape"] = json!([3, 4])));
    assert_eq!(text, "tensor mapping.fc0.weight: needed [4, 3], found [3, 4]");
    let text = refused(with_header(|header| {
        let entry = header.as_object_mut().unwrap().remove("mapping.w_avg").unwrap();
        header["mapping.w_average"] = entry;
    }));
    assert_eq!(text, "tensor mapping.w_avg: needed [4], found nothing");
    let text = refused(with_header(|header| header["extra\n"] = json!({"dtype": "F32", "shape": [0], "data_offsets": [0, 0]})));
    assert!(text.starts_with("tensor extra : needed nothing"), "{text}");
    let text = refused(with_header(|header| header["mapping.w_avg"]["dtype"] = json!("I32")));
    assert_eq!(text, "tensor mapping.w_avg: needed F32 or F16, found I32");
    for (precision, value) in [(Precision::F32, f32::NAN), (Precision::F32, f32::NEG_INFINITY), (Precision::F16, f32::NAN)] {
        let mut model = tiny();
        model.arrays.insert("mapping.w_avg".into(), Array::from_f32(&[4], &[0.0, 0.0, value, 0.0]).cast(precision));
        let text = Model::new(model.config, model.arrays, model.provenance).unwrap_err().to_string();
        assert_eq!(text, "tensor mapping.w_avg: needed finite values, found NaN or infinity");
    }
}

#[test]
fn the_metadata_is_checked() {
    let metadata = |key: &'static str, value: &'static str| refused(with_header(|header| header["__metadata__"][key] = json!(value)));
    assert!(metadata("format_version", "2").contains("format version 2"));
    assert!(metadata("config", "{").starts_with("metadata config: "));
    assert!(metadata("config", "[]").starts_with("metadata config: "));
    assert!(metadata("config", r#"{"network": "stylegan9"}"#).contains("stylegan9"));
    assert!(metadata("config", r#"{"z_dim": 1, "w_dim": 1, "img_resolution": 9}"#).contains("power of two"));
    assert!(metadata("config", r#"{"z_dim": 1, "w_dim": 1, "img_resolution": 8, "colour": 1}"#).contains("colour"));
    for (size, text) in [
        ("[0, 4]", "a side of const_size is 0; it must be 1 to 64"),
        ("[4, 18446744073709551615]", "a side of const_size is 18446744073709551615"),
        ("[9, 4]", "height of the image is 4608; it must be 1 to 4096"),
        ("[4, 9]", "width of the image is 4608"),
        ("[4]", "invalid length 1"),
        ("[4, 4, 4]", "metadata config: "),
    ] {
        let config = format!(r#"{{"z_dim": 1, "w_dim": 1, "img_resolution": 2048, "const_size": {size}}}"#);
        let found = refused(with_header(|header| header["__metadata__"]["config"] = json!(config)));
        assert!(found.contains(text), "{size}: {found}");
    }
    assert!(metadata("provenance", "7").starts_with("metadata provenance: "));
    assert!(refused(with_header(|header| drop(header.as_object_mut().unwrap().remove("__metadata__")))).contains("not a model of ours"));
}

#[test]
fn files_are_named_in_errors() {
    let error = Model::load(Path::new("/no/such.safetensors")).unwrap_err();
    assert!(matches!(&error, Error::Io { path, .. } if path == &PathBuf::from("/no/such.safetensors")));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("text.safetensors");
    std::fs::write(&path, "text").unwrap();
    assert!(Model::load(&path).unwrap_err().to_string().contains("text.safetensors: truncated, or not a safetensors file (4 bytes"));
}

#[test]
fn f16_refuses_what_it_cannot_hold() {
    let mut model = tiny();
    model.arrays.insert("mapping.w_avg".into(), Array::from_f32(&[4], &[65519.0, 0.0, -1.0, 70000.0]));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let text = model.save(&path, Precision::F16).unwrap_err().to_string();
    assert!(text.starts_with("tensor mapping.w_avg: needed values f16 can hold") && text.ends_with("found 70000"), "{text}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

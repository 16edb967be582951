//! Hostile and damaged files, made from a small network that is written here.

use std::collections::BTreeMap;
use std::io::Write;

use stylegan_convert::openvino::{Ir, convert, open};
use stylegan_convert::{ConvertError, Result};
use stylegan_wgpu::{Config, Model};

#[path = "openvino/small.rs"]
mod small;

fn convert_small(mapping: &Ir, synthesis: &Ir) -> Result<Model> {
    convert(mapping, synthesis, BTreeMap::new(), &mut |_| ())
}

/// The synthesis network with a part of its XML replaced.
fn with(from: &str, to: &str) -> Result<Model> {
    let mut synthesis = small::synthesis([0, 1, 2]);
    let xml = String::from_utf8(synthesis.xml).unwrap();
    assert!(xml.contains(from), "{from}");
    synthesis.xml = xml.replacen(from, to, 1).into_bytes();
    convert_small(&small::mapping(), &synthesis)
}

#[test]
fn a_small_network_converts() {
    let synthesis = small::synthesis([0, 1, 2]);
    let model = convert_small(&small::mapping(), &synthesis).unwrap();
    let Config::MobileStyleGan(config) = &model.config else { panic!("{:?}", model.config) };
    assert_eq!((config.w_dim, config.num_layers, config.img_resolution), (small::W_DIM, 2, 16));
    assert_eq!(config.channels, small::CHANNELS);

    // The scale of the style is folded into both: the first constants of the file are const, then the affine of scale 1/2.
    let at = |index: usize| f32::from_le_bytes(synthesis.bin[index * 4..][..4].try_into().unwrap());
    assert_eq!(model.array("synthesis.b4.const").to_f32()[5], at(5));
    let affine = 8 * 4 * 4;
    assert_eq!(model.array("synthesis.b4.conv1.affine.weight").to_f32()[7], 0.5 * at(affine + 7));
    assert_eq!(model.array("synthesis.b4.conv1.affine.bias").to_f32()[3], 0.5 * at(affine + 8 * small::W_DIM + 3));

    // The noise map has unit size, and gives what the file has with its strength.
    let map = model.array("synthesis.b8.conv2.noise_const").to_f32();
    let mean_square = map.iter().map(|value| value * value).sum::<f32>() / map.len() as f32;
    assert!((mean_square - 1.0).abs() < 1e-5, "{mean_square}");
    assert!(model.array("synthesis.b8.conv2.noise_strength").to_f32()[0] > 0.1);
}

#[test]
fn another_network_is_refused() {
    // Details in another order would be drawn as another picture, without any size being wrong.
    for order in [[1, 0, 2], [0, 2, 1], [0, 0, 0]] {
        let error = convert_small(&small::mapping(), &small::synthesis(order)).unwrap_err();
        assert!(matches!(error, ConvertError::Unsupported(_)), "{order:?}: {error}");
    }
    let cases = [
        ("type=\"PReLU\"", "type=\"Sigmoid\""),
        ("strides=\"1, 1\"", "strides=\"2, 2\""),
        ("pads_begin=\"1, 1\"", "pads_begin=\"0, 0\""),
        ("transpose_b=\"true\"", "transpose_b=\"false\""),
        ("version=\"10\"", "version=\"7\""),
        ("type=\"Result\"", "type=\"Other\""),
        ("type=\"Parameter\"", "type=\"Other\""),
        ("strides=\"2, 1\"", "strides=\"1, 2\""),
    ];
    for (from, to) in cases {
        let error = with(from, to).unwrap_err();
        assert!(matches!(error, ConvertError::Unsupported(_)), "{to}: {error}");
    }
    // The wrong way round: both are valid graphs.
    assert!(convert_small(&small::synthesis([0, 1, 2]), &small::mapping()).is_err());
}

#[test]
fn sizes_are_checked_against_the_file() {
    let cases = [
        ("shape=\"1, 8, 4, 4\"", "shape=\"1, 8, 4, 5\""),
        ("shape=\"1, 8, 4, 4\"", "shape=\"18446744073709551615, 18446744073709551615\""),
        ("shape=\"1, 8, 4, 4\"", "shape=\"-1, 8, 4, 4\""),
        ("shape=\"1, 8, 4, 4\"", "shape=\"4, 4, 1, 8\""),
        ("shape=\"1, 8, 4, 4\"", "shape=\"128\""),
        ("offset=\"0\"", "offset=\"18446744073709551615\""),
        ("offset=\"0\"", "offset=\"99999999999999999999999\""),
        ("offset=\"0\"", "offset=\"1000000\""),
        ("size=\"512\"", "size=\"0\""),
        ("element_type=\"f32\"", "element_type=\"f64\""),
        ("element_type=\"f32\" shape=\"1, 8, 4, 4\"", "shape=\"1, 8, 4, 4\""),
        ("id=\"1\"", "id=\"0\""),
        ("from-layer=\"1\"", "from-layer=\"77777\""),
        ("to-port=\"0\"", "to-port=\"9\""),
        ("<layers>", "<?xml version=\"1.0\"?><layers>"),
    ];
    for (from, to) in cases {
        let error = with(from, to).unwrap_err().to_string();
        assert!(!error.contains('\n') && error.len() < 600, "{to}: {error}");
    }
}

#[test]
fn entities_loops_and_depth_do_no_harm() {
    let bomb = "<!DOCTYPE net [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]><net name=\"&b;\"";
    assert!(with("<net name=\"small\"", bomb).unwrap_err().to_string().contains("DTD"));

    let mut long = small::synthesis([0, 1, 2]);
    long.xml = format!("<net {}/>", "a=\"\" ".repeat(20_000)).into_bytes();
    assert!(convert_small(&small::mapping(), &long).is_err());
    long.xml = "<net>".repeat(100_000).into_bytes();
    assert!(convert_small(&small::mapping(), &long).is_err());
    long.xml = b"<net version=\"10\">\xff</net>".to_vec();
    assert!(convert_small(&small::mapping(), &long).is_err());

    // The last layer of the mapping gets its own result as input, for ever.
    let mut looped = small::mapping();
    let mut xml = String::from_utf8(looped.xml).unwrap();
    let last = xml.matches("<layer ").count() - 2;
    let second = xml.match_indices("type=\"MatMul\"").nth(1).unwrap().0;
    let id = xml[..second].rfind("id=\"").map(|at| &xml[at + 4..]).and_then(|rest| rest.split('"').next()).unwrap().to_owned();
    let edge = format!("<edge from-layer=\"{last}\" from-port=\"2\" to-layer=\"{id}\" to-port=\"0\"/>\n</edges>");
    xml = xml.replace("</edges>", &edge);
    looped.xml = xml.into_bytes();
    let error = convert_small(&looped, &small::synthesis([0, 1, 2])).unwrap_err();
    assert!(matches!(error, ConvertError::Unsupported(_) | ConvertError::TooLarge(_)), "{error}");
}

#[test]
fn truncations_are_errors() {
    let (mapping, synthesis) = (small::mapping(), small::synthesis([0, 1, 2]));
    // Without the final newline it is still whole.
    for length in (0..synthesis.xml.len() - 1).step_by(97) {
        let cut = Ir { xml: synthesis.xml[..length].to_vec(), bin: synthesis.bin.clone() };
        assert!(convert_small(&mapping, &cut).is_err(), "{length} bytes of XML");
    }
    for length in (0..synthesis.bin.len()).step_by(61) {
        let cut = Ir { xml: synthesis.xml.clone(), bin: synthesis.bin[..length].to_vec() };
        assert!(matches!(convert_small(&mapping, &cut).unwrap_err(), ConvertError::Truncated { .. }), "{length} bytes of values");
    }
}

/// A slice of what a fuzzer does, the same every time: no panic, and no model that the engine would refuse.
#[test]
fn flipped_bytes_never_panic() {
    let (mapping, synthesis) = (small::mapping(), small::synthesis([0, 1, 2]));
    let mut random = 1_u64;
    let mut draw = |below: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % below
    };
    for _ in 0..400 {
        let mut files = [mapping.xml.clone(), mapping.bin.clone(), synthesis.xml.clone(), synthesis.bin.clone()];
        for _ in 0..1 + draw(3) {
            let file = &mut files[draw(4)];
            let at = draw(file.len());
            // Digits and quotes are where the sizes are; any byte otherwise.
            file[at] = if draw(2) == 0 { b"0123456789\"<>/-, "[draw(17)] } else { draw(256) as u8 };
        }
        let [mapping_xml, mapping_bin, xml, bin] = files;
        let (mapping, synthesis) = (Ir { xml: mapping_xml, bin: mapping_bin }, Ir { xml, bin });
        if let Err(error) = convert_small(&mapping, &synthesis) {
            assert!(!error.to_string().contains('\n'), "{error}");
        }
    }
}

/// A wheel with the given files.
fn wheel(files: &[(&str, &[u8])]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in files {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    file.write_all(&writer.finish().unwrap().into_inner()).unwrap();
    file
}

#[test]
fn wheels_and_folders_are_read_and_bounded() {
    let (mapping, synthesis) = (small::mapping(), small::synthesis([0, 1, 2]));
    let files = [
        ("p/data/MappingNetwork.xml", &mapping.xml[..]),
        ("p/data/MappingNetwork.bin", &mapping.bin),
        ("p/data/SynthesisNetwork.xml", &synthesis.xml),
        ("p/data/SynthesisNetwork.bin", &synthesis.bin),
    ];
    let whole = wheel(&files);
    let model = open(whole.path(), &mut |_| ()).unwrap();
    assert_eq!(model.provenance["source_sha256"].len(), 64);

    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("random_face/data");
    std::fs::create_dir_all(&data).unwrap();
    files.iter().for_each(|(name, bytes)| std::fs::write(data.join(name.rsplit('/').next().unwrap()), bytes).unwrap());
    for path in [folder.path(), &data] {
        let same = open(path, &mut |_| ()).unwrap();
        assert_eq!(same.array("mapping.w_avg").bytes(), model.array("mapping.w_avg").bytes());
    }

    assert!(matches!(open(wheel(&files[..3]).path(), &mut |_| ()).unwrap_err(), ConvertError::Unsupported(_)));
    let twice = [&files[..], &[("q/SynthesisNetwork.bin", b"")]].concat();
    assert!(matches!(open(wheel(&twice).path(), &mut |_| ()).unwrap_err(), ConvertError::Unsupported(_)));
    let zeros = vec![0; (8 << 20) + 1];
    let bomb = [&[("MappingNetwork.xml", &zeros[..])], &files[1..]].concat();
    assert!(matches!(open(wheel(&bomb).path(), &mut |_| ()).unwrap_err(), ConvertError::TooLarge(_)));

    let bytes = std::fs::read(whole.path()).unwrap();
    for length in (0..bytes.len()).step_by(211) {
        std::fs::write(whole.path(), &bytes[..length]).unwrap();
        assert!(open(whole.path(), &mut |_| ()).is_err(), "{length} bytes of the wheel");
    }
    assert!(matches!(open(folder.path().join("absent").as_path(), &mut |_| ()).unwrap_err(), ConvertError::Io { .. }));
}

/// The first corpus of a fuzz target (fuzz/seeds.sh): a byte for which of the four files, and the file.
#[test]
#[ignore = "writes files for fuzzing"]
fn seeds() {
    let folder =
        std::path::PathBuf::from(std::env::var_os("FUZZ_CORPUS").expect("FUZZ_CORPUS names the folder to write to")).join("openvino");
    std::fs::create_dir_all(&folder).unwrap();
    let (mapping, synthesis) = (small::mapping(), small::synthesis([0, 1, 2]));
    for (which, file) in [mapping.xml, mapping.bin, synthesis.xml, synthesis.bin].into_iter().enumerate() {
        std::fs::write(folder.join(which.to_string()), [vec![which as u8], file].concat()).unwrap();
    }
}

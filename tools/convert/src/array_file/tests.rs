//! Files that NumPy 2.4.6 wrote: `compressed.npz` by savez_compressed, `savez.npz` and `savez.npy` by savez and save.

use super::*;

const COMPRESSED: &[u8] = include_bytes!("tests/compressed.npz");
const SAVED: &[u8] = include_bytes!("tests/savez.npz");
const SINGLE: &[u8] = include_bytes!("tests/savez.npy");

fn w() -> Array {
    Array::new(&[2, 3], vec![0.0, 0.5, 1.0, 1.5, 2.0, 2.5])
}

/// An .npy of version 1 with this header and data.
fn file(header: &str, data: &[u8]) -> Vec<u8> {
    [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), data].concat()
}

#[test]
fn floats_of_every_kind_are_read() {
    for key in ["w", "half", "double", "big", "big_half", "fortran", "w.npy"] {
        assert_eq!(read_bytes(COMPRESSED, key).unwrap(), w(), "{key}");
    }
    assert_eq!(read_bytes(SAVED, "w").unwrap(), w());
    assert_eq!(read_bytes(SINGLE, "no matter").unwrap(), w());
    assert_eq!(read_bytes(COMPRESSED, "cube").unwrap(), Array::new(&[2, 3, 4], (0..24).map(|i| i as f32).collect()));
    assert!(read_bytes(COMPRESSED, "integers").unwrap().values.iter().all(|value| value.fract() == 0.0));
    for (descr, data, wanted) in [
        ("|i1", &[0xff, 1][..], [-1.0, 1.0]),
        ("|u1", &[0xff, 1], [255.0, 1.0]),
        (">i2", &[0xff, 0xfe, 0, 3], [-2.0, 3.0]),
        ("<u4", &[0, 0, 0, 0x80, 1, 0, 0, 0], [2147483648.0, 1.0]),
    ] {
        let bytes = file(&format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': (2,), }}"), data);
        assert_eq!(read_bytes(&bytes, "").unwrap().values, wanted, "{descr}");
    }
    assert_eq!(read_bytes(COMPRESSED, "empty").unwrap(), Array::new(&[0, 3], vec![]));
    assert_eq!(read_bytes(SAVED, "scalar").unwrap(), Array::new(&[], vec![1.5]));
}

#[test]
fn files_are_those_of_numpy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.npy");
    write_npy(&path, &[2, 3], &w().values).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), SINGLE);

    let (scalar, vector) = (Array::new(&[], vec![1.5]), Array::new(&[3], vec![0.0, 1.0, 2.0]));
    let arrays = [("w", &w()), ("scalar", &scalar), ("vector", &vector)];
    let path = folder.path().join("w.npz");
    write_npz(&path, &arrays).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), npz_bytes(&arrays));
    for (name, array) in arrays {
        assert_eq!(&read(&path, name).unwrap(), array);
        let member = |bytes: &[u8]| super::member(bytes, name).unwrap().into_owned();
        assert_eq!(member(&npz_bytes(&arrays)), member(SAVED), "{name}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn headers_come_in_other_spellings() {
    let data = [0; 24];
    for header in [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }   \n",
        "{\"shape\":(2,3),\"fortran_order\":False,\"descr\":\"<f4\"}",
        "{'shape': (2L, 3L), 'fortran_order': True, 'descr': '<f4'}\n",
    ] {
        assert_eq!(read_bytes(&file(header, &data), "").unwrap(), Array::new(&[2, 3], vec![0.0; 6]), "{header}");
    }
    let mut second = file("{'descr': '<f4', 'fortran_order': False, 'shape': (), }", &[0; 4]);
    second[6] = 2;
    second.splice(10..10, [0, 0]);
    assert_eq!(read_bytes(&second, "").unwrap(), Array::new(&[], vec![0.0]));
}

#[test]
fn what_is_not_floats_is_refused_in_one_line() {
    let header = |shape: &str| format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
    let nan = file(&header("(2,)"), &[0, 0, 0, 0, 0, 0, 0xc0, 0x7f]);
    let long = [b"\x93NUMPY\x02\x00", &u32::MAX.to_le_bytes()[..], b"{}"].concat();
    for (bytes, key, says) in [
        (COMPRESSED, "v", "has no array v; it has w, half, double, big, big_half, fortran, cube, empty"),
        (COMPRESSED, "records", "records"),
        (COMPRESSED, "objects", "type |O"),
        (COMPRESSED, "nan", "value 1 is NaN"),
        (COMPRESSED, "huge", "value 0 is NaN or infinite"),
        (COMPRESSED, "zeros", "bytes, more than"),
        (&COMPRESSED[..COMPRESSED.len() / 2], "w", "damaged: the archive"),
        (b"PK", "w", "damaged: the archive"),
        (b"", "w", "neither"),
        (b"a text\nof two lines", "w", "neither"),
        (&SINGLE[..7], "", "within its header"),
        (&SINGLE[..60], "", "within its header"),
        (&SINGLE[..SINGLE.len() - 1], "", "shape [2, 3] of 4 bytes each, but 23 bytes"),
        (&file(&header("(99999999999, 99999999999)"), &[0; 8]), "", "but 8 bytes"),
        (&file(&header("(4294967296, 4294967296, 0)"), &[0; 8]), "", "but 8 bytes"),
        (&file(&header("(99999999999999999999999)"), &[]), "", "damaged: its header"),
        (&file(&header("(-1,)"), &[]), "", "damaged: its header"),
        (&file(&header(&"(1, ".repeat(3)), &[0; 4]), "", "damaged: its header"),
        (&file(&header(&format!("({})", "1, ".repeat(65))), &[0; 4]), "", "damaged: its header"),
        (&file("{'descr': '<f4'}", &[]), "", "damaged: its header"),
        (&file("{'descr': '<f4', 'descr", &[]), "", "damaged: its header"),
        (&file("", &[]), "", "damaged: its header"),
        (&file(&header("()").replace("<f4", "<f\n"), &[]), "", "type <f "),
        (&[b"\x93NUMPY\x04\x00", &[0; 100][..]].concat(), "", "version 4.0"),
        (&long, "", "header of 4294967295 bytes"),
        (&nan, "", "value 1 is NaN"),
    ] {
        let text = read_bytes(bytes, key).unwrap_err().to_string();
        assert!(text.contains(says) && text.len() < 300 && !text.contains('\n'), "{says}: {text}");
    }
}

/// Whatever byte is wrong, reading ends with an array of the same values or an error, not in a panic.
#[test]
fn a_wrong_byte_is_no_panic() {
    for (bytes, key) in [(SINGLE, ""), (SAVED, "w"), (COMPRESSED, "fortran")] {
        for at in (0..bytes.len()).step_by(3) {
            for flip in [1, 0x80, 0xff] {
                let mut bytes = bytes.to_vec();
                bytes[at] ^= flip;
                if let Ok(array) = read_bytes(&bytes, key) {
                    assert_eq!(array.shape.iter().product::<usize>(), array.values.len());
                }
            }
        }
        for end in 0..bytes.len() {
            let _ = read_bytes(&bytes[..end], key);
        }
    }
}

#[test]
fn errors_name_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let missing = read(&folder.path().join("missing.npz"), "w").unwrap_err().to_string();
    assert!(missing.contains("missing.npz: "), "{missing}");
    assert!(read(folder.path(), "w").is_err());
    let path = folder.path().join("dirs.npz");
    write_npz(&path, &[("directions", &w())]).unwrap();
    assert!(read(&path, "w").unwrap_err().to_string().ends_with("dirs.npz: has no array w; it has directions"));
}

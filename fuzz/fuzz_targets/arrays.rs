//! NumPy's .npy and .npz, as --projected-w and its like take them.
#![no_main]

use stylegan_tools::array_file::read_bytes;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    match read_bytes(bytes, "w") {
        Ok(array) => {
            assert_eq!(array.shape.iter().product::<usize>(), array.values.len());
            assert!(array.values.iter().all(|value| value.is_finite()));
        }
        Err(error) => assert!(!error.to_string().chars().any(char::is_control), "{error}"),
    }
});

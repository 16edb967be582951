//! What the targets of the checkpoints share; they differ in where they start from.

use stylegan_tools::convert::from_bytes;

/// A network or one line that says why not.
pub fn convert(bytes: &[u8]) {
    if let Err(error) = from_bytes(bytes, "fuzz", &mut |_| ()) {
        let text = error.to_string();
        assert!(!text.is_empty() && text.len() < 1700 && !text.chars().any(char::is_control), "{text:?}");
    }
}

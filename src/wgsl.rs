//! The text of shaders, as it lies in the program.

/// The text of a file in `shaders`. What a browser loads has it without comments and indentation, line by line as in the file.
#[cfg(not(target_arch = "wasm32"))]
macro_rules! wgsl {
    ($file:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/", $file))
    };
}

#[cfg(target_arch = "wasm32")]
macro_rules! wgsl {
    ($file:literal) => {{
        const TEXT: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/", $file));
        const BARE: [u8; $crate::wgsl::bare_length(TEXT)] = $crate::wgsl::bare(TEXT);
        $crate::wgsl::text(&BARE)
    }};
}

/// How long a text is without comments and indentation.
#[cfg(any(target_arch = "wasm32", test))]
pub(crate) const fn bare_length(text: &str) -> usize {
    let text = text.as_bytes();
    let (mut read, mut length) = (0, 0);
    while read < text.len() {
        let next = skip(text, read);
        if next == read {
            length += 1;
            read += 1;
        } else {
            read = next;
        }
    }
    length
}

/// A text without comments and indentation, `LENGTH` bytes.
#[cfg(any(target_arch = "wasm32", test))]
pub(crate) const fn bare<const LENGTH: usize>(text: &str) -> [u8; LENGTH] {
    let text = text.as_bytes();
    let mut bare = [0; LENGTH];
    let (mut read, mut write) = (0, 0);
    while write < LENGTH {
        let next = skip(text, read);
        if next == read {
            bare[write] = text[read];
            write += 1;
            read += 1;
        } else {
            read = next;
        }
    }
    bare
}

/// The bytes as text again.
#[cfg(any(target_arch = "wasm32", test))]
pub(crate) const fn text(bytes: &[u8]) -> &str {
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(_) => panic!("comments end where lines end"),
    }
}

/// Where the text goes on after a comment or the indentation that begins here; here, if nothing of the kind does.
#[cfg(any(target_arch = "wasm32", test))]
const fn skip(text: &[u8], from: usize) -> usize {
    let mut to = from;
    if text[from] == b'/' && from + 1 < text.len() && text[from + 1] == b'/' {
        while to < text.len() && text[to] != b'\n' {
            to += 1;
        }
    } else if from == 0 || text[from - 1] == b'\n' {
        while to < text.len() && text[to] == b' ' {
            to += 1;
        }
    }
    to
}

#[cfg(test)]
mod tests {
    use super::{bare, bare_length, text};

    #[test]
    fn code_stays_where_it_was() {
        const TEXT: &str = "// Größe\n    let a = b / c; // a / b\n\n  // all of it\n\tlet d = \"//\";";
        const BARE: [u8; bare_length(TEXT)] = bare(TEXT);
        assert_eq!(text(&BARE), "\nlet a = b / c; \n\n\n\tlet d = \"");
    }
}

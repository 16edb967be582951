//! Text out of files, made fit for a terminal, a log or one line of an error.

/// A character that shows as itself. Control characters move the cursor or end the line; those that turn the direction of writing
/// make a text look like another.
pub fn is_plain(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// At most `most` characters of a text, spaces in the place of those that are not plain; "..." where it goes on.
pub fn line(text: &str, most: usize) -> String {
    let mut line: String = text.chars().take(most).map(|c| if is_plain(c) { c } else { ' ' }).collect();
    if text.chars().nth(most).is_some() {
        line.push_str("...");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn what_is_shown_is_what_is_there() {
        assert_eq!(line("a\u{1b}[31mb\r\nc\u{202e}d\u{2066}e\u{200b}f\u{9b}g\u{0}", 99), "a [31mb  c d e f g ");
        assert_eq!(line("Gesicht Größe 顔 😀", 99), "Gesicht Größe 顔 😀");
        assert_eq!((line("abcd", 3).as_str(), line("abc", 3).as_str()), ("abc...", "abc"));
    }
}

//! Running text made short.

/// A summary has at least this many letters, where the page has (Synapse's numbers, here and below).
const MIN_CHARS: usize = 200;

/// And at most this many.
pub(crate) const MAX_CHARS: usize = 500;

/// The first paragraphs, until they make a summary.
pub(super) fn summarize<'a>(paragraphs: impl IntoIterator<Item = &'a str>) -> String {
    let mut summary = String::new();
    for paragraph in paragraphs {
        if !summary.is_empty() {
            summary.push_str("\n\n");
        }
        summary.push_str(paragraph);
        if summary.chars().count() >= MIN_CHARS {
            break;
        }
    }
    shorten(&summary, MAX_CHARS)
}

/// At most `max_chars` letters, cut between two words and ended by an ellipsis; within a word that is too long itself.
pub(crate) fn shorten(text: &str, max_chars: usize) -> String {
    let Some((end, _)) = text.char_indices().nth(max_chars) else {
        return text.to_owned();
    };
    // One letter is the ellipsis.
    let last = text[..end].char_indices().next_back().map_or(0, |(at, _)| at);
    let cut = text[..last].rfind(char::is_whitespace).filter(|at| *at > last / 2).unwrap_or(last);
    format!("{}…", text[..cut].trim_end())
}

/// Without line breaks, control characters and repeated blanks.
pub(crate) fn on_one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(1024));
    for word in text.split(|letter: char| letter.is_whitespace() || letter.is_control()) {
        if !word.is_empty() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_words() {
        assert_eq!(shorten("one two three", 13), "one two three");
        assert_eq!(shorten("one two three", 12), "one two…");
        assert_eq!(shorten("ünbrëäkäblë", 5), "ünbr…");
        assert_eq!(shorten("", 5), "");
        assert_eq!(shorten("日本語のページです", 4), "日本語…");
    }

    #[test]
    fn a_summary_ends_once_it_is_long_enough() {
        let long = "word ".repeat(45);
        assert_eq!(summarize([long.trim(), "never read"]), long.trim());
        assert_eq!(summarize(["short", "and more"]), "short\n\nand more");
        let endless = "word ".repeat(1000);
        assert!(summarize([endless.trim()]).chars().count() <= MAX_CHARS);
        assert_eq!(summarize([]), "");
    }

    #[test]
    fn blanks_and_controls_are_one_blank() {
        assert_eq!(on_one_line("  a\r\n\tb\0c\u{a0} d "), "a b c d");
    }
}

//! The parameters of a header value (RFC 9110 section 5.6.6): `name=value`, `name="value"`, between semicolons.

/// Names and values in the order in which they stand, from what follows the value's first semicolon.
///
/// Read with patience: blanks are allowed around everything, a quoted value may hold semicolons and escaped letters and
/// need not end, and what has no value is passed over. Names keep their case. Each letter is taken once, so the work
/// grows with the header and no faster.
pub fn parameters(mut letters: impl Iterator<Item = char>) -> impl Iterator<Item = (String, String)> {
    std::iter::from_fn(move || {
        let mut name = String::new();
        loop {
            match letters.next()? {
                '=' => break,
                ';' => name.clear(),
                letter => name.push(letter),
            }
        }
        Some((name.trim().to_owned(), value(&mut letters)))
    })
}

/// The value up to its semicolon, which is taken too.
fn value(letters: &mut impl Iterator<Item = char>) -> String {
    let mut value = String::new();
    match letters.find(|letter| !letter.is_whitespace()) {
        Some('"') => {
            while let Some(letter) = letters.next() {
                match letter {
                    '"' => break,
                    '\\' => value.extend(letters.next()),
                    other => value.push(other),
                }
            }
            // What stands between a quoted value and the semicolon is nobody's.
            letters.find(|&letter| letter == ';');
            value
        }
        Some(';') | None => value,
        Some(first) => {
            value.push(first);
            value.extend(letters.take_while(|&letter| letter != ';'));
            value.trim_end().to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str)]) {
        let mut looked_at = 0;
        let found: Vec<_> = parameters(text.chars().inspect(|_| looked_at += 1)).collect();
        let found: Vec<_> = found.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(found, expected, "{text}");
        assert_eq!(looked_at, text.chars().count(), "each letter of {text} is looked at once");
    }

    #[test]
    fn parameters_are_read_quoted_or_not() {
        check(
            "a=b; C = d ;e=\"f\" ; g=\"h;=\\\"i\\\\\"",
            &[("a", "b"), ("C", "d"), ("e", "f"), ("g", "h;=\"i\\")],
        );
        check(" boundary=abc", &[("boundary", "abc")]);
        check("a=b=c", &[("a", "b=c")]);
        check("a=\"open; b=c", &[("a", "open; b=c")]);
        check("a=;b= ;c=", &[("a", ""), ("b", ""), ("c", "")]);
        check("", &[]);
        check(";;", &[]);
    }

    #[test]
    fn what_has_no_value_hides_nothing_after_it() {
        check("flag; a=b", &[("a", "b")]);
        check("a=\"b\" junk; c=d", &[("a", "b"), ("c", "d")]);
        check("a=b; flag", &[("a", "b")]);
    }
}

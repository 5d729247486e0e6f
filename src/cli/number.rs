//! Numbers of phones as people type them.

/// A number as it goes to the SMSC: digits, with or without a plus in front.
///
/// # Errors
/// A line that says which character does not belong there.
pub(super) fn number(text: &str) -> Result<String, String> {
    const RIGHT: &str =
        "a number is digits, with or without a + in front, such as 447911123456 or +447911123456";
    let digits = text.strip_prefix('+').unwrap_or(text);
    if digits.is_empty() {
        return Err(format!("there is no digit; {RIGHT}"));
    }
    let wrong = text
        .chars()
        .enumerate()
        .find(|(at, ch)| !(ch.is_ascii_digit() || *at == 0 && *ch == '+'));
    let Some((at, ch)) = wrong else {
        return Ok(text.to_owned());
    };
    let next = if ch == '+' {
        "a + stands in front only"
    } else if ch.is_alphabetic() {
        "the number comes first, the text behind it"
    } else {
        "write it without"
    };
    Err(format!(
        "{ch:?}, character {}, is no digit: {next}; {RIGHT}",
        at + 1
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_digits_with_or_without_a_plus() {
        for right in ["447911123456", "+447911123456", "4711", "1"] {
            assert_eq!(number(right), Ok(right.to_owned()));
        }
        for (wrong, words) in [
            ("", "there is no digit"),
            ("+", "there is no digit"),
            (
                "hello",
                "'h', character 1, is no digit: the number comes first",
            ),
            (
                "+44-7911 (0)",
                "'-', character 4, is no digit: write it without",
            ),
            ("44 7911", "' ', character 3,"),
            ("(44)7911", "'(', character 1,"),
            (
                "44+7911",
                "'+', character 3, is no digit: a + stands in front only",
            ),
            ("++44", "'+', character 2,"),
            // Digits of other scripts, and blanks that are not seen.
            ("٤٤", "character 1,"),
            ("44\u{a0}7911", "'\\u{a0}', character 3,"),
            ("44\n", "'\\n', character 3,"),
            ("44\0", "'\\0', character 3,"),
        ] {
            let error = number(wrong).unwrap_err();
            assert!(error.contains(words), "{wrong:?}: {error}");
            assert!(
                error.ends_with("+447911123456") && !error.contains('\n'),
                "{error}"
            );
        }
    }
}

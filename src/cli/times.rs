//! Spans of time as people write and read them.

/// Longer than anything that is meant: ten years.
const MOST: f64 = 10.0 * 366.0 * 86_400.0;

/// Seconds from `90`, `90s`, `15m`, `1h`, `2d` or `1w`; also `1.5h`.
pub(super) fn span(text: &str) -> Result<f64, String> {
    let wrong =
        || "must be a number with s, m, h, d or w behind it, such as 90s, 15m or 1h".to_owned();
    let (number, unit) = match text.char_indices().next_back() {
        Some((at, unit)) if unit.is_ascii_alphabetic() => (&text[..at], unit),
        _ => (text, 's'),
    };
    let unit = match unit {
        's' => 1.0,
        'm' => 60.0,
        'h' => 3600.0,
        'd' => 86_400.0,
        'w' => 604_800.0,
        _ => return Err(wrong()),
    };
    if !number.starts_with(|ch: char| ch.is_ascii_digit()) {
        return Err(wrong());
    }
    let seconds = number.parse::<f64>().map_err(|_| wrong())? * unit;
    if seconds > 0.0 && seconds <= MOST {
        Ok(seconds)
    } else {
        Err("must be more than 0 and at most ten years".to_owned())
    }
}

/// `45 s`, `12 min`, `3 h` or `5 d`.
pub(super) fn ago(seconds: f64) -> String {
    let seconds = seconds.max(0.0).round();
    if seconds < 120.0 {
        format!("{seconds} s")
    } else if seconds < 7200.0 {
        format!("{} min", (seconds / 60.0).floor())
    } else if seconds < 172_800.0 {
        format!("{} h", (seconds / 3600.0).floor())
    } else {
        format!("{} d", (seconds / 86_400.0).floor())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_people_write_them() {
        for (text, seconds) in [
            ("90", 90.0),
            ("90s", 90.0),
            ("15m", 900.0),
            ("1.5h", 5400.0),
            ("2d", 172_800.0),
            ("1w", 604_800.0),
        ] {
            assert_eq!(span(text), Ok(seconds), "{text}");
        }
        for wrong in ["", "h", "-1h", "1y", "0", "inf", "nan", "1e9w", "1 h", "é"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn spans_are_told_roughly() {
        for (seconds, words) in [
            (-1.0, "0 s"),
            (119.0, "119 s"),
            (120.0, "2 min"),
            (7200.0, "2 h"),
            (172_800.0, "2 d"),
        ] {
            assert_eq!(ago(seconds), words);
        }
    }
}

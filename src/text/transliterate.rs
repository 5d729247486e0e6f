//! Characters that have a plain spelling: what `esme_transliterate` puts in the place of those that
//! an alphabet lacks.

use std::sync::LazyLock;

use super::Coding;

/// What stands for which characters. One step: no replacement is replaced again, and each is of
/// characters that ASCII and GSM 03.38 (with its extension) have both, so that the one table serves
/// every alphabet. `esmed_transliterations` in `sql/db.sql` has the same lines.
///
/// Only what keeps the meaning is here: no `²` (10² would become 102), no `½`, no `°`.
#[rustfmt::skip]
const TABLE: &[(&str, &str)] = &[
    ("", "\u{AD}\u{34F}\u{200B}\u{200C}\u{200D}\u{200E}\u{200F}\u{202A}\u{202B}\u{202C}\u{202D}\
        \u{202E}\u{2060}\u{2066}\u{2067}\u{2068}\u{2069}\u{FE0E}\u{FE0F}\u{FEFF}"),
    ("", "\u{300}\u{301}\u{302}\u{303}\u{304}\u{306}\u{307}\u{308}\u{309}\u{30A}\u{30B}\u{30C}\
        \u{30F}\u{311}\u{31B}\u{323}\u{324}\u{325}\u{326}\u{327}\u{328}\u{32D}\u{32E}\u{330}\
        \u{331}"),
    (" ", "\t\u{A0}\u{2000}\u{2001}\u{2002}\u{2003}\u{2004}\u{2005}\u{2006}\u{2007}\u{2008}\u{2009}\
        \u{200A}\u{202F}\u{205F}\u{3000}"),
    ("\n", "\u{85}\u{2028}\u{2029}"),
    ("\"", "«»“”„‟″〝〞"),
    ("'", "`´‘’‚‛′‹›ʹʻʼˈ"),
    ("-", "‐‑‒–—―⁃−"),
    ("...", "…"),
    ("..", "‥"),
    (".", "·∙⋅"),
    ("*", "•‣▪●◦∗"),
    ("!", "¡"),
    ("?", "¿"),
    ("!!", "‼"),
    ("??", "⁇"),
    ("?!", "⁈"),
    ("!?", "⁉"),
    ("->", "→"),
    ("<-", "←"),
    ("=>", "⇒"),
    ("<=", "≤"),
    (">=", "≥"),
    ("+/-", "±"),
    ("/", "⁄∕÷"),
    ("x", "×ẋẍ"),
    ("~", "˜∼"),
    ("^", "ˆ"),
    ("|", "¦"),
    ("u", "µùúûüũūŭůűųưǔǖǘǚǜȕȗʉṳṵṷṹṻụủứừửữự"),
    ("(C)", "©"),
    ("(R)", "®"),
    ("TM", "™"),
    ("No", "№"),
    ("EUR", "€"),
    ("a", "ªàáâãäåāăąǎǟǡǻȁȃȧḁạảấầẩẫậắằẳẵặ"),
    ("o", "ºòóôõöøōŏőơǒǫǭǿȍȏȫȭȯȱɔṍṏṑṓọỏốồổỗộớờởỡợ"),
    ("c", "¢çćĉċčḉ"),
    ("AE", "ÆǢǼ"),
    ("ae", "æǣǽ"),
    ("OE", "Œ"),
    ("oe", "œ"),
    ("ss", "ß"),
    ("SS", "ẞ"),
    ("Th", "Þ"),
    ("th", "þ"),
    ("IJ", "Ĳ"),
    ("ij", "ĳ"),
    ("'n", "ŉ"),
    ("DZ", "ǄǱ"),
    ("Dz", "ǅǲ"),
    ("dz", "ǆǳ"),
    ("LJ", "Ǉ"),
    ("Lj", "ǈ"),
    ("lj", "ǉ"),
    ("NJ", "Ǌ"),
    ("Nj", "ǋ"),
    ("nj", "ǌ"),
    ("ff", "ﬀ"),
    ("fi", "ﬁ"),
    ("fl", "ﬂ"),
    ("ffi", "ﬃ"),
    ("ffl", "ﬄ"),
    ("st", "ﬅﬆ"),
    ("A", "ÀÁÂÃÄÅĀĂĄǍǞǠǺȀȂȦḀẠẢẤẦẨẪẬẮẰẲẴẶ"),
    ("B", "ƁḂḄḆ"),
    ("C", "ÇĆĈĊČḈ"),
    ("D", "ÐĎĐƉƊḊḌḎḐḒ"),
    ("E", "ÈÉÊËĒĔĖĘĚƎƏƐȄȆȨḔḖḘḚḜẸẺẼẾỀỂỄỆ"),
    ("F", "ƑḞ"),
    ("G", "ĜĞĠĢƓƔǤǦǴḠ"),
    ("H", "ĤĦȞḢḤḦḨḪ"),
    ("I", "ÌÍÎÏĨĪĬĮİƗǏȈȊḬḮỈỊ"),
    ("J", "Ĵ"),
    ("K", "ĶƘǨḰḲḴ"),
    ("L", "ĹĻĽĿŁḶḸḺḼ"),
    ("M", "ḾṀṂ"),
    ("N", "ÑŃŅŇŊƝǸṄṆṈṊ"),
    ("O", "ÒÓÔÕÖØŌŎŐƆƠǑǪǬǾȌȎȪȬȮȰṌṎṐṒỌỎỐỒỔỖỘỚỜỞỠỢ"),
    ("P", "ṔṖ"),
    ("R", "ŔŖŘȐȒṘṚṜṞ"),
    ("S", "ŚŜŞŠȘṠṢṤṦṨ"),
    ("T", "ŢŤŦȚṪṬṮṰ"),
    ("U", "ÙÚÛÜŨŪŬŮŰŲƯǓǕǗǙǛȔȖɄṲṴṶṸṺỤỦỨỪỬỮỰ"),
    ("V", "ƲṼṾ"),
    ("W", "ŴẀẂẄẆẈ"),
    ("X", "ẊẌ"),
    ("Y", "ÝŶŸƳȲẎỲỴỶỸ"),
    ("Z", "ŹŻŽƵẐẒẔ"),
    ("b", "ƀɓḃḅḇ"),
    ("d", "ðďđɖɗḋḍḏḑḓ"),
    ("e", "èéêëēĕėęěǝȅȇȩəɛḕḗḙḛḝẹẻẽếềểễệ"),
    ("f", "ƒḟ"),
    ("g", "ĝğġģǥǧǵɠɣḡ"),
    ("h", "ĥħȟḣḥḧḩḫẖ"),
    ("i", "ìíîïĩīĭįıǐȉȋɨḭḯỉị"),
    ("j", "ĵǰ"),
    ("k", "ķĸƙǩḱḳḵ"),
    ("l", "ĺļľŀłḷḹḻḽ"),
    ("m", "ḿṁṃ"),
    ("n", "ñńņňŋǹɲṅṇṉṋ"),
    ("p", "ṕṗ"),
    ("r", "ŕŗřȑȓṙṛṝṟ"),
    ("s", "śŝşšſșṡṣṥṧṩẛ"),
    ("t", "ţťŧțṫṭṯṱẗ"),
    ("v", "ʋṽṿ"),
    ("w", "ŵẁẃẅẇẉẘ"),
    ("y", "ýÿŷƴȳẏẙỳỵỷỹ"),
    ("z", "źżžƶẑẓẕ"),
];

/// The table by character.
static BY_CHARACTER: LazyLock<Vec<(char, &str)>> = LazyLock::new(|| {
    let mut entries: Vec<(char, &str)> = TABLE
        .iter()
        .flat_map(|&(replacement, characters)| characters.chars().map(move |ch| (ch, replacement)))
        .collect();
    entries.sort_unstable();
    entries
});

/// How many characters [`Transliterated::note`] lists.
const NOTED: usize = 20;

/// What may stand in the place of a character, e.g. `"` for `“` and `...` for `…`; nothing (`""`)
/// for invisible ones. `None`: there is no plain spelling.
#[must_use]
pub fn replacement(ch: char) -> Option<&'static str> {
    entry(ch).map(|at| BY_CHARACTER[at].1)
}

fn entry(ch: char) -> Option<usize> {
    BY_CHARACTER
        .binary_search_by_key(&ch, |&(known, _)| known)
        .ok()
}

/// A text after transliteration.
#[derive(Debug)]
pub(super) struct Transliterated {
    /// It has only characters of the coding.
    pub(super) text: String,
    /// For `submission_info`: which characters were replaced, in the order of their first
    /// occurrence.
    pub(super) note: String,
}

/// Replaces the characters that a coding lacks, and no others; `None` where one of them can't be
/// replaced.
pub(super) fn transliterate(text: &str, coding: Coding) -> Option<Transliterated> {
    let mut plain = String::with_capacity(text.len());
    let mut note = "transliterated:".to_owned();
    let mut seen = vec![false; BY_CHARACTER.len()];
    let mut replaced = 0;
    for ch in text.chars() {
        if coding.has(ch) {
            plain.push(ch);
            continue;
        }
        let at = entry(ch)?;
        let replacement = BY_CHARACTER[at].1;
        plain.push_str(replacement);
        if !seen[at] {
            seen[at] = true;
            replaced += 1;
            if replaced <= NOTED {
                note.push(' ');
                note.push_str(&shown(ch, replacement));
            }
        }
    }
    if replaced > NOTED {
        note.push_str(&format!(" and {} more", replaced - NOTED));
    }
    Some(Transliterated { text: plain, note })
}

/// A character in a note: itself, or its number where nobody would see it.
fn shown(ch: char, replacement: &str) -> String {
    if replacement.trim().is_empty() {
        format!("U+{:04X}", u32::from(ch))
    } else {
        ch.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::gsm7;

    #[test]
    fn replacements_are_in_ascii_and_in_gsm_0338() {
        for (replacement, characters) in TABLE {
            assert!(replacement.is_ascii(), "{replacement:?}");
            assert!(gsm7::septets(replacement).is_some(), "{replacement:?}");
            assert!(!characters.is_empty());
        }
    }

    #[test]
    fn each_character_has_one_replacement_and_is_none_itself() {
        for pair in BY_CHARACTER.windows(2) {
            assert!(pair[0].0 < pair[1].0, "{pair:?}");
        }
        for &(ch, _) in BY_CHARACTER.iter() {
            let used = TABLE
                .iter()
                .any(|(replacement, _)| replacement.contains(ch));
            assert!(!used, "{ch:?}");
            assert!(!(Coding::Gsm.has(ch) && ch.is_ascii()), "{ch:?}");
        }
    }

    #[test]
    fn quotes_dashes_and_letters_are_replaced() {
        for (ch, plain) in [
            ('“', "\""),
            ('’', "'"),
            ('–', "-"),
            ('…', "..."),
            ('\u{A0}', " "),
            ('\t', " "),
            ('\u{200B}', ""),
            ('\u{AD}', ""),
            ('ș', "s"),
            ('ț', "t"),
            ('ệ', "e"),
            ('ẞ', "SS"),
            ('Œ', "OE"),
            ('ł', "l"),
            ('ﬁ', "fi"),
            ('™', "TM"),
            ('\u{301}', ""),
            ('`', "'"),
        ] {
            assert_eq!(replacement(ch), Some(plain), "{ch:?}");
        }
        for ch in ['a', 'я', '😀', '²', '½', '漢', '\n'] {
            assert_eq!(replacement(ch), None, "{ch:?}");
        }
    }

    #[test]
    fn only_what_the_coding_lacks_is_replaced() {
        let plain = |text, coding| transliterate(text, coding).map(|done| done.text);
        assert_eq!(plain("“é”", Coding::Gsm).as_deref(), Some("\"é\""));
        assert_eq!(plain("“é”", Coding::Ascii).as_deref(), Some("\"e\""));
        assert_eq!(plain("“ç€”", Coding::Latin1).as_deref(), Some("\"çEUR\""));
        assert_eq!(plain("“я”", Coding::Gsm), None);
    }

    #[test]
    fn the_note_lists_each_character_once_and_is_bounded() {
        let note = |text: &str| transliterate(text, Coding::Gsm).unwrap().note;
        assert_eq!(note("“a” “b”…"), "transliterated: “ ” …");
        assert_eq!(note("a\u{A0}b\u{200B}"), "transliterated: U+00A0 U+200B");
        let many: String = TABLE
            .iter()
            .flat_map(|(_, characters)| characters.chars())
            .collect();
        let many: String = many
            .chars()
            .filter(|&ch| !Coding::Gsm.has(ch))
            .take(25)
            .collect();
        let note = note(&many);
        assert!(note.ends_with(" and 5 more"), "{note}");
        assert_eq!(note.split(' ').count(), 1 + 20 + 3);
    }
}

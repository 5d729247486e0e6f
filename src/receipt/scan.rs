//! The scanner for the text of a receipt (SMPP 3.4, appendix B, and what the field makes of it).

/// A field of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Id,
    Sub,
    Dlvrd,
    SubmitDate,
    DoneDate,
    Stat,
    Err,
    Text,
}

/// The fields of a text, as they stand there; an empty one is there, and empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Fields<'a> {
    pub(super) id: Option<&'a str>,
    /// Ids behind the first that differ from it.
    pub(super) other_ids: Vec<&'a str>,
    pub(super) sub: Option<&'a str>,
    pub(super) dlvrd: Option<&'a str>,
    pub(super) submit_date: Option<&'a str>,
    pub(super) done_date: Option<&'a str>,
    pub(super) stat: Option<&'a str>,
    /// `stat:` was the last of the text, which may have been cut.
    pub(super) stat_is_last: bool,
    pub(super) err: Option<&'a str>,
    pub(super) text: Option<&'a str>,
    /// Where `text` begins.
    pub(super) text_at: usize,
}

impl Fields<'_> {
    /// Whether there is any field but `text`.
    pub(super) fn any(&self) -> bool {
        self.id.is_some() || self.stat.is_some() || self.counted() > 0
    }

    /// How many of the fields there are that a person hardly writes.
    pub(super) fn counted(&self) -> usize {
        [
            self.sub,
            self.dlvrd,
            self.submit_date,
            self.done_date,
            self.err,
        ]
        .into_iter()
        .flatten()
        .filter(|value| value.bytes().any(|octet| octet.is_ascii_digit()))
        .count()
    }
}

/// Finds the fields in any order and case, whatever stands between them. Of a field that occurs
/// twice the first counts.
pub(super) fn scan(text: &str) -> Fields<'_> {
    let text = text.trim_end_matches('\0');
    let mut fields = Fields::default();
    let mut at = 0;
    while at < text.len() {
        let Some((key, start)) = key_at(text, at) else {
            at += 1;
            continue;
        };
        if key == Key::Text {
            at = fields.read_text(text, start);
            continue;
        }
        let (value, end) = value(text, start, key);
        let slot = match key {
            Key::Id => &mut fields.id,
            Key::Sub => &mut fields.sub,
            Key::Dlvrd => &mut fields.dlvrd,
            Key::SubmitDate => &mut fields.submit_date,
            Key::DoneDate => &mut fields.done_date,
            Key::Stat => &mut fields.stat,
            Key::Err | Key::Text => &mut fields.err,
        };
        match *slot {
            None => {
                *slot = Some(value);
                if key == Key::Stat {
                    fields.stat_is_last = text[end..].trim().is_empty();
                }
            }
            Some(first) if key == Key::Id && first != value && !value.is_empty() => {
                fields.other_ids.push(value);
            }
            Some(_) => {}
        }
        at = end;
    }
    fields
}

impl<'a> Fields<'a> {
    /// Takes the text of the message, which is all that follows: fields in it are the words of
    /// whoever wrote the message. Only where `stat` is still missing and a field follows at once is
    /// the text taken as empty. Returns where to go on.
    fn read_text(&mut self, text: &'a str, start: usize) -> usize {
        self.text_at = start;
        let behind = start + blanks(&text[start..]);
        if self.stat.is_none() && key_at(text, behind).is_some() {
            self.text = Some("");
            return behind;
        }
        self.text = Some(text[start..].trim_end_matches(['\r', '\n', '\0']));
        text.len()
    }
}

/// The key that begins here, and where its value begins.
fn key_at(text: &str, at: usize) -> Option<(Key, usize)> {
    let octets = text.as_bytes();
    let before = &octets[..at];
    // A key is a word of its own: not the end of `bid:`, `order_id:` or `deliverr:`.
    if let Some(&last) = before.last()
        && (last.is_ascii_alphanumeric() || matches!(last, b'_' | b'-'))
    {
        return None;
    }
    let rest = &octets[at..];
    let (key, length) = match rest.first()?.to_ascii_lowercase() {
        b'i' => (Key::Id, word(rest, b"id")?),
        b't' => (Key::Text, word(rest, b"text")?),
        b'e' => (Key::Err, word(rest, b"err")?),
        b'd' => match word(rest, b"dlvrd") {
            Some(length) => (Key::Dlvrd, length),
            None => (Key::DoneDate, date_key(rest, b"done")?),
        },
        b's' => match (word(rest, b"stat"), date_key(rest, b"submit")) {
            (Some(length), _) => (Key::Stat, length),
            (None, Some(length)) => (Key::SubmitDate, length),
            (None, None) => (Key::Sub, word(rest, b"sub")?),
        },
        _ => return None,
    };
    // "message text:" is someone's name for something else.
    let message = before.last_chunk::<8>();
    if key == Key::Text && message.is_some_and(|word| word.eq_ignore_ascii_case(b"message ")) {
        return None;
    }
    let gap = usize::from(rest.get(length) == Some(&b' '));
    matches!(rest.get(length + gap), Some(b':' | b'=')).then_some((key, at + length + gap + 1))
}

/// The length of `word`, if `rest` begins with it in any case.
fn word(rest: &[u8], word: &[u8]) -> Option<usize> {
    rest.get(..word.len())?
        .eq_ignore_ascii_case(word)
        .then_some(word.len())
}

/// The length of `submit date`, `submit_date` or `submitdate`.
fn date_key(rest: &[u8], first: &[u8]) -> Option<usize> {
    let length = word(rest, first)?;
    let gap = usize::from(matches!(rest.get(length), Some(b' ' | b'_' | b'-')));
    Some(length + gap + word(&rest[length + gap..], b"date")?)
}

/// The value that begins here, and where it ends: at a blank, or at a separator before the next
/// key. It is empty where the next key, or a word that looks like one, comes first.
fn value(text: &str, start: usize, key: Key) -> (&str, usize) {
    let begin = start + blanks(&text[start..]);
    if key_at(text, begin).is_some() {
        return ("", begin);
    }
    let rest = &text[begin..];
    let mut length = rest.find(is_blank).unwrap_or(rest.len());
    if begin > start && rest[..length].ends_with(':') {
        return ("", begin);
    }
    if matches!(key, Key::SubmitDate | Key::DoneDate) {
        length += time_behind(&rest[..length], &rest[length..]);
    }
    for (at, _) in rest[..length].match_indices([',', ';', '|']) {
        let next = begin + at + 1;
        let next = next + blanks(&text[next..]);
        if next == text.len() || key_at(text, next).is_some() {
            length = at;
            break;
        }
    }
    (&rest[..length], begin + length)
}

/// The length of ` hh:mm…` behind a `YYYY-MM-DD`, which is one value with it.
fn time_behind(date: &str, rest: &str) -> usize {
    let is_date = date.len() == 10 && date.bytes().filter(|&octet| octet == b'-').count() == 2;
    let Some(time) = rest.strip_prefix(' ').filter(|_| is_date) else {
        return 0;
    };
    let length = time
        .find(|ch: char| !ch.is_ascii_digit() && ch != ':')
        .unwrap_or(time.len());
    if length >= 5 && time.as_bytes()[2] == b':' {
        1 + length
    } else {
        0
    }
}

fn is_blank(ch: char) -> bool {
    matches!(ch, ' ' | '\t' | '\r' | '\n')
}

fn blanks(text: &str) -> usize {
    text.len() - text.trim_start_matches(is_blank).len()
}

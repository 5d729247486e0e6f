//! Colours, where they are wanted, and lines that fit on a screen.

use std::io;

use anstyle::{AnsiColor, Style};
use clap::ValueEnum;

/// `--color`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum When {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Also into a pipe or a file
    Always,
    /// Nowhere
    Never,
}

/// Paints words, or leaves them as they are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paint {
    colours: bool,
}

impl Paint {
    /// For standard output.
    pub(super) fn new(when: When) -> Self {
        Self {
            colours: match when {
                When::Always => true,
                When::Never => false,
                When::Auto => {
                    anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never
                }
            },
        }
    }

    fn paint(self, style: Style, text: &str) -> String {
        if self.colours {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    pub(super) fn good(self, text: &str) -> String {
        self.paint(AnsiColor::Green.on_default(), text)
    }

    pub(super) fn odd(self, text: &str) -> String {
        self.paint(AnsiColor::Yellow.on_default(), text)
    }

    pub(super) fn bad(self, text: &str) -> String {
        self.paint(AnsiColor::Red.on_default().bold(), text)
    }

    pub(super) fn faint(self, text: &str) -> String {
        self.paint(Style::new().dimmed(), text)
    }

    pub(super) fn strong(self, text: &str) -> String {
        self.paint(Style::new().bold(), text)
    }

    /// By the status of an event: down, degraded or ok.
    pub(super) fn by_status(self, status: Option<&str>, text: &str) -> String {
        match status {
            Some("down") => self.bad(text),
            Some("degraded") => self.odd(text),
            Some("ok") => self.good(text),
            _ => text.to_owned(),
        }
    }
}

/// On one line and without anything that a terminal would obey: others chose parts of it.
pub(super) fn plain(text: &str) -> String {
    text.chars()
        .map(|ch| match ch {
            '\n' | '\r' | '\t' => ' ',
            ch if ch.is_control() => '?',
            ch => ch,
        })
        .collect()
}

/// At most `width` characters of a line; colours count for nothing, and are ended.
pub(super) fn fit(line: &str, width: usize) -> String {
    let mut left = width;
    let mut fitting = String::with_capacity(line.len());
    let mut chars = line.chars();
    let mut painted = false;
    while let Some(ch) = chars.next() {
        if ch == '\x1b' {
            painted = true;
            fitting.push(ch);
            for ch in chars.by_ref() {
                fitting.push(ch);
                if ch.is_ascii_alphabetic() {
                    break;
                }
            }
        } else if left == 0 {
            if painted {
                fitting.push_str("\x1b[0m");
            }
            return fitting;
        } else {
            left -= 1;
            fitting.push(ch);
        }
    }
    fitting
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_by_what_is_seen() {
        assert_eq!(fit("abcdef", 3), "abc");
        assert_eq!(fit("äöü", 3), "äöü");
        let red = Paint { colours: true }.bad("abcdef");
        let cut = fit(&red, 3);
        assert!(cut.ends_with("abc\x1b[0m"), "{cut:?}");
        assert_eq!(fit(&red, 6), red);
    }

    #[test]
    fn what_a_terminal_would_obey_is_taken_out() {
        assert_eq!(plain("a\x1b[2Jb\nc\u{9b}"), "a?[2Jb c?");
    }
}

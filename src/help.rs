//! What `--help` of both programs has in common: how wide it is, and how its texts are written.

/// Lines longer than this are hard to read, however wide the terminal is.
const WIDEST: usize = 100;
/// Where nothing tells how wide the terminal is, as most programs take it.
const UNKNOWN: usize = 80;

/// The most columns that help takes; in a narrower terminal it takes as many as there are.
pub(crate) fn widest() -> usize {
    // clap would take 100 columns where it knows none.
    let known = terminal_size::terminal_size().is_some() || std::env::var_os("COLUMNS").is_some();
    if known { WIDEST } else { UNKNOWN }
}

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory as _};

    /// Man pages have no use for its two blanks, but an indent of 7: with it 80.
    const WIDEST_LIST: usize = 75;

    /// Both programs and all subcommands, each with its name.
    fn commands() -> Vec<(String, Command)> {
        fn add(all: &mut Vec<(String, Command)>, name: &str, command: &Command) {
            all.push((name.to_owned(), command.clone()));
            for sub in command.get_subcommands() {
                add(all, &format!("{name} {}", sub.get_name()), sub);
            }
        }
        let mut all = Vec::new();
        for (name, command) in [
            ("esmed", crate::cli::Cli::command()),
            ("esmed-sim", crate::sim::cli::Args::command()),
        ] {
            // Propagates it to the subcommands, with the options that are global.
            let mut command = command.term_width(80);
            command.build();
            add(&mut all, name, &command);
        }
        assert!(all.len() > 12, "{}", all.len());
        all
    }

    /// Everything that somebody wrote for the help of a command.
    fn texts(command: &Command) -> Vec<String> {
        let mut texts: Vec<_> = [
            command.get_about(),
            command.get_long_about(),
            command.get_before_help(),
            command.get_before_long_help(),
            command.get_after_help(),
            command.get_after_long_help(),
        ]
        .into_iter()
        .flatten()
        .map(ToString::to_string)
        .collect();
        for argument in command.get_arguments() {
            let help = [argument.get_help(), argument.get_long_help()];
            texts.extend(help.into_iter().flatten().map(ToString::to_string));
            let values = argument.get_possible_values();
            texts.extend(
                values
                    .iter()
                    .filter_map(|value| value.get_help())
                    .map(ToString::to_string),
            );
        }
        texts
    }

    /// What is wrong with a text, that has paragraphs of one line and lists: a title with a colon, and lines with an
    /// indent, which are never wrapped.
    fn wrong_in(text: &str) -> Option<String> {
        for block in text.split("\n\n") {
            let lines: Vec<&str> = block.lines().collect();
            let Some((first, list)) = lines.split_first() else {
                return Some("an empty paragraph".to_owned());
            };
            if first.starts_with(' ') || first.ends_with(' ') {
                return Some(format!("a blank at the beginning or end of {first:?}"));
            }
            if let Some(line) = list.iter().find(|line| !line.starts_with("  ")) {
                return Some(format!(
                    "a paragraph that is broken by hand, before {line:?}"
                ));
            }
            if !list.is_empty() && !first.ends_with(':') {
                return Some(format!("a list without a title: {first:?}"));
            }
            if let Some(line) = list.iter().find(|line| line.chars().count() > WIDEST_LIST) {
                return Some(format!(
                    "a line of a list over {WIDEST_LIST} wide: {line:?}"
                ));
            }
        }
        None
    }

    #[test]
    fn paragraphs_are_not_broken_by_hand_and_lists_are_narrow() {
        for (name, command) in commands() {
            for text in texts(&command) {
                assert_eq!(wrong_in(&text), None, "{name}: {text}");
            }
        }
        for (text, wrong) in [
            ("One,\ntwo.", true),
            ("One.\n\nTwo.", false),
            ("One:\n  1\n  2", false),
            ("One\n  1", true),
            ("One:\n  1\ntwo", true),
            ("  One", true),
            (&format!("One:\n  {}", "x".repeat(WIDEST_LIST)), true),
        ] {
            assert_eq!(wrong_in(text).is_some(), wrong, "{text:?}");
        }
    }

    /// Two lines that begin at the left belong to one paragraph; the second one begins where no word fitted any more.
    fn broken_early(help: &str, width: usize) -> Option<String> {
        let lines: Vec<&str> = help.lines().collect();
        lines.windows(2).find_map(|pair| {
            let [line, next] = pair else { return None };
            let word = next.split(' ').next().unwrap_or_default();
            let is_paragraph = [line, next]
                .iter()
                .all(|it| !it.is_empty() && !it.starts_with(' '));
            let fits = line.chars().count() + 1 + word.chars().count() <= width;
            (is_paragraph && fits).then(|| format!("{line:?} before {next:?}"))
        })
    }

    #[test]
    fn help_fits_into_80_columns_and_fills_them() {
        for (name, mut command) in commands() {
            for help in [command.render_long_help(), command.render_help()] {
                let help = help.to_string();
                for line in help.lines() {
                    assert!(line.chars().count() <= 80, "{name}: {line}");
                }
                assert_eq!(broken_early(&help, 80), None, "{name}: {help}");
            }
        }
        assert!(broken_early("One,\ntwo.", 80).is_some());
        assert_eq!(broken_early("One,\ntwo.", 7), None);
    }

    /// Each subcommand of the program has its exit codes and an example.
    #[test]
    fn every_subcommand_tells_exit_codes_and_an_example() {
        for (name, command) in commands() {
            if command.get_name() == "help" || name.starts_with("esmed help ") {
                continue;
            }
            if let Some(sub) = name.strip_prefix("esmed ") {
                let behind = command.get_after_long_help().map(ToString::to_string);
                let behind = behind.unwrap_or_default();
                assert!(behind.contains("Exit codes:\n  0"), "{name}");
                assert!(behind.contains(&format!("esmed {sub}")), "{name}");
            }
        }
    }
}

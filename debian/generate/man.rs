//! Man pages, made from what the command line is defined by and from the sample of the configuration.

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;

use clap::Command;
use clap::builder::Resettable;
use clap_mangen::Man;

use super::{source, visible, write};

const MANUAL: &str = "esmed";

/// `NAME(1)`, and `NAME-SUBCOMMAND(1)` for each subcommand.
pub(super) fn pages(
    name: &'static str,
    command: Command,
    folder: &Path,
) -> Result<(), Box<dyn Error>> {
    // Version and help in each, as at the command line.
    let mut command = command.name(name).disable_help_subcommand(true);
    command.build();
    for sub in visible(&command) {
        // The program and its subcommand are one word for man, and two in the synopsis.
        let page = format!("{name}-{}", sub.get_name());
        let with_name = sub
            .clone()
            .display_name(page.clone())
            .bin_name(format!("{name} {}", sub.get_name()));
        let others = format!("\\fB{name}\\fR(1), \\fBesmed.toml\\fR(5)");
        write(
            folder,
            &format!("{page}.1"),
            &page_of(with_name, &page, &others)?,
        )?;
    }
    let mut others: Vec<String> = visible(&command)
        .map(|sub| format!("\\fB{name}\\-{}\\fR(1)", sub.get_name().replace('-', "\\-")))
        .collect();
    others.push("\\fBesmed.toml\\fR(5)".to_owned());
    others.push("/usr/share/doc/esmed".to_owned());
    let octets = page_of(command, name, &others.join(", "))?;
    write(folder, &format!("{name}.1"), &octets)
}

fn page_of(command: Command, page: &str, others: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let behind = command
        .get_after_long_help()
        .or_else(|| command.get_after_help())
        .map_or_else(String::new, |text| sections(&text.to_string()));
    // The crate would make one filled text of it, lists and all.
    let command = command
        .after_help(Resettable::Reset)
        .after_long_help(Resettable::Reset);
    let man = Man::new(command)
        .title(page.to_uppercase())
        .section("1")
        .source(source())
        .manual(MANUAL);
    let mut octets = Vec::new();
    man.render(&mut octets)?;
    let text = String::from_utf8(octets)?;
    // The version is in each page's last line, too.
    let text = match text.split_once(".SH VERSION\n") {
        Some((before, _)) => before,
        None => &text,
    };
    // Names of files and options are not to be broken, nor lines filled with blanks.
    let text = text.replacen(".SH NAME\n", ".ad l\n.nh\n.SH NAME\n", 1);
    Ok(format!("{text}{behind}.SH \"SEE ALSO\"\n{others}\n").into_bytes())
}

/// What stands behind the options at the command line, as sections: paragraphs of one line, and lists, which are a title
/// with a colon and indented lines.
fn sections(text: &str) -> String {
    let (mut status, mut notes, mut examples) = (String::new(), String::new(), String::new());
    for block in text.split("\n\n") {
        let (title, list) = block.split_once('\n').unwrap_or((block, ""));
        let list: String = list
            .lines()
            .map(|line| escaped(line.strip_prefix("  ").unwrap_or(line)) + "\n")
            .collect();
        if title.starts_with("Exit codes") {
            // A remark on them.
            if let Some((_, remark)) = title.trim_end_matches(':').split_once("; ") {
                status += &format!("{}.\n.PP\n", escaped(&capitalised(remark)));
            }
            status += &format!(".EX\n{list}.EE\n");
        } else if matches!(title, "Example:" | "Examples:") {
            examples += &format!(".EX\n{list}.EE\n");
        } else if list.is_empty() {
            notes += &format!(".PP\n{}\n", escaped(title));
        } else {
            notes += &format!(".PP\n{}\n.PP\n.EX\n{list}.EE\n", escaped(title));
        }
    }
    [
        ("\"EXIT STATUS\"", status),
        ("NOTES", notes),
        ("EXAMPLES", examples),
    ]
    .into_iter()
    .filter(|(_, words)| !words.is_empty())
    .map(|(title, words)| format!(".SH {title}\n{words}"))
    .collect()
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}

/// `esmed.toml(5)`: sections, keys and defaults as the sample tells of them.
pub(super) fn configuration(sample: &str, folder: &Path) -> Result<(), Box<dyn Error>> {
    let mut page = format!(
        ".TH ESMED.TOML 5 \"\" \"{}\" \"{MANUAL}\"\n\
         .ad l\n.nh\n.SH NAME\nesmed.toml \\- configuration of the esmed daemon\n\
         .SH SYNOPSIS\n\\fI/etc/esmed/esmed.toml\\fR\n\
         .SH DESCRIPTION\n\
         A TOML file. Each key can be overridden by an environment variable: \\fBESMED_DATABASE_HOST\\fR is \
         \\fBhost\\fR of \\fB[database]\\fR. An unknown key is an error; \\fBesmed check\\-config\\fR tells what is wrong. \
         The values given are defaults or examples.\n",
        source()
    );
    // Keys that stand together have one comment.
    let (mut words, mut keys) = (Vec::new(), Vec::new());
    for line in sample.lines().chain([""]) {
        let key = line.strip_prefix('#').filter(|key| !key.starts_with(' '));
        if key.is_none() && !keys.is_empty() {
            for (at, key) in keys.drain(..).enumerate() {
                let request = if at == 0 { ".TP" } else { ".TQ" };
                write!(page, "{request}\n\\fB{}\\fR\n", escaped(key))?;
            }
            for text in words.drain(..) {
                page.push_str(&escaped(text));
                page.push('\n');
            }
        }
        if let Some(key) = key {
            keys.push(key);
        } else if let Some(text) = line.strip_prefix("# ") {
            words.push(text);
        } else {
            words.clear();
            if line.starts_with('[') {
                writeln!(page, ".SH \"{line}\"")?;
            }
        }
    }
    page.push_str(".SH FILES\n\\fI/usr/share/doc/esmed/examples\\fR\n");
    page.push_str(".SH \"SEE ALSO\"\n\\fBesmed\\fR(1), \\fBesmed\\-check\\-config\\fR(1), \\fBesmed\\-run\\fR(1)\n");
    write_page(folder, &page)
}

fn write_page(folder: &Path, page: &str) -> Result<(), Box<dyn Error>> {
    write(folder, "esmed.toml.5", page.as_bytes())
}

/// Text as roff takes it.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    match text.chars().next() {
        Some('.' | '\'') => format!("\\&{text}"),
        _ => text,
    }
}

//! Which crates are linked into the programs, by whom and under which licence, as paragraphs of debian/copyright.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// The first of these that a crate may be had under is taken.
const PREFERRED: &[&str] = &[
    "Apache-2.0",
    "MIT",
    "ISC",
    "BSD-3-Clause",
    "Zlib",
    "Unlicense",
];

/// Files that tell of copyright begin so, in any case.
const NOTICES: &[&str] = &["license", "licence", "copying", "copyright", "notice"];

/// A paragraph for each licence, with the crates that are taken under it; `known` has the texts of the licences.
pub(super) fn of_crates(known: &str) -> Result<String, Box<dyn Error>> {
    let linked = linked()?;
    let metadata = run(&["metadata", "--format-version", "1"])?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    // By licence: the crates, and who holds the rights.
    let mut paragraphs: BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)> = BTreeMap::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = format!("{} v{}", text(&package["name"]), text(&package["version"]));
        if !linked.contains(&name) || package["source"].is_null() {
            continue;
        }
        let licence = taken(text(&package["license"]));
        for short in licence.split(" and ") {
            if !known
                .lines()
                .any(|line| line == format!("License: {short}"))
            {
                let why = format!("{name} is under {short}: add the text to debian/copyright");
                return Err(why.into());
            }
        }
        let (files, holders) = paragraphs.entry(licence).or_default();
        files.insert(format!(
            "crates/{}-{}/*",
            text(&package["name"]),
            text(&package["version"])
        ));
        holders.extend(holders_of(package)?);
    }
    if paragraphs.is_empty() {
        return Err("no crates are linked in, which can't be".into());
    }
    let mut copyright = String::new();
    for (licence, (files, holders)) in paragraphs {
        let indented = |all: BTreeSet<String>| Vec::from_iter(all).join("\n ");
        write!(
            copyright,
            "\nFiles: {}\nCopyright: {}\nLicense: {licence}\n",
            indented(files),
            indented(holders)
        )?;
    }
    Ok(copyright)
}

/// Name and version of each crate that is linked in.
fn linked() -> Result<BTreeSet<String>, Box<dyn Error>> {
    let tree = run(&[
        "tree", "--edges", "normal", "--prefix", "none", "--format", "{p}",
    ])?;
    let crates = tree.lines().filter_map(|line| {
        let mut words = line.split(' ');
        Some(format!("{} {}", words.next()?, words.next()?))
    });
    Ok(crates.collect())
}

fn run(arguments: &[&str]) -> Result<String, Box<dyn Error>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(arguments)
        .arg("--locked")
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Of an expression of SPDX what is taken of it, in the words of debian/copyright.
fn taken(expression: &str) -> String {
    let all = expression.replace('/', " OR ").replace(['(', ')'], "");
    let mut licences: Vec<&str> = Vec::new();
    for choice in all.split(" AND ") {
        let offered: Vec<&str> = choice.split(" OR ").map(str::trim).collect();
        let preferred = PREFERRED.iter().find(|it| offered.contains(it));
        let short = preferred.or(offered.first()).copied().unwrap_or("unknown");
        if !licences.contains(&short) {
            licences.push(short);
        }
    }
    licences.join(" and ")
}

/// Who holds the rights: by the notices that come with the crate, else its authors.
fn holders_of(package: &Value) -> Result<BTreeSet<String>, Box<dyn Error>> {
    let manifest = Path::new(text(&package["manifest_path"]));
    let mut holders = BTreeSet::new();
    for entry in fs::read_dir(manifest.parent().ok_or("a manifest without a folder")?)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().to_lowercase();
        if !NOTICES.iter().any(|notice| name.starts_with(notice)) || !entry.file_type()?.is_file() {
            continue;
        }
        let notice = String::from_utf8_lossy(&fs::read(entry.path())?).into_owned();
        holders.extend(notice.lines().filter_map(holder));
    }
    if holders.is_empty() {
        let authors = package["authors"].as_array().into_iter().flatten();
        holders.extend(authors.map(text).map(str::to_owned));
    }
    if holders.is_empty() {
        holders.insert(format!("the authors of {}", text(&package["name"])));
    }
    Ok(holders)
}

/// `Copyright (c) 2016 Alex Crichton` is `2016 Alex Crichton`; the templates within licences are nobody.
fn holder(line: &str) -> Option<String> {
    let rest = line.trim().strip_prefix("Copyright ")?;
    let rest = rest
        .trim_start_matches("(c)")
        .trim_start_matches("(C)")
        .trim_start_matches('©')
        .trim();
    let is_year = rest.starts_with(|c: char| c.is_ascii_digit());
    let is_name = line.contains("(c)") || line.contains("(C)") || line.contains('©');
    let template = rest.contains("[yyyy]") || rest.contains("{yyyy}");
    ((is_year || is_name) && !template && !rest.is_empty()).then(|| rest.to_owned())
}

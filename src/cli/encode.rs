//! `esmed encode`

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::{octet, say, standard_input};
use crate::hex;
use crate::text::{
    Alphabet, LongMessage, Plan, Style, TextError, Wanted, concat_header, offending, plan,
    replacement,
};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The text, words with blanks between; `-` reads standard input
    #[arg(required = true, value_name = "TEXT")]
    text: Vec<String>,
    /// esme_default_alphabet: GSM0338, GSM0338_PACKED, ASCII, LATIN1 or UTF8
    #[arg(long, default_value = "GSM0338")]
    alphabet: Alphabet,
    /// esme_long_message: udh, udh16, sar, payload, reject or none
    #[arg(long, default_value = "udh", value_parser = way)]
    long_message: LongMessage,
    /// esme_max_parts
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u8).range(1..))]
    max_parts: u8,
    /// esme_transliterate
    #[arg(long)]
    transliterate: bool,
    /// smpp_data_coding, decimal or as 0x18
    #[arg(long, value_name = "NUMBER", value_parser = octet)]
    data_coding: Option<u8>,
    /// smpp_message_class, 0 to 3
    #[arg(long, value_name = "CLASS", value_parser = clap::value_parser!(u8).range(0..=3))]
    message_class: Option<u8>,
    /// For programs
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let text = match arguments.text.as_slice() {
        [dash] if dash == "-" => standard_input()?,
        words => words.join(" "),
    };
    let style = Style {
        alphabet: arguments.alphabet,
        transliterate: arguments.transliterate,
        long_message: arguments.long_message,
        max_parts: arguments.max_parts,
    };
    let wanted = Wanted {
        data_coding: arguments.data_coding,
        message_class: arguments.message_class,
    };
    let view = View::new(&text, wanted, &style)?;
    say(&if arguments.json {
        format!("{:#}", view.to_json())
    } else {
        view.to_words()
    })?;
    Ok(ExitCode::SUCCESS)
}

fn way(name: &str) -> Result<LongMessage, String> {
    LongMessage::from_name(name).ok_or_else(|| {
        let known = LongMessage::ALL.map(LongMessage::name).join(", ");
        format!("unknown; known are {known}")
    })
}

/// What there is to tell about a text.
struct View {
    way: LongMessage,
    plan: Plan,
    /// The characters that the default alphabet lacks.
    offending: Vec<char>,
    /// What it would be with all that can be replaced replaced, if that makes a difference.
    replaced: Option<Plan>,
}

impl View {
    fn new(text: &str, wanted: Wanted, style: &Style) -> Result<Self, TextError> {
        let plan_of = |style: &Style| plan(text, wanted, style);
        let plan = plan_of(style)?;
        let replaced = plan_of(&Style {
            transliterate: true,
            ..*style
        });
        Ok(Self {
            way: style.long_message,
            offending: match wanted.data_coding {
                None | Some(0) => offending(text, style.alphabet),
                Some(_) => Vec::new(),
            },
            replaced: replaced.ok().filter(|other| *other != plan),
            plan,
        })
    }

    /// The octets before each part.
    fn header(&self, part: usize) -> Vec<u8> {
        let octet = |number: usize| u8::try_from(number).unwrap_or(u8::MAX);
        match self.plan.parts.len() {
            1 => Vec::new(),
            total => concat_header(self.way, 0, octet(total), octet(part)),
        }
    }

    fn to_words(&self) -> String {
        let plan = &self.plan;
        let unit = plan.coding.unit();
        let mut words = format!("coding  {}\n", coding(plan));
        _ = writeln!(
            words,
            "length  {} {unit} ({} in one message)",
            plan.units,
            plan.coding.units_single()
        );
        _ = write!(words, "parts   {}", plan.parts.len());
        if plan.payload {
            words.push_str(", in message_payload");
        } else if plan.parts.len() > 1 {
            words.push_str(match self.way {
                LongMessage::Sar => ", by TLVs (sar_msg_ref_num and so on)",
                _ => ", headers with reference 0",
            });
        }
        let units = plan.part_units(self.way);
        for (at, (octets, units)) in plan.parts.iter().zip(units).enumerate() {
            let header = self.header(at + 1);
            _ = write!(
                words,
                "\n  {}  {units} {unit}, {} octets: ",
                at + 1,
                header.len() + octets.len()
            );
            if !header.is_empty() {
                _ = write!(words, "{} ", hex::encode(&header));
            }
            words.push_str(&hex::encode(octets));
        }
        if let Some(note) = &plan.note {
            _ = write!(words, "\n{note}");
        }
        if !self.offending.is_empty() {
            words.push_str("\nnot in the default alphabet:");
        }
        for &ch in &self.offending {
            _ = write!(words, "\n  {}  {}", number(ch), shown(ch));
            match replacement(ch) {
                Some("") => words.push_str("  could be left out"),
                Some(plain) => _ = write!(words, "  could be {plain:?}"),
                None => {}
            }
        }
        if let Some(other) = &self.replaced {
            _ = write!(
                words,
                "\nwith these replaced: {}, {} {}, {}",
                coding(other),
                other.units,
                other.coding.unit(),
                match other.parts.len() {
                    1 => "1 part".to_owned(),
                    parts => format!("{parts} parts"),
                }
            );
        }
        words
    }

    fn to_json(&self) -> Value {
        let parts: Vec<Value> = self
            .plan
            .parts
            .iter()
            .zip(self.plan.part_units(self.way))
            .enumerate()
            .map(|(at, (octets, units))| {
                json!({
                    "units": units,
                    "header": hex::encode(&self.header(at + 1)),
                    "octets": hex::encode(octets),
                })
            })
            .collect();
        let offending: Vec<Value> = self
            .offending
            .iter()
            .map(|&ch| {
                json!({
                    "character": ch.to_string(),
                    "codepoint": number(ch),
                    "replacement": replacement(ch),
                })
            })
            .collect();
        let mut view = brief(&self.plan);
        view["payload"] = self.plan.payload.into();
        view["parts"] = parts.into();
        view["note"] = self.plan.note.as_deref().into();
        view["offending"] = offending.into();
        view["replaced"] = self.replaced.as_ref().map(brief).into();
        view
    }
}

/// What a text costs.
fn brief(plan: &Plan) -> Value {
    json!({
        "coding": plan.coding.column_name(),
        "data_coding": plan.data_coding,
        "length": plan.units,
        "unit": plan.coding.unit(),
        "parts": plan.parts.len(),
    })
}

fn coding(plan: &Plan) -> String {
    let name = plan.coding.name();
    let packed = if plan.coding.column_name() == Alphabet::Gsm0338Packed.name() {
        ", packed"
    } else {
        ""
    };
    match plan.data_coding {
        // The first 16 are SMPP's own, and known by their decimal number.
        number @ 0..=15 => format!("{name}{packed} (data_coding {number})"),
        number => format!("{name}{packed} (data_coding 0x{number:02X})"),
    }
}

fn number(ch: char) -> String {
    format!("U+{:04X}", u32::from(ch))
}

/// A character, or nothing where it would not be seen, or mix up the line.
fn shown(ch: char) -> String {
    match replacement(ch) {
        Some(plain) if plain.trim().is_empty() => String::new(),
        _ if ch.is_control() => String::new(),
        _ => ch.to_string(),
    }
}

//! A report as a file: read, written, named.

use std::path::Path;

use serde_json::Value;
use sha2::{Digest, Sha256};
use stylegan_convert::hex;

use super::report::{Report, SCHEMA};
use crate::failure::Failure;

/// More than any preset writes: a longer file is no report.
const LONGEST: u64 = 64 << 20;

/// The text of a file that may be a report.
pub(super) fn text(path: &Path) -> Result<String, Failure> {
    let bytes = stylegan_wgpu::internals::regular_file::read(path, LONGEST)?;
    String::from_utf8(bytes).map_err(|_| Failure::Runtime(format!("{}: not a bench report: not UTF-8", path.display())))
}

/// The same of its text.
pub(super) fn parse(text: &str) -> Result<Report, String> {
    // The version first: another one's fields need not fit.
    let said = |error: serde_json::Error| stylegan_wgpu::internals::text::line(&error.to_string(), 600);
    let value: Value = serde_json::from_str(text).map_err(|error| format!("not a bench report: {}", said(error)))?;
    match value["schema"].as_u64() {
        Some(schema) if schema == u64::from(SCHEMA) => serde_json::from_value(value).map_err(said),
        Some(schema) => Err(format!("a bench report of schema {schema}; this program reads schema {SCHEMA}: measure again")),
        None => Err("not a bench report: no \"schema\"".into()),
    }
}

impl Report {
    /// The JSON.
    pub(super) fn to_json(&self) -> String {
        let mut text = String::new();
        write(&mut text, &self.value(), 0);
        text
    }

    fn value(&self) -> Value {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        round(&mut value);
        value
    }

    /// Sets its ID.
    pub(super) fn named(self) -> Report {
        let value = self.value();
        Report { id: Some(id(&self.protocol.title(), &value)), ..self }
    }
}

/// What the ID of a report should be: of its protocol, and of all it says but for the ID itself.
pub(super) fn id(protocol: &str, report: &Value) -> String {
    let mut report = report.clone();
    if let Value::Object(fields) = &mut report {
        fields.remove("id");
    }
    // Compact, its keys sorted: the same text whatever the file's looks.
    let digest = hex(&Sha256::digest(report.to_string()));
    format!("{}-{}", protocol.replace(' ', "-"), &digest[..12])
}

/// Six digits say more than any clock; the rest is noise in a diff.
fn round(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => {
            if let Some(rounded) = number.as_f64().and_then(|v| format!("{v:.5e}").parse().ok()).and_then(serde_json::Number::from_f64) {
                *number = rounded;
            }
        }
        Value::Array(values) => values.iter_mut().for_each(round),
        Value::Object(fields) => fields.values_mut().for_each(round),
        _ => {}
    }
}

/// Indented, with lists of numbers on one line: samples would be a thousand.
fn write(text: &mut String, value: &Value, depth: usize) {
    let line = |text: &mut String, depth: usize| text.extend(["\n", &"  ".repeat(depth)]);
    match value {
        Value::Array(values) if values.iter().any(|value| value.is_object() || value.is_array()) => {
            text.push('[');
            for (i, value) in values.iter().enumerate() {
                text.push_str(if i > 0 { "," } else { "" });
                line(text, depth + 1);
                write(text, value, depth + 1);
            }
            line(text, depth);
            text.push(']');
        }
        Value::Object(fields) if !fields.is_empty() => {
            text.push('{');
            for (i, (name, value)) in fields.iter().enumerate() {
                text.push_str(if i > 0 { "," } else { "" });
                line(text, depth + 1);
                text.extend([&Value::from(name.as_str()).to_string(), ": "]);
                write(text, value, depth + 1);
            }
            line(text, depth);
            text.push('}');
        }
        other => text.push_str(&other.to_string()),
    }
}

/// The time of day, from a count of seconds since 1970.
pub(super) fn utc(seconds: u64) -> String {
    // Days to a date (Hinnant, "chrono-compatible low-level date algorithms"): years begin in March, eras have 400 years.
    let (days, time) = (seconds / 86400 + 719468, seconds % 86400);
    let (era, of_era) = (days / 146097, days % 146097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let (day, month) = (of_year - (153 * shifted + 2) / 5 + 1, if shifted < 10 { shifted + 3 } else { shifted - 9 });
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", time / 3600, time / 60 % 60, time % 60)
}

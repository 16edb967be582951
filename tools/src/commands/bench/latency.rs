//! `--latency`: the table of docs/latency.md, made anew from reports.

use std::path::Path;

use super::check::refusal;
use super::compare;
use super::report::Report;
use crate::failure::Failure;

const BEGIN: &str = "<!-- bench: begin -->";
const END: &str = "<!-- bench: end -->";

/// Replaces what is between the markers; says which reports gave no row.
pub(super) fn update(path: &Path, reports: &[(&Path, &Report)]) -> Result<String, Failure> {
    let within = |text: String| Failure::Runtime(format!("{}: {text}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| within(error.to_string()))?;
    let (good, refused): (Vec<_>, Vec<_>) = reports.iter().partition(|(_, report)| refusal(report).is_none());
    let good: Vec<Report> = good.into_iter().map(|(_, report)| (*report).clone()).collect();
    let text = replaced(&text, &tables(&good)).map_err(within)?;
    super::write(path, &text)?;
    let rows: usize = good.iter().map(|report| report.runs().count()).sum();
    let refused = refused.iter().map(|(name, report)| format!("\n{}: no row: {}", name.display(), refusal(report).unwrap_or_default()));
    Ok(format!("{}: {rows} rows of {} reports{}", path.display(), good.len(), refused.collect::<String>()))
}

/// A table for each protocol: figures of two are never side by side.
fn tables(reports: &[Report]) -> String {
    let mut protocols: Vec<String> = reports.iter().map(|report| report.protocol.describe()).collect();
    protocols.sort();
    protocols.dedup();
    let table = |protocol: &String| {
        let of: Vec<Report> = reports.iter().filter(|report| report.protocol.describe() == *protocol).cloned().collect();
        format!("### Protocol {protocol}\n\n{}\n", compare::markdown(&of))
    };
    match protocols.is_empty() {
        true => "No report is good enough for a row yet.\n".into(),
        false => protocols.iter().map(table).collect::<Vec<_>>().join("\n"),
    }
}

fn replaced(text: &str, tables: &str) -> Result<String, String> {
    let missing = || format!("the lines {BEGIN} and {END} are missing, between which the table belongs");
    let (before, rest) = text.split_once(BEGIN).ok_or_else(missing)?;
    let (_, after) = rest.split_once(END).ok_or_else(missing)?;
    Ok(format!("{before}{BEGIN}\n\n{tables}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::super::tests::report;
    use super::*;

    #[test]
    fn tables_take_the_place_of_the_last_ones() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("latency.md");
        let update = |reports: &[Report]| {
            let named: Vec<(&Path, &Report)> = reports.iter().map(|report| (Path::new("x.json"), report)).collect();
            update(&path, &named).map_err(|failure| failure.text().to_string())
        };
        std::fs::write(&path, "no markers").unwrap();
        assert!(update(&[report()]).unwrap_err().contains("begin"));
        std::fs::write(&path, format!("# Title\n\n{BEGIN}\nold\n{END}\n\nend\n")).unwrap();
        let release = |name: &str| {
            let mut report = report();
            report.engine.build = "release".into();
            report.protocol.name = name.into();
            report
        };
        let mut noisy = release("quick");
        noisy.quality.verdict = "noisy".into();
        noisy.quality.reasons = vec!["the moon".into()];
        let said = update(&[release("quick"), release("standard"), noisy, release("quick")]).unwrap();
        assert!(said.contains("3 rows of 3 reports\nx.json: no row: it is noisy: the moon"), "{said}");
        let once = std::fs::read_to_string(&path).unwrap();
        assert!(once.starts_with("# Title\n\n<!--") && once.ends_with("-->\n\nend\n") && !once.contains("old"), "{once}");
        assert_eq!((once.matches("### Protocol").count(), once.matches("| device").count()), (2, 2));
        update(&[]).unwrap();
        let none = std::fs::read_to_string(&path).unwrap();
        assert!(none.contains("good enough") && !none.contains("| device"), "{none}");
    }
}

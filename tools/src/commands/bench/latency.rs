//! `--latency`: the table of docs/latency.md, made anew from reports.

use std::path::Path;

use super::check::Checked;
use super::compare;
use super::report::Report;
use crate::failure::Failure;

const BEGIN: &str = "<!-- bench: begin -->";
const END: &str = "<!-- bench: end -->";

/// Replaces what is between the markers; says which reports gave no row.
pub(super) fn update(path: &Path, reports: &[Checked]) -> Result<String, Failure> {
    let within = |text: String| Failure::Runtime(format!("{}: {text}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| within(error.to_string()))?;
    let good: Vec<Report> = reports.iter().filter(|checked| checked.refusal().is_none()).map(|checked| checked.report.clone()).collect();
    let text = replaced(&text, &tables(&good)).map_err(within)?;
    super::write(path, &text)?;
    let rows: usize = good.iter().map(|report| report.runs().count()).sum();
    let refused = reports.iter().filter_map(|checked| Some(format!("\n{}: no row: {}", checked.path.display(), checked.refusal()?)));
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
        let checked = |report: &Report| Checked::of(Path::new("x.json"), &report.to_json()).ok().unwrap();
        let update = |reports: &[Report]| {
            update(&path, &reports.iter().map(checked).collect::<Vec<_>>()).map_err(|failure| failure.text().to_string())
        };
        std::fs::write(&path, "no markers").unwrap();
        assert!(update(&[report()]).unwrap_err().contains("begin"));
        std::fs::write(&path, format!("# Title\n\n{BEGIN}\nold\n{END}\n\nend\n")).unwrap();
        let release = |name: &str| {
            let mut report = report();
            report.engine.build = "release".into();
            report.protocol.name = name.into();
            report.quality.verdict = "ok".into();
            report.named()
        };
        let mut noisy = release("quick");
        noisy.quality.verdict = "noisy".into();
        noisy.quality.reasons = vec!["the moon".into()];
        // Three times as fast, by hand.
        let mut changed = release("quick");
        changed.results[0].runs[0].images_per_second *= 3.0;
        let said = update(&[release("quick"), release("standard"), noisy.named(), release("quick"), changed]).unwrap();
        assert!(said.contains("3 rows of 3 reports\nx.json: no row: it is noisy: the moon\nx.json: no row: it was changed"), "{said}");
        let once = std::fs::read_to_string(&path).unwrap();
        assert!(once.starts_with("# Title\n\n<!--") && once.ends_with("-->\n\nend\n") && !once.contains("old"), "{once}");
        assert_eq!((once.matches("### Protocol").count(), once.matches("| device").count()), (2, 2));
        update(&[]).unwrap();
        let none = std::fs::read_to_string(&path).unwrap();
        assert!(none.contains("good enough") && !none.contains("| device"), "{none}");
    }

    /// `make latency` of what is in the repository changes nothing.
    #[test]
    fn the_page_is_that_of_the_reports_beside_it() {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
        let (mut folders, mut reports) = (vec![docs.join("measurements")], Vec::new());
        while let Some(folder) = folders.pop() {
            for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "json") {
                    // Other schemas are history. Rows of peers, whose reports have no ID, cannot be told from each other.
                    let checked = Checked::read(&path).ok().filter(|checked| checked.refusal().is_none() && checked.report.id.is_some());
                    reports.extend(checked.map(|checked| checked.report));
                }
            }
        }
        let page = std::fs::read_to_string(docs.join("latency.md")).unwrap();
        let rows =
            page.lines().filter(|line| line.starts_with("| ") && reports.iter().any(|r| r.id.as_ref().is_some_and(|id| line.contains(id))));
        assert_eq!(rows.count(), reports.iter().map(|report| report.runs().count()).sum::<usize>(), "make latency");
        assert!(!reports.is_empty() || replaced(&page, &tables(&[])).unwrap() == page, "make latency");
    }
}

//! What is kept of a file's own configuration: the small and useful part, as JSON, for the provenance of the converted file.

use serde_json::{Value as Json, json};

use super::numpy::number;
use super::value::{Id, Pickle, Value};

/// Bytes of JSON that are kept. Genuine arguments take 300 to 2,000.
const MOST_BYTES: usize = 8 << 10;
/// Entries of a list or dict that are looked at.
const MOST_ENTRIES: usize = 40;

/// `{"name": value}` as text, cut where it becomes too deep, too wide or too long.
pub(crate) fn record(pickle: &Pickle<'_>, name: &str, id: Option<Id>, depth: usize) -> String {
    let mut recorder = Recorder { pickle, left: MOST_BYTES };
    json!({ name: id.and_then(|id| recorder.value(id, depth)) }).to_string()
}

struct Recorder<'p> {
    pickle: &'p Pickle<'p>,
    /// Bytes of JSON that may still be kept.
    left: usize,
}

impl Recorder<'_> {
    /// A value; None when there is no room for it.
    fn value(&mut self, id: Id, depth: usize) -> Option<Json> {
        let pickle = self.pickle;
        match pickle.value(id) {
            Value::None => self.keep(Json::Null),
            Value::Bool(value) => self.keep(json!(value)),
            Value::Int(value) => self.keep(json!(*value as f64 as i64)),
            Value::Float(value) => self.keep(json!(value)),
            Value::Str(_) | Value::Latin1(_) => self.keep(json!(pickle.name(id).unwrap_or_default())),
            Value::Tuple(items) if depth > 0 => self.list(items, depth),
            Value::List(items) if depth > 0 => self.list(items, depth),
            _ => match pickle.entries(id).filter(|_| depth > 0) {
                Some(entries) => {
                    pickle.budget.work(entries.len()).ok()?;
                    self.spend(2)?;
                    let mut object = serde_json::Map::new();
                    for &(key, value) in entries.iter().take(MOST_ENTRIES) {
                        let Some(key) = pickle.name(key) else { continue };
                        if self.spend(escaped(&json!(key)) + 2).is_none() {
                            break;
                        }
                        let Some(value) = self.value(value, depth - 1) else { break };
                        object.insert(key.into_owned(), value);
                    }
                    Some(Json::Object(object))
                }
                None => self.keep(number(pickle, id).map_or_else(|| json!(pickle.describe(id)), |number| json!(number))),
            },
        }
    }

    fn list(&mut self, items: &[Id], depth: usize) -> Option<Json> {
        self.spend(2)?;
        Some(Json::Array(items.iter().take(MOST_ENTRIES).map_while(|&item| self.value(item, depth - 1)).collect()))
    }

    fn keep(&mut self, value: Json) -> Option<Json> {
        self.spend(escaped(&value) + 1)?;
        Some(value)
    }

    fn spend(&mut self, bytes: usize) -> Option<()> {
        self.left = self.left.checked_sub(bytes)?;
        Some(())
    }
}

/// Its length in a file's header, where this text is a string in a string: quotes and backslashes are escaped twice more.
fn escaped(value: &Json) -> usize {
    value.to_string().bytes().map(|byte| if matches!(byte, b'"' | b'\\') { 4 } else { 1 }).sum()
}

#[cfg(test)]
mod tests {
    use super::super::budget::Budget;
    use super::super::pickle;
    use super::*;
    use crate::test_files::writer::{Py, dict, pickle as write};

    fn recorded(value: &Py) -> String {
        let bytes = write(value);
        let pickle = pickle::parse(&bytes, &Budget::for_file(bytes.len())).unwrap();
        record(&pickle, "args", Some(pickle.root), 3)
    }

    #[test]
    fn what_is_small_is_kept_whole() {
        let args = dict([("z_dim", Py::Int(512)), ("name", Py::Str("ffhq")), ("list", Py::List(vec![Py::Int(1), Py::Int(2)]))]);
        let kept: Json = serde_json::from_str(&recorded(&args)).unwrap();
        assert_eq!(kept, json!({ "args": { "z_dim": 512, "name": "ffhq", "list": [1, 2] } }));
    }

    #[test]
    fn what_unfolds_is_cut() {
        // A string of control characters and quotes, forty times in a list, that one forty times, and so on.
        let mut bytes = b"\x80\x02X\xb4\x00\x00\x00".to_vec();
        bytes.extend(b"\x01\"\\".repeat(60));
        for level in 0..3u8 {
            bytes.extend([b'q', level, b'0', b']', b'(']);
            bytes.extend([b'h', level].repeat(40));
            bytes.push(b'e');
        }
        bytes.push(b'.');
        let pickle = pickle::parse(&bytes, &Budget::for_file(bytes.len())).unwrap();
        let text = record(&pickle, "args", Some(pickle.root), 4);
        assert!(text.len() > 256 && text.len() <= MOST_BYTES + 64, "{}", text.len());
        let header = serde_json::to_string(&serde_json::to_string(&text).unwrap()).unwrap();
        assert!(header.len() <= 2 * MOST_BYTES, "{}", header.len());
    }
}

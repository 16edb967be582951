//! JSON out of a file: none of its names twice. The parsers of the world disagree on which one counts, so a file with two is
//! another file for every reader.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Refuses a text that is no JSON, or in which an object has a name twice.
pub(crate) fn check(text: &[u8]) -> serde_json::Result<()> {
    let mut json = serde_json::Deserializer::from_slice(text);
    Unique.deserialize(&mut json)?;
    json.end()
}

struct Unique;

impl<'de> DeserializeSeed<'de> for Unique {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Unique {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut names = HashSet::new();
        while let Some(name) = map.next_key::<String>()? {
            map.next_value_seed(Unique)?;
            if let Some(name) = names.replace(name) {
                return Err(A::Error::custom(format!("{name:?} is there twice")));
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Unique)?.is_some() {}
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn a_name_is_there_once() {
        for fine in [r#"{"a": {"a": [1, {"a": null}]}, "b": {"a": -1.5}}"#, "[]", "7", r#"[{"a": 1}, {"a": true}]"#] {
            check(fine.as_bytes()).unwrap_or_else(|error| panic!("{fine}: {error}"));
        }
        for wrong in [r#"{"a": 1, "a": 1}"#, r#"{"a": 1, "\u0061": 2}"#, r#"[{"b": {"c": 1, "d": 2, "c": 3}}]"#] {
            assert!(check(wrong.as_bytes()).unwrap_err().to_string().contains("is there twice"), "{wrong}");
        }
        let deep = "[".repeat(100_000);
        for wrong in ["", "{", "[1] 2", deep.as_str()] {
            assert!(check(wrong.as_bytes()).is_err());
        }
    }
}

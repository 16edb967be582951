use super::*;

fn sha() -> String {
    "ab".repeat(32)
}

fn some() -> Favourites {
    let mut favourites = Favourites::default();
    let alike = Ws::broadcast(&[0.1, -0.0, 1e-40], 3, 2);
    let different = Ws::new(1, 2, 3, vec![0.1, 0.2, 0.3, -1.5, f32::MAX, f32::MIN_POSITIVE]).unwrap();
    assert_eq!(favourites.add(" first \u{1b}[31m", &sha(), alike.clone(), &[]), 1);
    assert_eq!(favourites.add("second", &sha(), different.clone(), &[1]), 2);
    assert_eq!(favourites.add("third", &sha(), alike, &[1, 2]), 3);
    favourites.add("fourth", &sha(), different, &[3]);
    favourites
}

#[test]
fn a_file_gives_back_every_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("favourites.json");
    assert_eq!(Favourites::read(&path).unwrap(), Favourites::default());
    let favourites = some();
    favourites.write(&path).unwrap();
    let read = Favourites::read(&path).unwrap();
    assert_eq!(read, favourites);
    let bits = |favourites: &Favourites| -> Vec<u32> {
        favourites.items().iter().flat_map(|item| &item.ws.values).map(|value| value.to_bits()).collect()
    };
    assert_eq!(bits(&read), bits(&favourites));
    assert_eq!(read.items()[0].name, "first  [31m");
    // 0.1 is 0x3dcccccd; a row of w that all layers have is written once.
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("\"w\": \"cdcccc3d00000080c2160100\""), "{text}");
    // Nothing else is left in the folder.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn lineages_go_back_and_end() {
    let mut favourites = some();
    let names = |favourites: &Favourites, id| favourites.ancestors(id).iter().map(|item| item.id).collect::<Vec<_>>();
    assert_eq!(names(&favourites, 4), [3, 1, 2]);
    assert_eq!(names(&favourites, 1), [0; 0]);
    assert_eq!(names(&favourites, 9), [0; 0]);
    favourites.remove(3);
    assert_eq!(names(&favourites, 4), [0; 0]);
    favourites.remove(4);
    favourites.rename(2, "two");
    assert_eq!(favourites.get(2).unwrap().name, "two");
    // The number of one that a child still names is not given again.
    let ws = favourites.items()[0].ws.clone();
    assert_eq!(favourites.add("new", &sha(), ws.clone(), &[7]), 8);
    favourites.remove(2);
    assert_eq!(favourites.add("newer", &sha(), ws, &[]), 9);
}

#[test]
fn hostile_files_are_refused_by_what_is_wrong() {
    let file = |item: &str| format!("{{\"favourites\": 1, \"items\": [{item}]}}");
    let item = |id: &str, num_ws: &str, w_dim: &str, w: &str, parents: &str| {
        let network = sha();
        format!(
            "{{\"id\": {id}, \"name\": \"n\", \"network\": \"{network}\", \"num_ws\": {num_ws}, \"w_dim\": {w_dim}, \"w\": \"{w}\", \"parents\": {parents}}}"
        )
    };
    let message = |text: &str| Favourites::parse(text.as_bytes()).unwrap_err().to_string();
    assert!(Favourites::parse(file(&item("5", "2", "1", "0000803f", "[1, 4]")).as_bytes()).is_ok());
    for (text, says) in [
        (String::new(), "no file of favourites"),
        ("[1]".into(), "no file of favourites"),
        ("{\"favourites\": 2, \"what\": []}".into(), "version 2; this program reads 1"),
        (format!("{{\"favourites\": 1, \"x\": {}", "[".repeat(100_000)), "EOF while parsing a list"),
        (file(&item("1", "2", "1", "0000803", "[]")), "not hexadecimal"),
        (file(&item("1", "2", "1", "0000803é", "[]")), "not hexadecimal"),
        (file(&item("1", "2", "1", "0000803f0000803f0000803f", "[]")), "3 values; it is 2 rows of 1"),
        (file(&item("1", "2", "1", "0000c07f", "[]")), "NaN or infinite"),
        (file(&item("1", "18446744073709551615", "2", "", "[]")), "at most 1048576 values"),
        (file(&item("1", "1", "99999999999", "", "[]")), "at most 1048576 values"),
        (file(&item("1", "0", "0", "", "[]")), "0 rows of 0"),
        (file(&item("-1", "2", "1", "0000803f", "[]")), "no file of favourites"),
        (file(&item("1", "2", "1", "0000803f", "[1]")), "smaller numbers"),
        (file(&item("9", "2", "1", "0000803f", "[1, 2, 3]")), "at most two"),
        (file(&[item("2", "2", "1", "0000803f", "[]"), item("2", "2", "1", "0000803f", "[]")].join(",")), "not above"),
        (file(&item("1", "2", "1", "0000803f", "[]").replace("abab", "zz")), "no sha256"),
    ] {
        assert!(message(&text).contains(says), "{says}: {}", message(&text));
        assert!(message(&text).lines().count() == 1);
    }
}

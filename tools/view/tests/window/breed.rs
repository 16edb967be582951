//! Children and favourites.

use std::path::Path;

use egui_kittest::kittest::Queryable;
use stylegan_studio::vectors::favourites::Favourites;
use stylegan_view::{Options, Source, Wish};
use stylegan_wgpu::{Look, Ws};

use crate::harness::{Window, generator, open_with, picture, settle, text, wait, wish};

fn breed(folder: &Path) -> Window {
    let memory = Some(folder.join("view.ron"));
    let mut window = open_with(Options { builtin: Some(stylegan_weights::OPEN_PEEPS_128), memory, ..Options::default() });
    settle(&mut window);
    window.get_by_label("Breed").click();
    window.run_steps(2);
    window
}

fn click(window: &mut Window, name: &str) {
    window.get_by_label(name).click_accesskit();
    window.run_steps(2);
}

fn children(window: &mut Window) {
    wait(window, "children", |window| window.query_by_label("Child 8").is_some());
}

/// The rows of w that are wished for.
fn rows(wish: &Wish) -> Vec<f32> {
    match &wish.source {
        Source::Rows(rows) => rows.values.0.to_vec(),
        Source::Pad { .. } => panic!("a place on the pad"),
    }
}

#[test]
fn a_child_becomes_the_parent_and_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut window = breed(folder.path());
    let first = wish(&mut window);
    click(&mut window, "Breed eight children of this picture");
    children(&mut window);
    click(&mut window, "Child 3");
    settle(&mut window);
    let child = wish(&mut window);
    let mut engine = generator();
    let (num_ws, w_dim) = (engine.config().num_ws(), engine.config().w_dim());
    let ws = Ws::new(1, num_ws, w_dim, rows(&child)).expect("rows");
    assert!(picture(&mut window) == engine.picture(&ws, &Look::new()).expect("a picture"));
    assert!(child.mixes.is_empty() && child.moves.is_empty() && child != first);
    // The next litter is the child's.
    children(&mut window);
    click(&mut window, "Child 1");
    assert_ne!(rows(&wish(&mut window)), rows(&child));
    click(&mut window, "Back to the parent before");
    assert_eq!(wish(&mut window), child);
    click(&mut window, "Back to the parent before");
    assert_eq!(wish(&mut window), first);
    children(&mut window);
    window.get_by_label("How far children differ").set_value_accesskit(0.0);
    window.run_steps(2);
    children(&mut window);
    click(&mut window, "Child 5");
    settle(&mut window);
    assert!(picture(&mut window) == engine.picture(85, &Look::new().psi(0.7)).expect("a picture"), "who does not differ is the parent");
}

#[test]
fn favourites_are_kept_with_what_they_came_of() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut window = breed(folder.path());
    let path = folder.path().join("favourites.json");
    let kept = |count: usize| {
        let path = path.clone();
        move |_: &mut Window| Favourites::read(&path).is_ok_and(|favourites| favourites.items().len() == count)
    };
    wait(&mut window, "the network's hash", |window| window.query_by_label("Keep this picture as a favourite").is_some());
    window.get_by_label("Name of the favourite").focus();
    window.get_by_label("Name of the favourite").type_text("Ada");
    window.run_steps(2);
    click(&mut window, "Keep this picture as a favourite");
    wait(&mut window, "a favourite", kept(1));
    click(&mut window, "Breed eight children of this picture");
    children(&mut window);
    click(&mut window, "Child 2");
    click(&mut window, "Keep this picture as a favourite");
    wait(&mut window, "a second favourite", kept(2));
    let favourites = Favourites::read(&path).expect("favourites");
    assert_eq!((favourites.items()[0].name.as_str(), favourites.items()[1].parents.as_slice()), ("Ada", &[1][..]));
    assert_eq!(favourites.items()[1].ws.values, rows(&wish(&mut window)));
    window.run_steps(2);
    assert!(text(&window).contains("of 1 Ada"), "{}", text(&window));

    click(&mut window, "Draw favourite 1, Ada");
    settle(&mut window);
    assert!(picture(&mut window) == generator().picture(85, &Look::new().psi(0.7)).expect("a picture"));
    // Two parents: rows of both.
    click(&mut window, "Favourite 2 is the second parent");
    click(&mut window, "Breed eight children of this picture");
    children(&mut window);
    click(&mut window, "Child 4");
    click(&mut window, "Keep this picture as a favourite");
    wait(&mut window, "a third favourite", kept(3));
    assert_eq!(Favourites::read(&path).expect("favourites").items()[2].parents, [1, 2]);
    click(&mut window, "Remove favourite 2");
    wait(&mut window, "its end", kept(2));

    // They are there at the next start, and a file that is none is left alone.
    drop(window);
    let window = breed(folder.path());
    let mut window = window;
    wait(&mut window, "the list", |window| window.query_by_label("Draw favourite 1, Ada").is_some());
    drop(window);
    std::fs::write(&path, "{}").expect("written");
    let mut window = breed(folder.path());
    wait(&mut window, "a message", |window| text(window).contains("new favourites are not kept"));
    assert_eq!(std::fs::read(&path).expect("there"), b"{}");
}

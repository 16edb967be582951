//! The page of `stylegan serve` in a real browser: Debian's Chromium, driven over WebDriver by its chromedriver.
//!
//! `scripts/setup-browser.sh` installs both. Where they are missing the tests say so and pass, unless `STYLEGAN_BROWSER=required`.
#![cfg(feature = "serve")]

mod served;
mod small;
mod webdriver;

use serde_json::json;
use served::Server;
use webdriver::{Browser, LEFT, RIGHT, SPACE, TAB};

/// A network with noise that shows, which the built-in one has not.
const TINY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/tiny/ada-skip-32/network.pkl");

/// One with classes, and of another size.
const CONDITIONAL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/tiny/ada-resnet-cond-16/network.pkl");

#[test]
fn each_refresh_is_a_new_face_and_a_shared_one_stays_the_same() {
    let Some(browser) = Browser::open() else { return };
    let server = Server::start(&[]);
    browser.visit(&server, "/");
    assert_eq!(browser.run("return document.title"), "This face does not exist");
    let first = (browser.seed(), browser.pixels());
    assert!(first.0.is_string() && first.1[0] == 128, "{first:?}");

    let second = browser.changes("space", |browser| browser.press(SPACE));
    assert_ne!(browser.seed(), first.0);
    let shared = browser.run("return location.search");
    let third = browser.changes("the button", |browser| browser.click("#new"));
    assert!(third != second && third != first.1);
    browser.post("/refresh", json!({}));
    browser.until("document.getElementById('face')?.dataset.shown && document.getElementById('face').complete");
    assert!(browser.pixels() != third && browser.seed() != first.0, "loading again is a new face");

    browser.visit(&server, shared.as_str().unwrap());
    assert_eq!(browser.pixels(), second, "a shared address is the same face");
    assert_eq!(browser.run("return document.getElementById('face').alt").as_str().unwrap().split(':').next(), Some("Generated face"));

    // The strip of faces seen, and the browser's own way back.
    let fourth = browser.changes("space", |browser| browser.press(SPACE));
    assert_eq!(browser.find("#history .look").len(), 2);
    assert_eq!(browser.changes("the left arrow", |browser| browser.press(LEFT)), second);
    assert_eq!(browser.changes("the browser's back", |browser| drop(browser.post("/back", json!({})))), fourth);
    browser.is_content();
}

#[test]
fn every_control_changes_the_picture() {
    let Some(browser) = Browser::open() else { return };
    let server = Server::start(&["--network", TINY]);
    browser.visit(&server, "/?seed=5");
    let seed5 = browser.pixels();
    browser.changes("truncation", |browser| browser.keys("#trunc", &LEFT.repeat(4)));
    assert_eq!(
        browser.run("return [location.search, document.getElementById('trunc-value').textContent]"),
        json!(["?seed=5&trunc=0.5", "0.50"])
    );
    let other = browser.changes("space on a slider is the slider's", |browser| {
        browser.press(SPACE);
        browser.keys("#trunc", LEFT);
    });
    assert!(browser.seed() == "5" && other != seed5);
    browser.visit(&server, "/?seed=5");
    browser.changes("a direction", |browser| browser.keys("#move-1", &LEFT.repeat(6)));
    assert_eq!(browser.run("return location.search"), "?seed=5&moves=1%3A-1.5");
    assert_eq!(browser.run("return document.getElementById('move-1-value').textContent"), "-1.5 \u{3c3}");
    let moved = browser.pixels();
    browser.visit(&server, "/?seed=5&moves=1:-1.5");
    assert_eq!(browser.pixels(), moved, "a shared address has the directions, too");
    browser.visit(&server, "/?seed=5");
    browser.changes("fresh noise", |browser| browser.click("[data-noise=random]"));
    browser.changes("fresh noise again", |browser| browser.click("[data-noise=random]"));
    assert_eq!(browser.changes("stored noise", |browser| browser.click("[data-noise=const]")), seed5);

    browser.visit(&server, "/?seed=5&other=9");
    assert!(!browser.run("return document.getElementById('second').checkVisibility()").as_bool().unwrap());
    let mixed = browser.changes("mixing", |browser| browser.click("[value=mix]"));
    let deeper = browser.changes("the layer slider", |browser| browser.keys("#layer", LEFT));
    assert_ne!(mixed, deeper);
    browser.changes("morphing", |browser| browser.click("[value=morph]"));
    browser.changes("the morph slider", |browser| browser.keys("#t", LEFT));
    let address = browser.run("return location.search");
    assert_eq!(address, "?seed=5&mode=morph&other=9&t=0.45");
    browser.click("#play");
    browser.until("document.getElementById('t').value === '0.2'");
    browser.click("#play");
    browser.until("document.getElementById('play').getAttribute('aria-pressed') === 'false'");
    browser.click("#video");
    browser.until("document.getElementById('status').textContent === 'Saved as seeds0005-0009.webp.'");
    browser.visit(&server, "/?seed=5&mode=morph&other=9");
    browser.changes("another second face", |browser| browser.click("#other-new"));

    browser.visit(&server, "/?seed=85");
    browser.click("#save");
    browser.until("document.getElementById('status').textContent === 'Saved as seed0085.png.'");
    browser.is_content();
}

#[test]
fn the_whole_face_is_on_the_screen_whatever_is_done() {
    let Some(browser) = Browser::open() else { return };
    let server = Server::start(&[]);
    for (width, height) in [(390, 844), (820, 1180), (1366, 768), (1920, 1080)] {
        browser.size(width, height);
        let whole = |when: &str| {
            browser.screenshot(&format!("{width}x{height}-{}", when.replace(' ', "-")));
            let seen = browser.run(
                "const face = document.getElementById('face').getBoundingClientRect();
                 const over = [[0.03, 0.03], [0.97, 0.03], [0.5, 0.5], [0.03, 0.97], [0.97, 0.97]].filter(([x, y]) =>
                   document.elementFromPoint(face.left + x * face.width, face.top + y * face.height)?.id !== 'face').length;
                 return [face.left, face.top, innerWidth - face.right, innerHeight - face.bottom, face.width - 0.2 * Math.min(innerWidth, innerHeight), -over]",
            );
            let all = seen.as_array().unwrap().iter().all(|value| value.as_f64().unwrap() >= -0.5);
            assert!(all, "{width} x {height}, {when}: left, top, right, bottom, size, covered: {seen}");
        };
        browser.visit(&server, "/?seed=5&other=9");
        whole("loaded");
        for _ in 0..2 {
            browser.changes("a new face", |browser| browser.click("#new"));
        }
        whole("new face");
        browser.changes("a slider", |browser| browser.keys("#trunc", LEFT));
        whole("slider");
        browser.changes("the last slider", |browser| browser.keys("#moves .row:last-child input", &RIGHT.repeat(3)));
        whole("last slider");
        browser.changes("mixing", |browser| browser.click("[value=mix]"));
        browser.until("[0, 1].every((i) => document.getElementById(`parent-${i}`).naturalWidth > 0)");
        whole("mix");
        browser.changes("morphing", |browser| browser.click("[value=morph]"));
        whole("morph");
        browser.changes("the morph slider", |browser| browser.keys("#t", LEFT));
        whole("morph slider");
        browser.run("scrollTo(0, document.body.scrollHeight)");
        browser.changes("space at the end of the page", |browser| {
            browser.run("document.activeElement.blur()");
            browser.press(SPACE);
        });
        let strip = browser.run(
            "const strip = document.getElementById('history').getBoundingClientRect(), now = document.querySelector('#history [aria-current=true]').getBoundingClientRect();
             return [now.left - strip.left, strip.right - now.right]",
        );
        assert!(strip.as_array().unwrap().iter().all(|value| value.as_f64().unwrap() >= -0.5), "the strip has not followed: {strip}");
    }
    browser.is_content();
}

/// What an artist does with faces seen: each distinct one is there, becomes a parent, a keyframe or a favourite, and what was changed
/// is said and taken back.
#[test]
fn faces_seen_are_kept_named_and_used_again() {
    let Some(browser) = Browser::open() else { return };
    let server = Server::start(&["--network", TINY]);
    let text = |id: &str| browser.run(&format!("return document.getElementById('{id}').textContent"));
    let count = |css: &str| browser.find(css).len();
    browser.visit(&server, "/?seed=5");
    let plain = browser.pixels();
    browser.changes("a direction", |browser| browser.keys("#move-1", &LEFT.repeat(2)));
    browser.changes("no noise", |browser| browser.click("[data-noise=none]"));
    browser.changes("the cutoff", |browser| browser.keys("#cutoff", &LEFT.repeat(2)));
    let said = text("caption");
    let said = said.as_str().unwrap();
    for part in ["seed 5", "\u{2212}", "no noise", "truncated"] {
        assert!(said.contains(part), "{said} without {part}");
    }
    assert!(browser.run("return document.getElementById('face').alt").as_str().unwrap().contains(said));
    // One seed, and every picture of it that was looked at.
    assert!(count("#history .look") >= 4, "{}", count("#history .look"));
    browser.changes("a reset", |browser| browser.click("[data-reset=cutoff]"));
    assert_eq!(browser.changes("reset all", |browser| browser.click("#reset-all")), plain);
    assert_eq!(browser.run("return location.search"), "?seed=5");
    let before = count("#history .look");
    browser.changes("no noise", |browser| browser.click("[data-noise=none]"));
    browser.changes("stored noise", |browser| browser.click("[data-noise=const]"));
    browser.until(&format!("document.querySelectorAll('#history .look').length >= {before}"));
    assert!(count("#history .look") <= before + 1, "a picture is there once");

    // Parents: the first face of the strip becomes the second one.
    browser.visit(&server, "/?seed=7");
    browser.changes("another face", |browser| {
        browser.run("document.getElementById('seed').value = 8; document.getElementById('seed').dispatchEvent(new Event('change'))");
    });
    browser.changes("a parent from the strip", |browser| browser.click("#history li:first-child .tools button:nth-child(2)"));
    assert!(browser.run("return location.search").as_str().unwrap().starts_with("?seed=8&mode=mix&other=7&layers="));
    assert_eq!(
        browser.run("return [0, 1].map((i) => document.getElementById(`parent-${i}`).alt)"),
        json!(["First parent: seed 8", "Second parent: seed 7"])
    );
    let mixed = browser.pixels();
    let fewer = browser.changes("a box of a layer", |browser| browser.click("#layers label:last-child input"));
    assert_ne!(mixed, fewer);
    assert_eq!(browser.changes("the box again", |browser| browser.click("#layers label:last-child input")), mixed);

    // A film of two faces of the strip.
    browser.click("#history li:first-child .tools button:nth-child(3)");
    browser.click("#history li:nth-child(2) .tools button:nth-child(3)");
    assert_eq!(count("#keyframes li"), 2);
    browser.click("#film");
    browser.until("document.getElementById('status').textContent === 'Saved as seeds0007-0008.webp.'");

    // Favourites are there after a reload, and show what they showed.
    let kept = browser.run("return location.search");
    browser.click("#favourite");
    browser.until("document.getElementById('favourite').getAttribute('aria-pressed') === 'true'");
    browser.until("Object.keys(localStorage).length === 1");
    browser.post("/refresh", json!({}));
    browser.until("document.querySelector('#favourites img')?.naturalWidth > 0 && document.getElementById('face').dataset.shown");
    browser.click("#favourites .look");
    browser.until(&format!("location.search === {kept} && document.getElementById('face').dataset.shown.includes('seed 7')"));
    browser.until("document.getElementById('status').textContent === '' && document.getElementById('face').complete");
    assert_eq!(browser.pixels(), mixed);
    browser.is_content();
}

#[test]
fn rows_of_w_are_dropped_and_networks_are_chosen() {
    let Some(browser) = Browser::open() else { return };
    let server = Server::start(&["--network", TINY, "--network", CONDITIONAL]);
    browser.visit(&server, "/?seed=9");
    let wanted = browser.pixels();
    browser.changes("another face", |browser| browser.press(SPACE));
    browser.run(
        "fetch('/ws?seed=9').then((answer) => answer.json()).then(({ ws }) => {
            const dataTransfer = new DataTransfer();
            dataTransfer.items.add(new File([JSON.stringify({ ws })], 'me.json'));
            document.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
        })",
    );
    browser.until("document.getElementById('face').dataset.shown === 'rows of w of me.json' && document.getElementById('face').complete");
    assert_eq!(browser.pixels(), wanted);
    browser.click("#save");
    browser.until("document.getElementById('status').textContent === 'Saved as face.png.'");
    browser.changes("no noise", |browser| browser.click("[data-noise=none]"));
    assert!(browser.run("return document.getElementById('caption').textContent").as_str().unwrap().contains("me.json, no noise"));
    browser.changes("a face of a seed", |browser| browser.click("#new"));
    browser.until("document.getElementById('face').dataset.shown.startsWith('seed ')");

    assert_eq!(
        browser.run("return [...document.getElementById('networks').options].map(({ value }) => value)"),
        json!(["network", "network 2"])
    );
    browser.run("const menu = document.getElementById('networks'); menu.value = 'network 2'; menu.dispatchEvent(new Event('change'))");
    browser.until("document.getElementById('network')?.textContent.startsWith('16 x 16') && document.getElementById('face').dataset.shown");
    browser.until("document.getElementById('face').complete && new URLSearchParams(location.search).get('network') === 'network 2'");
    assert_eq!(browser.run("return document.getElementById('networks').value"), "network 2");
    browser.is_content();
}

#[test]
fn a_stylegan3_is_moved_turned_and_zoomed() {
    let Some(browser) = Browser::open() else { return };
    let folder = tempfile::tempdir().unwrap();
    let network = small::stylegan3(&folder.path().join("three.safetensors"), stylegan_wgpu::internals::networks::stylegan3::Config::t(64));
    let server = Server::start(&["--network", &network]);
    browser.visit(&server, "/?seed=9");
    assert_eq!(browser.run("return document.getElementById('place').hidden"), false);
    for (slider, value, said) in
        [("x", "0.25", "moved by 0.25, 0"), ("rotate", "-30", "turned by -30\u{b0}"), ("zoom", "1.5", "1.5 times as large")]
    {
        browser.changes(slider, |browser| {
            let set = "const it = document.getElementById(arguments[0]); it.value = arguments[1];";
            let set = set.replace("arguments[0]", &format!("'{slider}'")).replace("arguments[1]", &format!("'{value}'"));
            browser.run(&format!("{set} it.dispatchEvent(new Event('input')); it.dispatchEvent(new Event('change'))"));
        });
        let caption = browser.run("return document.getElementById('caption').textContent");
        assert!(caption.as_str().unwrap().contains(said), "{caption}");
    }
    // The address has it, so that it is the same picture for whoever opens it.
    let pixels = browser.pixels();
    let address = browser.run("return location.pathname + location.search");
    let address = address.as_str().unwrap();
    assert!(address.contains("translate=0.25%2C0&rotate=-30&zoom=1.5"), "{address}");
    browser.visit(&server, "/?seed=9");
    assert_ne!(browser.pixels(), pixels);
    browser.visit(&server, address);
    assert_eq!(browser.pixels(), pixels);
    browser.changes("as it was", |browser| browser.click("[data-reset=rotate]"));
    browser.is_content();
}

#[test]
fn the_page_suits_keyboards_screen_readers_phones_and_the_dark() {
    let Some(browser) = Browser::open() else { return };
    let server = Server::start(&[]);
    browser.visit(&server, "/?seed=3&mode=morph&other=4");
    let controls = browser.find("button, input, a, img");
    assert!(controls.len() > 20);
    for id in &controls {
        let (shown, name) = (browser.fetch(&format!("/element/{id}/displayed")), browser.fetch(&format!("/element/{id}/computedlabel")));
        let html = browser.post(
            "/execute/sync",
            json!({ "script": "return arguments[0].outerHTML", "args": [{ "element-6066-11e4-a52e-4f735466cecf": id }] }),
        );
        let decorative = html.as_str().unwrap().contains("alt=\"\"");
        assert!(shown == false || decorative || name.as_str().is_some_and(|name| !name.trim().is_empty()), "without a name: {html}");
    }
    assert_eq!(browser.run("return [document.documentElement.lang, document.querySelectorAll('h1').length, document.querySelectorAll('[role=status]').length]"), json!(["en", 1, 1]));
    browser.press(TAB);
    assert_eq!(browser.run("return document.activeElement.id"), "new", "the first stop of the keyboard");
    let text = browser.run("return document.querySelector('footer').innerText");
    assert!(text.as_str().unwrap().contains("None of these people exist.") && text.as_str().unwrap().contains("can be misused"));

    for scheme in ["light", "dark"] {
        browser.media("prefers-color-scheme", scheme);
        for (width, height) in [(1280, 900), (390, 844)] {
            browser.size(width, height);
            browser.screenshot(&format!("{scheme}-{width}"));
            let wide = browser.run("return document.documentElement.scrollWidth - innerWidth");
            assert!(wide.as_f64().unwrap() <= 0.0, "{scheme} {width}: {wide} pixels too wide");
        }
        // WCAG 2: text has a contrast of 4.5 to what it stands on.
        let least = browser.run(
            "const light = (color) => { const [r, g, b] = color.match(/[\\d.]+/g).map(Number).map((v) => v / 255).map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
             const ground = (node) => { for (; node; node = node.parentElement) { const color = getComputedStyle(node).backgroundColor; if (!color.endsWith(', 0)')) return color; } return 'rgb(255, 255, 255)'; };
             const ratio = (node) => { const [a, b] = [light(getComputedStyle(node).color), light(ground(node))].sort((a, b) => b - a); return (a + 0.05) / (b + 0.05); };
             return Math.min(...[...document.querySelectorAll('h1, h2, p, label, legend, button, a, output, .hint, .label')].filter((node) => node.checkVisibility()).map(ratio))",
        );
        assert!(least.as_f64().unwrap() >= 4.5, "{scheme}: contrast {least}");
    }
    browser.media("prefers-reduced-motion", "reduce");
    assert_eq!(browser.run("return getComputedStyle(document.getElementById('face')).transitionDuration"), "0s");
    browser.is_content();
}

#[test]
fn a_token_is_asked_for_and_kept_for_the_tab() {
    let Some(browser) = Browser::open() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "correct-horse-battery").unwrap();
    let server = Server::start(&["--token-file", file.to_str().unwrap()]);
    browser.post("/url", json!({ "url": format!("http://{}/?seed=5", server.address) }));
    browser.until("document.getElementById('token-form')?.checkVisibility()");
    browser.keys("#token", "correct-horse-battery");
    browser.click("#token-form button");
    browser.until("document.getElementById('face').dataset.shown === 'seed 5'");
    browser.visit(&server, "/?seed=6");
    assert!(!browser.run("return document.getElementById('token-form').checkVisibility()").as_bool().unwrap());
}

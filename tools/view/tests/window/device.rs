//! The device of the window: lost, and of displays with many pixels to a point.

use eframe::egui::ViewportCommand;
use egui_kittest::kittest::Queryable;
use stylegan_view::{Options, Source};
use stylegan_wgpu::Look;

use crate::harness::{Window, assert_shows, open_scaled, open_with, settle, text, wait};

fn options() -> Options {
    Options { builtin: Some(stylegan_weights::OPEN_PEEPS_128), ..Options::default() }
}

/// Whether the window wants to be closed.
fn closes(window: &Window) -> bool {
    window.output().viewport_output.values().any(|viewport| viewport.commands.contains(&ViewportCommand::Close))
}

#[test]
fn a_window_whose_device_is_lost_is_opened_anew_as_it_was() {
    let options = options();
    let mut window = open_with(options.clone());
    settle(&mut window);
    let state = window.state_mut().state();
    state.wish.psi = 0.4;
    settle(&mut window);
    window.get_by_label("Files").click();
    window.run_steps(2);
    window.state_mut().state().render.device.destroy();
    window.state_mut().state().wish.source = Source::of_seed(7);
    wait(&mut window, "the end of the window", |window| closes(window));
    drop(window);

    // What `run` does then.
    let mut anew = open_with(options);
    assert!(text(&anew).contains("The graphics device was lost"), "{}", text(&anew));
    assert!(anew.query_by_label("Folder to save into").is_some(), "the tab is that of before");
    assert_shows(&mut anew, 7, &Look::new().psi(0.4));
    assert!(!closes(&anew));
}

/// Every pixel of a picture is a square of as many pixels of the display, whatever points are.
#[test]
fn pictures_lie_on_whole_pixels_of_any_display() {
    for points in [1.0, 1.25, 1.5, 2.0, 3.0] {
        let mut window = open_scaled(options(), points);
        settle(&mut window);
        window.run_steps(2);
        let rect = window.get_by_label("Picture").rect() * points;
        for length in [rect.left(), rect.top(), rect.width() / 128.0, rect.height() / 128.0] {
            // egui lays out on a grid of 1/32 point, a tenth of a pixel here; what is seen are the nearest pixels.
            assert!((length - length.round()).abs() < 0.1, "{points}: {rect:?}");
        }
        assert!(rect.width() >= 128.0, "{points}: {rect:?}");
    }
}

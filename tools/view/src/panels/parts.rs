//! What panels share: names for what has no text, and small pictures of wishes.

use eframe::egui::{self, Role, WidgetInfo};
use image::RgbaImage;
use stylegan_studio::pictures::picture::{self, Picture};

use crate::error::ViewError;
use crate::hand::Hand;
use crate::state::State;
use crate::tasks::{Reporter, Task};
use crate::wish::{Maps, Wish};

/// Gives a control the name that a screen reader says, and tests look for.
pub(crate) fn named(response: egui::Response, role: Role, name: &str) -> egui::Response {
    response.widget_info(|| WidgetInfo::labeled(role, response.enabled(), name));
    response
}

/// A button whose name says more than its text.
pub(crate) fn button(ui: &mut egui::Ui, enabled: bool, text: &str, name: &str) -> bool {
    named(ui.add_enabled(enabled, egui::Button::new(text)), Role::Button, name).on_hover_text(name).clicked()
}

/// What went wrong, in the colour of it.
pub(crate) fn trouble(ui: &mut egui::Ui, error: Option<&str>) {
    if let Some(error) = error {
        ui.colored_label(ui.visuals().error_fg_color, error);
    }
}

/// A picture of 8-bit RGB for a texture.
pub(crate) fn rgb(picture: &Picture) -> egui::ColorImage {
    egui::ColorImage::from_rgb([picture.width, picture.height], &picture.pixels)
}

/// A picture as the network draws it for a texture.
pub(crate) fn rgba(picture: &RgbaImage) -> egui::ColorImage {
    egui::ColorImage::from_rgba_unmultiplied([picture.width() as usize, picture.height() as usize], picture.as_raw())
}

/// A texture scaled so that its longer side has so many points.
pub(crate) fn image(texture: &egui::TextureHandle, side: f32) -> egui::Image<'static> {
    let size = texture.size_vec2();
    egui::Image::new((texture.id(), size * (side / size.max_elem().max(1.0))))
}

/// Draws a wish, no side longer than `most` pixels.
pub(crate) fn small(hand: &mut Hand, reporter: &Reporter, wish: &Wish, most: usize) -> Result<RgbaImage, ViewError> {
    let (ws, look) = (hand.ws(wish)?, wish.look(hand.generator().config())?);
    let drawn = hand.picture(&ws, &look, reporter)?;
    let size @ (height, width) = (drawn.height() as usize, drawn.width() as usize);
    Ok(if height.max(width) > most { picture::resized(drawn, picture::scaled(size, most)) } else { drawn })
}

/// A small picture of a wish, drawn whenever it is another.
#[derive(Default)]
pub(crate) struct Sketch {
    of: Option<Wish>,
    task: Option<Task<RgbaImage>>,
    texture: Option<egui::TextureHandle>,
    error: Option<String>,
}

impl Sketch {
    /// Takes what is there, and has it drawn where it is of something else.
    pub(crate) fn update(&mut self, state: &State, name: &str, wish: &Wish, most: usize) {
        // Noise that moves would have it drawn without end.
        let wish = &match wish.noise {
            Maps::Animated => Wish { noise: Maps::Stored, noise_seed: 0, ..wish.clone() },
            _ => wish.clone(),
        };
        if self.of.as_ref() != Some(wish) {
            let wished = wish.clone();
            self.task = state.order(name, move |hand, reporter| small(hand, reporter, &wished, most));
            // Asked for again where there is nobody to ask yet.
            self.of = self.task.is_some().then(|| wish.clone());
            self.error = None;
        }
        match self.task.as_mut().and_then(Task::try_take) {
            None => return,
            Some(Ok(picture)) => self.texture = Some(state.context.load_texture(name, rgba(&picture), egui::TextureOptions::LINEAR)),
            Some(Err(error)) => self.error = Some(error.to_string()),
        }
        self.task = None;
    }

    /// The picture; of the wish before while another is drawn.
    pub(crate) fn texture(&self) -> Option<&egui::TextureHandle> {
        self.texture.as_ref()
    }

    /// What went wrong.
    pub(crate) fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }
}

//! Keyframes on a line: pictures by their rows of w, and the closed path through them.

use stylegan_wgpu::Result;
use stylegan_wgpu::latent::{Interpolation, Keyframes, Ws};

/// A picture that the film comes by.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Keyframe {
    /// What it is called on the line.
    pub(crate) name: String,
    /// As it is drawn: truncated, mixed, moved.
    pub(crate) ws: Ws,
}

/// The keyframes, and where it plays.
#[derive(Debug)]
pub(crate) struct Timeline {
    keyframes: Vec<Keyframe>,
    /// The one that is chosen.
    pub(crate) chosen: usize,
    /// Frames from a keyframe to the next.
    pub(crate) step: u32,
    /// Frames per second.
    pub(crate) fps: u16,
    /// Straight, or a spline.
    pub(crate) interpolation: Interpolation,
    /// Whether it plays.
    pub(crate) playing: bool,
    /// In frames, from 0 up to [`Timeline::frames`].
    position: f64,
    /// Made when it is asked for, after every change.
    path: Option<(Interpolation, Keyframes)>,
}

impl Default for Timeline {
    fn default() -> Timeline {
        Timeline {
            keyframes: Vec::new(),
            chosen: 0,
            step: 60,
            fps: 30,
            interpolation: Interpolation::Cubic,
            playing: false,
            position: 0.0,
            path: None,
        }
    }
}

impl Timeline {
    /// All of them, in their order.
    pub(crate) fn keyframes(&self) -> &[Keyframe] {
        &self.keyframes
    }

    /// Puts one behind the chosen one, and chooses it. Those of another network go.
    pub(crate) fn add(&mut self, keyframe: Keyframe) {
        let sizes = |keyframe: &Keyframe| (keyframe.ws.n, keyframe.ws.num_ws, keyframe.ws.w_dim);
        self.keyframes.retain(|other| sizes(other) == sizes(&keyframe));
        let place = (self.chosen + 1).min(self.keyframes.len());
        self.keyframes.insert(place, keyframe);
        self.chosen = place;
        self.changed();
    }

    /// Takes the chosen one away.
    pub(crate) fn remove(&mut self) {
        if self.chosen < self.keyframes.len() {
            self.keyframes.remove(self.chosen);
            self.chosen = self.chosen.min(self.keyframes.len().saturating_sub(1));
            self.changed();
        }
    }

    /// Moves the chosen one by a place, earlier or later.
    pub(crate) fn shift(&mut self, later: bool) {
        let other = if later { self.chosen + 1 } else { self.chosen.wrapping_sub(1) };
        if self.chosen < self.keyframes.len() && other < self.keyframes.len() {
            self.keyframes.swap(self.chosen, other);
            self.chosen = other;
            self.changed();
        }
    }

    /// Takes all away.
    pub(crate) fn clear(&mut self) {
        *self = Timeline { step: self.step, fps: self.fps, interpolation: self.interpolation, ..Timeline::default() };
    }

    fn changed(&mut self) {
        self.path = None;
        self.playing &= self.keyframes.len() > 1;
        self.position = self.position.min(self.frames() as f64);
    }

    /// Frames of the film: the last one precedes the first.
    pub(crate) fn frames(&self) -> usize {
        self.keyframes.len() * self.step as usize
    }

    /// Where it is, in frames.
    pub(crate) fn position(&self) -> f64 {
        self.position
    }

    /// Goes to a frame.
    pub(crate) fn seek(&mut self, frame: f64) {
        self.position = if frame.is_finite() && self.frames() > 0 { frame.rem_euclid(self.frames() as f64) } else { 0.0 };
    }

    /// The path through all of them. None without any.
    pub(crate) fn path(&mut self) -> Result<Option<&Keyframes>> {
        if self.path.as_ref().is_none_or(|(interpolation, _)| *interpolation != self.interpolation) {
            let Some(first) = self.keyframes.first() else { return Ok(None) };
            let values = self.keyframes.iter().flat_map(|keyframe| &keyframe.ws.values).copied().collect();
            let ws = Ws::new(self.keyframes.len(), first.ws.num_ws, first.ws.w_dim, values)?;
            self.path = Some((self.interpolation, Keyframes::new(ws, self.interpolation)?));
        }
        Ok(self.path.as_ref().map(|(_, path)| path))
    }

    /// The rows of w where it is.
    pub(crate) fn here(&mut self) -> Result<Option<Ws>> {
        let time = self.position / f64::from(self.step.max(1));
        Ok(self.path()?.map(|path| path.at(time)))
    }

    /// Plays on for so many seconds; the rows of w it comes to, while it plays.
    pub(crate) fn play(&mut self, seconds: f64) -> Result<Option<Ws>> {
        if !self.playing || self.keyframes.is_empty() {
            return Ok(None);
        }
        self.seek(self.position + seconds * f64::from(self.fps));
        self.here()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyframe(name: &str, value: f32) -> Keyframe {
        Keyframe { name: name.into(), ws: Ws::broadcast(&[value, 0.0], 2, 3) }
    }

    fn names(timeline: &Timeline) -> String {
        timeline.keyframes().iter().map(|keyframe| keyframe.name.as_str()).collect()
    }

    fn three() -> Timeline {
        let mut timeline = Timeline { step: 10, fps: 20, interpolation: Interpolation::Linear, ..Timeline::default() };
        for (name, value) in [("a", 0.0), ("b", 1.0), ("c", 5.0)] {
            timeline.add(keyframe(name, value));
        }
        timeline
    }

    #[test]
    fn keyframes_are_put_moved_and_taken_away() {
        let mut timeline = three();
        assert_eq!((names(&timeline).as_str(), timeline.chosen, timeline.frames()), ("abc", 2, 30));
        timeline.chosen = 0;
        timeline.add(keyframe("d", 2.0));
        assert_eq!((names(&timeline).as_str(), timeline.chosen), ("adbc", 1));
        timeline.shift(true);
        timeline.shift(true);
        timeline.shift(true);
        assert_eq!((names(&timeline).as_str(), timeline.chosen), ("abcd", 3));
        timeline.shift(false);
        assert_eq!((names(&timeline).as_str(), timeline.chosen), ("abdc", 2));
        timeline.remove();
        timeline.remove();
        assert_eq!((names(&timeline).as_str(), timeline.chosen), ("ab", 1));
        timeline.add(Keyframe { name: "e".into(), ws: Ws::broadcast(&[0.0; 4], 4, 3) });
        assert_eq!((names(&timeline).as_str(), timeline.chosen), ("e", 0), "of another network");
        timeline.clear();
        timeline.remove();
        timeline.shift(true);
        assert_eq!((timeline.frames(), timeline.here().unwrap(), timeline.step), (0, None, 10));
    }

    #[test]
    fn it_plays_along_the_path_and_around() {
        let mut timeline = three();
        let first = |ws: Option<Ws>| ws.map(|ws| ws.values[0]);
        assert_eq!(first(timeline.play(1.0).unwrap()), None, "it stands still");
        timeline.playing = true;
        // A quarter of a second is 5 of 10 frames.
        assert_eq!(first(timeline.play(0.25).unwrap()), Some(0.5));
        assert_eq!(first(timeline.play(0.5).unwrap()), Some(3.0));
        assert_eq!(first(timeline.play(0.5).unwrap()), Some(2.5), "from the last to the first");
        timeline.seek(20.0);
        assert_eq!(first(timeline.here().unwrap()), Some(5.0));
        timeline.interpolation = Interpolation::Cubic;
        let path = timeline.path().unwrap().unwrap().at(0.5);
        timeline.seek(5.0);
        assert_eq!(timeline.here().unwrap(), Some(path));
        timeline.seek(f64::NAN);
        assert_eq!(timeline.position(), 0.0);
        timeline.seek(-5.0);
        assert_eq!(timeline.position(), 25.0);
    }
}

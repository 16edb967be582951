//! Pictures that were submitted, which the device may still be drawing.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use super::prepared::{Handles, Way};
use super::scene::Scene;
use super::{Generator, Options, PrecisionChoice};
use crate::error::{Error, Result};
use crate::executor::Readback;
use crate::gpu::{Gpu, lock};
use crate::model::Model;
use crate::task::Task;
use crate::tensor::Tensor;

/// Pictures out of what was read back; `None` in the place of one that is NaN or infinite somewhere.
pub(super) type Unpack<T> = fn(Tensor, &[u8]) -> Vec<Option<T>>;

/// What is read back of a plan, and how.
pub(super) type Form<T> = fn(&Handles) -> (Tensor, Unpack<T>);

/// Pictures of one submission, in the order of their inputs: await them, ask for them with [`Pending::try_take`] once a frame, or, but
/// in a browser, [`Pending::wait`].
///
/// One that is not finite in f16 is drawn again in f32, where [`PrecisionChoice::Auto`] leaves the choice to the engine; so a picture
/// depends on its own input, never on those beside it. [`Error::NotFinite`] where that does not help.
#[must_use = "the pictures are drawn, and nobody looks"]
pub struct Pending<T: Send + 'static> {
    state: State<T>,
    tensor: Tensor,
    unpack: Unpack<T>,
    /// How they are drawn again.
    again: Again<T>,
}

enum State<T: Send + 'static> {
    Reading(Readback),
    /// The pictures that are there, and a thread that draws the others.
    Drawing(Task<Result<Vec<T>>>),
    Taken,
}

/// What a picture is drawn from, once more.
#[derive(Clone)]
pub(super) struct Again<T> {
    pub(super) scene: Scene,
    pub(super) way: Way,
    pub(super) form: Form<T>,
    pub(super) wide: Arc<Mutex<Wide>>,
}

impl<T: Send + 'static> Pending<T> {
    pub(super) fn new(readback: Readback, tensor: Tensor, unpack: Unpack<T>, again: Again<T>) -> Pending<T> {
        Pending { state: State::Reading(readback), tensor, unpack, again }
    }

    /// The pictures, once, if they are there; returns at once. Call it once a frame.
    pub fn try_take(&mut self) -> Option<Result<Vec<T>>> {
        if let State::Reading(readback) = &mut self.state {
            let bytes = readback.try_take()?;
            if let Some(outcome) = self.unpacked(bytes) {
                return Some(outcome);
            }
        }
        let State::Drawing(task) = &mut self.state else { return None };
        let outcome = task.try_take()?;
        self.state = State::Taken;
        Some(outcome)
    }

    /// Waits for the device, not for later submissions.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn wait(mut self) -> Result<Vec<T>> {
        if let State::Reading(readback) = std::mem::replace(&mut self.state, State::Taken)
            && let Some(outcome) = self.unpacked(readback.wait())
        {
            return outcome;
        }
        match std::mem::replace(&mut self.state, State::Taken) {
            State::Drawing(task) => task.wait(),
            State::Reading(_) | State::Taken => Err(taken()),
        }
    }

    /// The pictures, if all of them are finite or it is an error; else has the others drawn again.
    fn unpacked(&mut self, bytes: Result<Vec<u8>>) -> Option<Result<Vec<T>>> {
        self.state = State::Taken;
        let pictures = match bytes {
            Ok(bytes) => (self.unpack)(self.tensor, &bytes),
            Err(error) => return Some(Err(error)),
        };
        if pictures.iter().all(Option::is_some) {
            return Some(Ok(pictures.into_iter().flatten().collect()));
        }
        let Again { scene, way, form, wide } = &self.again;
        let (scene, way, form, wide) = (scene.clone(), Way { images: 1, ..way.clone() }, *form, wide.clone());
        self.state = State::Drawing(Task::spawn(move || {
            let again = |(i, picture): (usize, Option<T>)| match picture {
                Some(picture) => Ok(picture),
                None => lock(&wide).draw(&scene.one(i), &way, form),
            };
            pictures.into_iter().enumerate().map(again).collect()
        }));
        None
    }
}

impl<T: Send + 'static> Future for Pending<T> {
    type Output = Result<Vec<T>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if let State::Reading(readback) = &mut this.state {
            let Poll::Ready(bytes) = Pin::new(readback).poll(context) else { return Poll::Pending };
            if let Some(outcome) = this.unpacked(bytes) {
                return Poll::Ready(outcome);
            }
        }
        match &mut this.state {
            State::Drawing(task) => {
                let Poll::Ready(outcome) = Pin::new(task).poll(context) else { return Poll::Pending };
                this.state = State::Taken;
                Poll::Ready(outcome)
            }
            State::Reading(_) | State::Taken => Poll::Ready(Err(taken())),
        }
    }
}

fn taken() -> Error {
    Error::Argument("the pictures were taken already".into())
}

/// The same network in f32, made for the first picture that f16 does not hold.
pub(super) struct Wide {
    pub(super) gpu: Gpu,
    pub(super) model: Model,
    pub(super) options: Options,
    /// None where f16 was asked for, or it is f32 already: then the name of the element type.
    pub(super) refused: Option<&'static str>,
    pub(super) generator: Option<Box<Generator>>,
}

impl Wide {
    fn draw<T: Send + 'static>(&mut self, scene: &Scene, way: &Way, form: Form<T>) -> Result<T> {
        if let Some(dtype) = self.refused {
            return Err(Error::NotFinite { dtype });
        }
        if self.generator.is_none() {
            log::warn!("a picture is not finite in f16, whose numbers end at 65504: such pictures are drawn again in f32");
            let options = Options { precision: PrecisionChoice::F32, batch: 1, ..self.options.clone() };
            self.generator = Some(Box::new(Generator::build_now(&self.gpu, &self.model, &options, None)?));
        }
        let generator = self.generator.as_mut().expect("just made");
        let missing = || Error::Device("the device gave no picture".into());
        let pending = generator.submit_scene(scene.clone(), way.clone(), form)?;
        #[cfg(not(target_arch = "wasm32"))]
        return pending.wait()?.pop().ok_or_else(missing);
        #[cfg(target_arch = "wasm32")]
        {
            // Waiting is not possible here, and a browser's device cannot be asked from within a call.
            drop((pending, missing));
            Err(Error::NotFinite { dtype: "f16" })
        }
    }
}

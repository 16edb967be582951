//! The painter's side: the network on the device, on the thread that draws.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use eframe::egui_wgpu::RenderState;
use image::RgbaImage;
use stylegan_wgpu::internals::tensor::DType;
use stylegan_wgpu::latent::Ws;
use stylegan_wgpu::{Budget, Config, Error, Job, Look, Result, Target, blocking, wgpu};

use crate::error::ViewError;
use crate::loading::Network;
use crate::painter::{Canvas, Inbox, News, REST, Shown, Teller, Wished};
use crate::tasks::Reporter;
use crate::wish::{Latents, Wish};

/// A picture that takes no longer follows the hand whole.
const WHOLE: Duration = Duration::from_millis(100);
/// A preview that takes no longer could be larger.
const FLUENT: Duration = Duration::from_millis(50);
/// A picture of a network without previews that takes longer is given up for the wish of a hand that rests, and finished while it moves.
const SLOW: Duration = Duration::from_secs(1);
/// And so is a preview that takes longer.
const LATE: Duration = Duration::from_millis(200);
/// Pixels below which nobody sees what a preview shows; its time is all in the number of passes there.
const LEAST: usize = 16;
/// Rows of w that are kept: some MB.
const MOST_ROWS: usize = 4096;
/// Ways of running that stay prepared: whole, and some previews.
const PREPARED: usize = 4;

/// What work that is ordered from the painter is given.
pub struct Hand {
    generator: blocking::Generator,
    network: Arc<Network>,
    render: RenderState,
    inbox: Arc<Inbox>,
    teller: Teller,
    pace: Pace,
    rows: HashMap<(u32, Option<usize>), Vec<f32>>,
    canvases: HashMap<(usize, usize), Arc<Canvas>>,
    /// How long pictures took: of a preview's resolution, or whole.
    times: HashMap<Option<usize>, Duration>,
    /// What was drawn small, and is to be drawn whole when the hand rests.
    owed: Option<(Wished, Instant)>,
}

/// How much of a job goes to the device at a time.
struct Pace {
    gflop: f64,
    /// A frame of the window waits for no more.
    target: Duration,
}

impl Pace {
    fn learn(&mut self, took: Duration) {
        let change = self.target.as_secs_f64() / took.as_secs_f64().max(1e-6);
        self.gflop = (self.gflop * change.clamp(0.5, 2.0)).clamp(0.005, 1e6);
    }
}

impl Hand {
    pub(crate) fn new(
        mut generator: blocking::Generator,
        network: Arc<Network>,
        render: RenderState,
        inbox: Arc<Inbox>,
        teller: Teller,
        software: bool,
    ) -> Hand {
        generator.keep_prepared(PREPARED);
        let (gflop, millis) = if software { (0.25, 30) } else { (5.0, 4) };
        let pace = Pace { gflop, target: Duration::from_millis(millis) };
        let (rows, canvases, times) = Default::default();
        Hand { generator, network, render, inbox, teller, pace, rows, canvases, times, owed: None }
    }

    /// The network on the device. What is asked of it directly is not cut into slices.
    pub fn generator(&mut self) -> &mut blocking::Generator {
        &mut self.generator
    }

    /// The network.
    pub fn network(&self) -> &Arc<Network> {
        &self.network
    }

    /// Element type of its activations.
    pub fn dtype(&self) -> DType {
        self.generator.dtype()
    }

    /// Rows of w of a wish.
    pub fn ws(&mut self, wish: &Wish) -> Result<Ws> {
        wish.ws(self)
    }

    /// Draws a picture to be read back, in slices; wishes of the window come between.
    pub fn picture(&mut self, ws: &Ws, look: &Look, reporter: &Reporter) -> Result<RgbaImage, ViewError> {
        let mut job = self.generator.job(ws, look)?;
        while !self.advance(&mut job)? {
            if reporter.is_cancelled() || self.inbox.is_closed() {
                return Err(ViewError::Cancelled);
            }
            self.attend();
        }
        let picture = job.read()?.wait()?.pop();
        picture.ok_or_else(|| Error::Device("the device gave no picture".into()).into())
    }

    /// Answers a wish that has come meanwhile. Work that takes long calls it now and then.
    pub fn attend(&mut self) {
        if let Some(wished) = self.inbox.take_wish() {
            self.answer(wished);
        }
    }

    /// The next slice of a job, and waits for it.
    fn advance(&mut self, job: &mut Job) -> Result<bool> {
        // What the window has submitted before is not the slice's time. Its error is the slice's, too.
        let _ = self.render.device.poll(wgpu::PollType::Wait { submission_index: None, timeout: None });
        let start = Instant::now();
        let done = job.wait_some(Budget::Gflop(self.pace.gflop))?;
        self.pace.learn(start.elapsed());
        Ok(done)
    }

    /// When the picture was drawn that is still to be drawn whole.
    pub(crate) fn owed_since(&self) -> Option<Instant> {
        self.owed.as_ref().map(|(_, since)| *since)
    }

    /// Draws a wish as fast as it can be followed.
    pub(crate) fn answer(&mut self, wished: Wished) {
        self.owed = None;
        let preview = self.preview();
        if self.tell(&wished, preview) && preview.is_some() {
            self.owed = Some((wished, Instant::now()));
        }
    }

    /// Draws whole what was drawn small.
    pub(crate) fn settle(&mut self) {
        if let Some((wished, _)) = self.owed.take() {
            self.tell(&wished, None);
        }
    }

    /// The resolutions that are worth a preview, with height and width.
    fn previews(&self) -> &[(usize, (usize, usize))] {
        let all = self.generator.previews();
        &all[all.partition_point(|(resolution, _)| *resolution < LEAST)..]
    }

    /// The resolution at which the next wish is answered; none is whole.
    fn preview(&self) -> Option<usize> {
        let whole = self.times.get(&None).filter(|time| **time > WHOLE)?;
        let previews = self.previews();
        let (mut best, mut before) = (None, Duration::ZERO);
        for (i, (resolution, _)) in previews.iter().enumerate() {
            // One that was never drawn takes half of the next, or twice the one before it, whichever is more.
            let guess = || (*whole / (1 << (previews.len() - i).min(16))).max(before * 2);
            before = self.times.get(&Some(*resolution)).copied().unwrap_or_else(guess);
            if best.is_none() || before <= FLUENT {
                best = Some(*resolution);
            }
        }
        best
    }

    /// Shows a wish and says so; false where it was overtaken or did not work.
    fn tell(&mut self, wished: &Wished, preview: Option<usize>) -> bool {
        match self.show(wished, preview) {
            Ok(shown) => {
                let there = shown.is_some();
                shown.into_iter().for_each(|shown| self.teller.tell(News::Drawn(shown)));
                there
            }
            Err(error) => {
                self.teller.tell(News::Trouble(error.into()));
                false
            }
        }
    }

    fn show(&mut self, wished: &Wished, preview: Option<usize>) -> Result<Option<Shown>> {
        let start = Instant::now();
        let ws = self.ws(&wished.wish)?;
        let look = wished.wish.look(self.generator.config())?;
        let look = preview.map_or(look.clone(), |resolution| look.preview(resolution));
        let smallest = self.previews().first().map(|(resolution, _)| *resolution);
        // The first picture does not: its time is not known yet.
        let patience = if smallest.is_none() { SLOW } else { WHOLE };
        let gives_way = preview.is_none() && self.times.get(&None).is_some_and(|time| *time > patience);
        let mut job = self.generator.job(&ws, &look)?;
        // What was prepared now is not the picture's time.
        let begun = Instant::now();
        while !self.advance(&mut job)? {
            // A preview that is late was a wrong guess: the next wish gets a smaller one, if there is one.
            let late = preview.is_some() && preview != smallest && begun.elapsed() > LATE;
            // Without previews, what is begun is all that a moving hand gets to see.
            let rested = if smallest.is_none() { REST } else { Duration::ZERO };
            if self.inbox.is_closed() || (gives_way || late) && self.inbox.overtaken(rested) {
                if late {
                    self.learn(preview, begun.elapsed());
                }
                return Ok(None);
            }
        }
        let canvas = self.canvas(preview);
        job.wait_target(Target::Texture(&canvas.texture))?;
        drop(job);
        self.learn(preview, begun.elapsed());
        let took = wished.since.elapsed().min(start.elapsed());
        Ok(Some(Shown { canvas, number: wished.number, preview: preview.is_some(), took }))
    }

    /// Remembers how long a picture took. One of the next resolution takes about four times as long: where it took much longer, the
    /// machine was busy then.
    fn learn(&mut self, preview: Option<usize>, took: Duration) {
        self.times.insert(preview, took);
        let next =
            self.generator.previews().iter().map(|(resolution, _)| *resolution).find(|known| preview.is_some_and(|now| *known > now));
        if let Some(time) = self.times.get_mut(&next).filter(|_| next.is_some()) {
            *time = (*time).min(took * 6);
        }
    }

    fn canvas(&mut self, preview: Option<usize>) -> Arc<Canvas> {
        let size_of = |resolution| self.generator.previews().iter().find(|(known, _)| *known == resolution).map(|(_, size)| *size);
        let size = preview.and_then(size_of).unwrap_or_else(|| self.generator.config().image_size());
        self.canvases.entry(size).or_insert_with(|| Arc::new(Canvas::new(&self.render, size, preview.is_some()))).clone()
    }
}

impl Latents for Hand {
    fn config(&self) -> &Config {
        self.generator.config()
    }

    fn of_seed(&mut self, seed: u32, class: Option<usize>) -> Result<Vec<f32>> {
        if let Some(w) = self.rows.get(&(seed, class)) {
            return Ok(w.clone());
        }
        let w = self.of_z(&stylegan_wgpu::latent::z(seed, self.generator.config().z_dim()), class)?;
        if self.rows.len() >= MOST_ROWS {
            self.rows.clear();
        }
        self.rows.insert((seed, class), w.clone());
        Ok(w)
    }

    fn of_z(&mut self, z: &[f32], class: Option<usize>) -> Result<Vec<f32>> {
        let classes = class.map(|class| vec![class]);
        let mut ws = self.generator.mapping(z, classes.as_deref())?;
        ws.values.truncate(ws.w_dim);
        Ok(ws.values)
    }

    fn w_avg(&self, class: Option<usize>) -> Vec<f32> {
        self.generator.w_avg_of(class)
    }
}

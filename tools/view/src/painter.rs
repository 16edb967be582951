//! Who draws: a thread that owns the network on the window's device. The window says what it wishes, whenever that changes; the thread
//! draws the newest of it, at first small where the whole picture takes longer than a few frames, then whole. It gives the device one small
//! slice at a time, so that a frame of the window never waits for more.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use eframe::egui;
use eframe::egui_wgpu::RenderState;
use stylegan_wgpu::internals::tensor::DType;
use stylegan_wgpu::{Generator, Gpu, Options, blocking, wgpu};

use crate::error::ViewError;
use crate::hand::Hand;
use crate::loading::Network;
use crate::tasks::{Reporter, Task};
use crate::wish::Wish;

/// A hand that rested so long gets the whole picture.
pub(crate) const REST: Duration = Duration::from_millis(120);

/// The window's side.
pub struct Painter {
    inbox: Arc<Inbox>,
    news: Receiver<News>,
    context: egui::Context,
    wished: u64,
    ended: bool,
}

/// What the painter tells.
pub(crate) enum News {
    /// The network is on the device.
    Ready(Facts),
    /// A picture is in its texture.
    Drawn(Shown),
    /// Something did not work; the next wish may.
    Trouble(ViewError),
    /// Its thread is no more.
    Ended,
}

/// What is known of a network on a device.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The adapter.
    pub device: String,
    /// Element type of activations.
    pub dtype: DType,
    /// Bytes on the device.
    pub memory: u64,
    /// Whether a processor plays a GPU.
    pub software: bool,
}

/// A picture on the device.
#[derive(Clone)]
pub struct Shown {
    /// Its texture.
    pub canvas: Arc<Canvas>,
    /// Which wish, counted from 1.
    pub number: u64,
    /// A lower resolution than the network's.
    pub preview: bool,
    /// From the wish to the picture.
    pub took: Duration,
}

/// A texture that the engine draws into and egui shows.
pub struct Canvas {
    render: RenderState,
    /// Of bytes as they are, which is how egui blends.
    pub texture: wgpu::Texture,
    /// What egui calls it.
    pub id: egui::TextureId,
}

impl Canvas {
    pub(crate) fn new(render: &RenderState, (height, width): (usize, usize), smooth: bool) -> Canvas {
        let usages = wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_SRC;
        let texture = render.device.create_texture(&wgpu::TextureDescriptor {
            label: Some("picture"),
            size: wgpu::Extent3d { width: width as u32, height: height as u32, depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: wgpu::TextureFormat::Rgba8Unorm,
            usage: usages,
            view_formats: &[],
        });
        let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
        // A whole picture is enlarged pixel by pixel, so that each can be told from its neighbours.
        let sampler = wgpu::SamplerDescriptor {
            label: Some("picture"),
            mag_filter: if smooth { wgpu::FilterMode::Linear } else { wgpu::FilterMode::Nearest },
            min_filter: wgpu::FilterMode::Linear,
            ..Default::default()
        };
        let id = render.renderer.write().register_native_texture_with_sampler_options(&render.device, &view, sampler);
        Canvas { render: render.clone(), texture, id }
    }

    /// Height and width.
    pub fn size(&self) -> (usize, usize) {
        (self.texture.height() as usize, self.texture.width() as usize)
    }
}

impl Drop for Canvas {
    fn drop(&mut self) {
        self.render.renderer.write().free_texture(&self.id);
    }
}

/// A wish on its way.
pub(crate) struct Wished {
    pub(crate) number: u64,
    pub(crate) wish: Wish,
    pub(crate) since: Instant,
}

type Work = Box<dyn FnOnce(&mut Hand) + Send>;

/// What waits for the painter.
#[derive(Default)]
pub(crate) struct Inbox {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    /// f32 bits: how far the network is on its way to the device.
    progress: AtomicU32,
}

#[derive(Default)]
struct Waiting {
    wish: Option<Wished>,
    works: VecDeque<Work>,
    closed: bool,
}

enum Next {
    Wish(Wished),
    /// No wish has come for a while.
    Rest,
    Work(Work),
    Closed,
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is a newer wish, as it is for so long, or nobody who looks.
    pub(crate) fn overtaken(&self, rested: Duration) -> bool {
        let waiting = self.lock();
        waiting.wish.as_ref().is_some_and(|wished| wished.since.elapsed() >= rested) || waiting.closed
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    pub(crate) fn take_wish(&self) -> Option<Wished> {
        self.lock().wish.take()
    }

    /// Waits for what comes next. Wishes first; a whole picture that is owed next; then other work.
    fn next(&self, owed: Option<Instant>) -> Next {
        let mut waiting = self.lock();
        loop {
            if waiting.closed {
                return Next::Closed;
            }
            if let Some(wished) = waiting.wish.take() {
                return Next::Wish(wished);
            }
            let left = owed.map(|since| REST.saturating_sub(since.elapsed()));
            if left.is_some_and(|left| left.is_zero()) {
                return Next::Rest;
            }
            waiting = match left {
                Some(left) => self.arrived.wait_timeout(waiting, left).unwrap_or_else(PoisonError::into_inner).0,
                None => match waiting.works.pop_front() {
                    Some(work) => return Next::Work(work),
                    None => self.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner),
                },
            };
        }
    }
}

impl Painter {
    /// Begins to put a network on the window's device.
    pub(crate) fn new(render: &RenderState, context: &egui::Context, network: Arc<Network>, options: Options) -> Painter {
        let (sender, news) = channel();
        let inbox: Arc<Inbox> = Arc::default();
        let (theirs, render, told) = (inbox.clone(), render.clone(), context.clone());
        thread::spawn(move || {
            let teller = Teller { sender, context: told };
            match hand(&render, network, &options, theirs.clone(), &teller) {
                Ok(Some(hand)) => run(hand, &theirs),
                Ok(None) => {}
                Err(error) => teller.tell(News::Trouble(error)),
            }
        });
        Painter { inbox, news, context: context.clone(), wished: 0, ended: false }
    }

    /// Wishes for another picture; whatever was wished before and is not begun is forgotten. Gives its number.
    pub(crate) fn wish(&mut self, wish: &Wish) -> u64 {
        self.wished += 1;
        self.inbox.lock().wish = Some(Wished { number: self.wished, wish: wish.clone(), since: Instant::now() });
        self.inbox.arrived.notify_all();
        self.wished
    }

    /// Has other work done on the painter's thread, when there is no picture to draw: one picture at a time, so that wishes come between.
    pub fn order<T: Send + 'static>(
        &self,
        label: impl Into<String>,
        work: impl FnOnce(&mut Hand, &Reporter) -> Result<T, ViewError> + Send + 'static,
    ) -> Task<T> {
        let (task, run) = Task::new(label, &self.context, work);
        self.inbox.lock().works.push_back(Box::new(run));
        self.inbox.arrived.notify_all();
        task
    }

    /// What it tells next, if anything.
    pub(crate) fn try_news(&mut self) -> Option<News> {
        match self.news.try_recv() {
            Ok(news) => Some(news),
            Err(TryRecvError::Empty) => None,
            // Said once: its end is told by itself, but of a bug.
            Err(TryRecvError::Disconnected) => (!std::mem::replace(&mut self.ended, true)).then_some(News::Ended),
        }
    }

    /// How far the network is on its way to the device, from 0 to 1.
    pub fn progress(&self) -> f32 {
        f32::from_bits(self.inbox.progress.load(Ordering::Relaxed))
    }
}

impl Drop for Painter {
    fn drop(&mut self) {
        self.inbox.lock().closed = true;
        self.inbox.arrived.notify_all();
    }
}

/// How the painter's thread tells the window.
#[derive(Clone)]
pub(crate) struct Teller {
    sender: Sender<News>,
    context: egui::Context,
}

impl Teller {
    pub(crate) fn tell(&self, news: News) {
        // Fails where the window has another painter by now.
        let _ = self.sender.send(news);
        self.context.request_repaint();
    }
}

/// Puts the network on the device; none when nobody wants it any more.
fn hand(
    render: &RenderState,
    network: Arc<Network>,
    options: &Options,
    inbox: Arc<Inbox>,
    teller: &Teller,
) -> Result<Option<Hand>, ViewError> {
    let gpu = Gpu::from_host(&render.adapter, render.device.clone(), render.queue.clone())?;
    let mut building = Generator::build(&gpu, &network.model, options);
    let generator = loop {
        if let Some(generator) = building.try_take() {
            break generator?;
        }
        if inbox.is_closed() {
            return Ok(None);
        }
        inbox.progress.store(building.progress().to_bits(), Ordering::Relaxed);
        teller.context.request_repaint();
        thread::sleep(Duration::from_millis(10));
    };
    let facts = Facts {
        device: gpu.name().to_owned(),
        dtype: generator.dtype(),
        memory: generator.memory(),
        software: gpu.info().device_type == wgpu::DeviceType::Cpu,
    };
    let hand = Hand::new(blocking::Generator::from(generator), network, render.clone(), inbox, teller.clone(), facts.software);
    teller.tell(News::Ready(facts));
    Ok(Some(hand))
}

fn run(mut hand: Hand, inbox: &Inbox) {
    loop {
        match inbox.next(hand.owed_since()) {
            Next::Closed => return,
            Next::Work(work) => work(&mut hand),
            Next::Wish(wished) => hand.answer(wished),
            Next::Rest => hand.settle(),
        }
    }
}

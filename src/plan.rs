//! A forward pass as data. Networks append passes to a [`Plan`]; nothing touches a GPU until an
//! [`Executor`](crate::executor::Executor) resolves it, so a plan can be dumped, counted and run on the CPU twins.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::kernel::Kernel;
use crate::memory::{self, Lifetime, Slots};
use crate::tensor::{DType, Layout, Pack, Tensor};

/// Loads the natural values of a constant; called once per device, or by the CPU twins.
pub type Load = Arc<dyn Fn() -> Vec<f32> + Send + Sync>;

/// Where a tensor of a plan comes from.
#[derive(Clone)]
pub enum Origin {
    /// Written before every run by the host (z, ws, random noise).
    Input,
    /// Fixed: weights and tables. Plans that use the same name share the buffer.
    Constant(Load),
    /// Written by that pass.
    Pass(usize),
}

/// What a plan knows of a tensor.
#[derive(Clone)]
pub struct Entry {
    /// A name for messages: `ws`, `b8.conv0.weight`, `b8.conv0`.
    pub name: String,
    /// Its handle.
    pub tensor: Tensor,
    /// Where it comes from.
    pub origin: Origin,
    /// Read by the host after the run.
    pub tapped: bool,
}

/// Which rows of a slab a band of the pass's rows touches: `[y * num / den + low, (y + rows) * num / den + high)`.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Rows of the slab ...
    pub num: usize,
    /// ... per rows of the pass.
    pub den: usize,
    /// Rows before the band, negative.
    pub low: isize,
    /// Rows after it.
    pub high: isize,
}

impl Window {
    /// As many rows as the pass, and `halo` more on both sides.
    pub const fn same(halo: isize) -> Window {
        Window { num: 1, den: 1, low: -halo, high: halo }
    }

    /// The rows `[first, last)` of a slab with `height` rows and `border`, counted without the border.
    pub fn rows(&self, y: usize, rows: usize, height: usize, border: usize) -> (isize, isize) {
        let clip = |row: isize| row.clamp(-(border as isize), (height + border) as isize);
        let (num, den) = (self.num, self.den);
        (clip((y * num / den) as isize + self.low), clip(((y + rows) * num).div_ceil(den) as isize + self.high))
    }
}

/// The rows and images a pass runs over; when tensors are larger than a binding, a pass runs as several bands.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
pub struct Band {
    /// First row.
    pub y: u32,
    /// Number of rows.
    pub rows: u32,
    /// First image.
    pub n: u32,
    /// Number of images.
    pub images: u32,
}

/// One dispatch: a kernel, its parameters, what it reads and what it writes.
#[derive(Clone)]
pub struct Pass {
    /// `b1024.conv0`: the name in profiles, errors and tests.
    pub label: String,
    /// What runs.
    pub kernel: &'static Kernel,
    /// The kernel's own parameters; bands and slabs are put before them.
    pub params: Vec<u8>,
    /// Values of `override` constants.
    pub constants: Vec<(&'static str, f64)>,
    /// In the order of the bindings 1, 2, ...
    pub reads: Vec<Tensor>,
    /// The last binding.
    pub write: Tensor,
    /// For each slab among reads and write: which rows a band touches. Empty for passes without slabs.
    pub windows: Vec<Window>,
    /// Element type of activations and weights: picks the shader's prelude.
    pub dtype: DType,
    /// All rows and images.
    pub domain: Band,
    /// Columns the grid covers.
    pub columns: usize,
    /// Floating-point operations (a multiply-add is two).
    pub flops: u64,
}

/// A forward pass: tensors and passes, in the order of execution.
#[derive(Clone, Default)]
pub struct Plan {
    /// All tensors; a [`Tensor`]'s id is its index.
    pub entries: Vec<Entry>,
    /// All passes.
    pub passes: Vec<Pass>,
}

impl Plan {
    /// An empty plan.
    pub fn new() -> Plan {
        Plan::default()
    }

    /// A tensor the host writes before a run.
    pub fn input(&mut self, name: &str, shape: [usize; 4], dtype: DType, layout: Layout) -> Tensor {
        self.add(name.to_string(), shape, dtype, layout, Origin::Input)
    }

    /// A fixed tensor; `load` yields its natural values.
    pub fn constant(&mut self, name: &str, shape: [usize; 4], dtype: DType, layout: Layout, load: Load) -> Tensor {
        self.add(name.to_string(), shape, dtype, layout, Origin::Constant(load))
    }

    /// Weights in the order their kernel wants.
    pub fn packed(&mut self, name: &str, shape: [usize; 4], dtype: DType, pack: Pack, len: usize, load: Load) -> Tensor {
        self.constant(name, shape, dtype, Layout::Packed { pack, len }, load)
    }

    /// Makes a tensor readable after the run: its buffer is its own until the end.
    pub fn tap(&mut self, tensor: Tensor) {
        self.entries[tensor.id].tapped = true;
    }

    /// Looks a tensor up by its name; the one written last when several share it.
    pub fn find(&self, name: &str) -> Option<Tensor> {
        self.entries.iter().rev().find(|entry| entry.name == name).map(|entry| entry.tensor)
    }

    /// Appends a pass that writes a new tensor of that shape, type and layout.
    #[track_caller]
    pub(crate) fn push(&mut self, pass: NewPass<'_>) -> Tensor {
        let index = self.passes.len();
        let slabs = pass.reads.iter().filter(|tensor| tensor.is_slab()).count() + usize::from(matches!(pass.layout, Layout::Slab { .. }));
        assert_eq!(slabs, pass.windows.len(), "{}: every slab needs its window", pass.label);
        let write = self.add(pass.label.to_string(), pass.shape, pass.write_dtype, pass.layout, Origin::Pass(index));
        self.passes.push(Pass {
            label: pass.label.to_string(),
            kernel: pass.kernel,
            params: pass.params.to_vec(),
            constants: pass.constants.to_vec(),
            reads: pass.reads.to_vec(),
            write,
            windows: pass.windows.to_vec(),
            dtype: pass.dtype,
            domain: Band { y: 0, rows: pass.rows as u32, n: 0, images: pass.shape[0] as u32 },
            columns: pass.columns,
            flops: pass.flops,
        });
        write
    }

    fn add(&mut self, name: String, shape: [usize; 4], dtype: DType, layout: Layout, origin: Origin) -> Tensor {
        let tensor = Tensor { id: self.entries.len(), shape, dtype, layout };
        self.entries.push(Entry { name, tensor, origin, tapped: false });
        tensor
    }

    /// Which intermediate tensors share a buffer: the ids, and their slots.
    pub fn slots(&self) -> (Vec<usize>, Slots) {
        let ids: Vec<usize> = (0..self.entries.len()).filter(|&id| matches!(self.entries[id].origin, Origin::Pass(_))).collect();
        let lifetimes: Vec<Lifetime> = ids
            .iter()
            .map(|&id| {
                let Origin::Pass(first) = self.entries[id].origin else { unreachable!("filtered above") };
                let read = self.passes.iter().rposition(|pass| pass.reads.iter().any(|tensor| tensor.id == id));
                let last = if self.entries[id].tapped { self.passes.len() } else { read.unwrap_or(first) };
                Lifetime { first, last, bytes: self.entries[id].tensor.bytes() }
            })
            .collect();
        let slots = memory::assign(&lifetimes);
        (ids, slots)
    }

    /// One of the passes as a plan of its own, over an image of its first `rows` rows; what it reads are inputs.
    pub(crate) fn alone(&self, pass: &Pass, rows: u32) -> Plan {
        let missing = (pass.domain.rows - rows) as usize;
        let mut windows = pass.windows.iter();
        let mut shorter = |tensor: &Tensor| {
            let mut shape = tensor.shape;
            if let Some(window) = tensor.is_slab().then(|| windows.next().expect("every slab has its window")) {
                shape[2] -= if shape[2] > 1 { missing * window.num / window.den } else { 0 };
            }
            shape
        };
        let mut plan = Plan::new();
        let mut input = |tensor: &Tensor| plan.input(&self.entries[tensor.id].name, shorter(tensor), tensor.dtype, tensor.layout);
        let reads: Vec<Tensor> = pass.reads.iter().map(&mut input).collect();
        let shape = shorter(&pass.write);
        let write = plan.add(pass.label.clone(), shape, pass.write.dtype, pass.write.layout, Origin::Pass(0));
        let flops = pass.flops * u64::from(rows) / u64::from(pass.domain.rows);
        plan.passes.push(Pass { reads, write, domain: Band { rows, ..pass.domain }, flops, ..pass.clone() });
        plan
    }

    /// Floating-point operations of a run.
    pub fn flops(&self) -> u64 {
        self.passes.iter().map(|pass| pass.flops).sum()
    }

    /// Bytes a pass reads and writes when every operand moves once.
    pub fn traffic(&self, pass: &Pass) -> u64 {
        pass.reads.iter().chain([&pass.write]).map(|tensor| tensor.bytes() as u64).sum()
    }

    /// A table of all passes: label, kernel, output shape, GFLOP, MB.
    pub fn dump(&self) -> String {
        let mut text = String::new();
        for pass in &self.passes {
            let _ = writeln!(
                text,
                "{:<24} {:<24} {:>22} {:>9.3} GFLOP {:>9.2} MB",
                pass.label,
                pass.kernel.name,
                format!("{:?}", pass.write.shape),
                pass.flops as f64 / 1e9,
                self.traffic(pass) as f64 / 1e6
            );
        }
        text
    }
}

/// What a kernel's Plan method says of its pass.
pub(crate) struct NewPass<'a> {
    pub(crate) label: &'a str,
    pub(crate) kernel: &'static Kernel,
    pub(crate) params: &'a [u8],
    pub(crate) constants: &'a [(&'static str, f64)],
    pub(crate) reads: &'a [Tensor],
    pub(crate) windows: &'a [Window],
    /// Element type of activations and weights.
    pub(crate) dtype: DType,
    /// Of the tensor written.
    pub(crate) shape: [usize; 4],
    pub(crate) write_dtype: DType,
    pub(crate) layout: Layout,
    /// The grid: rows (split into bands) and columns.
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) flops: u64,
}

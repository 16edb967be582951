//! All that a file holds, by the way to it: `g_ema.conv1.conv.weight`, whatever nest of dicts, lists, modules and state dicts the
//! file is. A module is seen through its parameters, buffers and children, as its state_dict would name them.

use std::collections::{BTreeMap, HashSet};

use super::error::{ConvertError, Result};
use super::find;
use super::globals::{self, Global};
use super::torch::Checkpoint;
use super::value::{Id, Value};

/// Most values looked at; a genuine checkpoint with its optimisers has about 20,000. References can make the same dict appear in
/// any number of places.
const MOST_VALUES: usize = 1 << 19;

/// Bytes of all names together, at most; those of a genuine file are below 1 MiB.
const MOST_NAME_BYTES: usize = 16 << 20;

/// Steps that wrappers put into the middle of a way.
const WRAPPERS: [&str; 5] = ["module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_forward_module"];

/// Longest way to a value. Genuine ones stay below 120 bytes; a dict that contains itself ends here.
const LONGEST_PATH: usize = 300;

/// What a file holds.
#[derive(Clone)]
pub(crate) struct Nest<'c> {
    pub(crate) checkpoint: &'c Checkpoint<'c>,
    /// Tensors and arrays, and whatever else stands where a module keeps its parameters and buffers.
    pub(crate) tensors: BTreeMap<String, Id>,
    /// Each module's `__dict__`.
    pub(crate) modules: BTreeMap<String, Id>,
    /// Class names of NVIDIA's modules.
    pub(crate) classes: BTreeMap<String, String>,
    /// Networks of NVIDIA's TensorFlow code.
    pub(crate) networks: BTreeMap<String, Id>,
    /// Whatever is called the average w.
    pub(crate) averages: BTreeMap<String, Id>,
}

impl<'c> Nest<'c> {
    pub(crate) fn read(checkpoint: &'c Checkpoint<'c>) -> Result<Nest<'c>> {
        let empty = BTreeMap::new;
        let mut nest =
            Nest { checkpoint, tensors: empty(), modules: empty(), classes: BTreeMap::new(), networks: empty(), averages: empty() };
        nest.walk()?;
        Ok(nest)
    }

    /// Without recursion, and bounded, whatever refers to whatever.
    fn walk(&mut self) -> Result<()> {
        let pickle = &self.checkpoint.pickle;
        let budget = &pickle.budget;
        let (mut values, mut name_bytes) = (MOST_VALUES, MOST_NAME_BYTES);
        let too_large =
            || ConvertError::TooLarge("the values of this file refer to each other without end; no genuine checkpoint's do".into());
        // Objects that are no modules may refer to each other in circles: each is opened once.
        let mut opened = HashSet::new();
        let mut todo = vec![(String::new(), pickle.root)];
        while let Some((path, id)) = todo.pop() {
            let mut children: Vec<(String, Id)> = Vec::new();
            // A key without a name is one all the same: nothing of a file is out of sight.
            let named = |(index, (key, value)): (usize, &(Id, Id))| (pickle.key(*key).unwrap_or_else(|| format!("[{index}]")), *value);
            if self.checkpoint.is_tensor(id) {
                self.tensors.insert(path, id);
                continue;
            }
            match (pickle.value(id), pickle.class(id)) {
                (_, Some(Global::TfNetwork)) => {
                    self.networks.insert(path, id);
                    continue;
                }
                (Value::Object(object), _) => match self.state(id).filter(|&state| is_module(self.checkpoint, state)) {
                    Some(state) => {
                        let parameters = self.module(&path, id, state, &mut children)?;
                        values = values.checked_sub(parameters).ok_or_else(too_large)?;
                        self.modules.insert(path.clone(), state);
                    }
                    None if opened.insert(id) => {
                        let entries = pickle.entries(id).unwrap_or_default();
                        let state = object.state.and_then(|state| pickle.entries(state)).unwrap_or_default();
                        values = values.checked_sub(entries.len() + state.len()).ok_or_else(too_large)?;
                        children.extend(entries.iter().chain(state.iter()).enumerate().map(named));
                        let args = pickle.items(object.args).unwrap_or_default();
                        // Classes with slots or a __getstate__ of their own have a tuple or a list.
                        let parts = object.state.and_then(|state| pickle.items(state)).unwrap_or_default();
                        let items = args.iter().chain(&object.items).chain(parts);
                        values = values.checked_sub(args.len() + object.items.len() + parts.len()).ok_or_else(too_large)?;
                        children.extend((0..).map(|i: usize| i.to_string()).zip(items.copied()));
                    }
                    None => {}
                },
                (Value::Dict(entries), _) => children.extend(entries.iter().enumerate().map(named)),
                (Value::Tuple(_) | Value::List(_), _) => {
                    let items = pickle.items(id).unwrap_or_default();
                    if !items.iter().all(|&item| matches!(pickle.value(item), Value::Float(_) | Value::Int(_))) {
                        children.extend((0..).map(|i: usize| i.to_string()).zip(items.iter().copied()));
                    }
                }
                _ => {}
            }
            values = values.checked_sub(children.len()).ok_or_else(too_large)?;
            budget.work(children.len())?;
            for (name, value) in children {
                if find::is_average_w(&name) && !pickle.is_none(value) {
                    self.averages.insert(join(&path, &name), value);
                }
                // Plain values hold no tensors: they need no path.
                if !matches!(pickle.value(value), Value::Object(_) | Value::Dict(_) | Value::Tuple(_) | Value::List(_)) {
                    continue;
                }
                let path = join(&path, &name);
                budget.memory(2 * path.len())?;
                name_bytes = name_bytes.checked_sub(path.len()).ok_or_else(too_large)?;
                if path.len() <= LONGEST_PATH {
                    todo.push((path, value));
                }
            }
        }
        Ok(())
    }

    /// A module's children go to the list; its parameters and buffers are tensors, whatever they look like. How many of them there are:
    /// the same module may be in any number of places.
    fn module(&mut self, path: &str, id: Id, state: Id, children: &mut Vec<(String, Id)>) -> Result<usize> {
        let pickle = &self.checkpoint.pickle;
        if let Some((Global::PersistentObject, &[meta])) = pickle.call(id)
            && let Some(name) = pickle.get(meta, "class_name").and_then(|name| pickle.name(name))
        {
            self.classes.insert(path.to_owned(), name.into_owned());
        }
        let mut count = 0;
        for key in ["_parameters", "_buffers", "_modules"] {
            let Some(entries) = pickle.get(state, key).and_then(|dict| pickle.entries(dict)) else { continue };
            pickle.budget.work(entries.len())?;
            for &(name, value) in entries.iter() {
                let Some(name) = pickle.name(name).filter(|_| !pickle.is_none(value)) else { continue };
                match key {
                    "_modules" => children.push((name.into_owned(), value)),
                    _ if path.len() + name.len() > LONGEST_PATH => return Err(ConvertError::malformed("modules nested without end")),
                    _ => {
                        let path = join(path, &name);
                        pickle.budget.memory(2 * path.len())?;
                        if find::is_average_w(&name) {
                            self.averages.insert(path.clone(), value);
                        }
                        self.tensors.insert(path, value);
                        count += 1;
                    }
                }
            }
        }
        Ok(count)
    }

    /// The `__dict__` of an object, of NVIDIA's as of others.
    fn state(&self, id: Id) -> Option<Id> {
        let pickle = &self.checkpoint.pickle;
        match pickle.call(id) {
            Some((Global::PersistentObject, &[meta])) => pickle.get(meta, "state"),
            _ => pickle.state(id),
        }
    }

    /// The same nest without the steps that wrappers put into the middle of a way (`synthesis._orig_mod.b4`), if there are any and no two
    /// tensors become one.
    pub(crate) fn unwrapped(&self) -> Result<Option<Nest<'c>>> {
        let plain = |path: &String| {
            let steps = path.split('.').filter(|step| !WRAPPERS.contains(step));
            let named = steps.map(|step| match step {
                // Networks that were saved as two.
                "G_mapping" => "mapping",
                "G_synthesis" => "synthesis",
                step => step,
            });
            named.collect::<Vec<_>>().join(".")
        };
        fn renamed<T: Clone>(map: &BTreeMap<String, T>, plain: impl Fn(&String) -> String) -> BTreeMap<String, T> {
            map.iter().map(|(path, value)| (plain(path), value.clone())).collect()
        }
        let is_step = |step: &str| WRAPPERS.contains(&step) || matches!(step, "G_mapping" | "G_synthesis");
        if !self.tensors.keys().any(|name| name.split('.').any(is_step)) {
            return Ok(None);
        }
        let names = self.tensors.keys().map(|name| 2 * name.len() + 64).sum();
        self.checkpoint.pickle.budget.memory(names)?;
        let tensors = renamed(&self.tensors, plain);
        if tensors.len() < self.tensors.len() {
            return Ok(None);
        }
        let (modules, averages) = (renamed(&self.modules, plain), renamed(&self.averages, plain));
        let (classes, networks) = (renamed(&self.classes, plain), self.networks.clone());
        Ok(Some(Nest { checkpoint: self.checkpoint, tensors, modules, classes, networks, averages }))
    }

    /// What stands where a way leads to, for an error; `None` when there is nothing.
    pub(crate) fn describe(&self, path: &str) -> Option<String> {
        let pickle = &self.checkpoint.pickle;
        let (module, name) = path.rsplit_once('.').unwrap_or(("", path));
        let leaf = |part: &str| pickle.get(pickle.get(*self.modules.get(module)?, part)?, name);
        if let Some(id) = self.tensors.get(path).copied().or_else(|| leaf("_parameters")).or_else(|| leaf("_buffers")) {
            return Some(self.checkpoint.describe(id));
        }
        let (mut id, mut rest) = (pickle.root, path);
        // Each turn uses up a part of the way, or one of a few wrappers.
        let mut wrappers = WRAPPERS.len();
        while !rest.is_empty() {
            let inner = pickle.state(id).filter(|&state| pickle.entries(state).is_some()).unwrap_or(id);
            let entries = pickle.entries(inner)?;
            let left = |name: &str| rest.strip_prefix(name).filter(|left| left.is_empty() || left.starts_with('.'));
            // Names may have points of their own: the longest one counts.
            let named = entries.iter().filter_map(|(key, value)| Some((left(&pickle.key(*key)?)?, *value)));
            if let Some((left, value)) = named.min_by_key(|(left, _)| left.len()) {
                (id, rest) = (value, left.strip_prefix('.').unwrap_or(left));
                continue;
            }
            wrappers = wrappers.checked_sub(1)?;
            id = WRAPPERS.iter().find_map(|wrapper| pickle.get(inner, wrapper))?;
        }
        Some(self.checkpoint.describe(id))
    }

    /// The first names of what the file holds, for a refusal.
    pub(crate) fn first_names(&self) -> String {
        let mut names: Vec<&str> = Vec::new();
        for name in self.tensors.keys().chain(self.networks.keys()) {
            // One of each branch says more than four layers of one.
            let branch = |name: &str| name.split('.').next().map(str::to_owned);
            if names.last().is_none_or(|last| branch(last) != branch(name)) {
                names.push(name);
            }
        }
        let count = self.tensors.len();
        let first = names.iter().take(4).copied().collect::<Vec<_>>().join(", ");
        match count {
            0 => "no tensors".to_owned(),
            _ => format!(
                "{count} tensor{} ({first}{})",
                if count == 1 { "" } else { "s" },
                if count > names.len().min(4) { ", ..." } else { "" }
            ),
        }
    }

    /// A global in the file that in Python would run what the file says.
    pub(crate) fn code(&self) -> Option<String> {
        self.checkpoint.pickle.values.iter().find_map(|value| match value {
            Value::Global(global) if global.kind == Global::Opaque && globals::is_code(&global.module, &global.name) => {
                Some(format!("{}.{}", global.module, global.name))
            }
            _ => None,
        })
    }
}

/// Whether a `__dict__` is a PyTorch module's.
fn is_module(checkpoint: &Checkpoint<'_>, state: Id) -> bool {
    ["_parameters", "_buffers", "_modules"].iter().filter(|key| checkpoint.pickle.get(state, key).is_some()).count() >= 2
}

fn join(path: &str, name: &str) -> String {
    match path {
        "" => name.to_owned(),
        _ => format!("{path}.{name}"),
    }
}

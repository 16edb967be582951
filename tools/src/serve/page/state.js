// What is shown, and how it is told: as a request, as an address and in words.

export const MOST_SEED = 4294967295;

export const state = {};
// What the server says of the network.
export const facts = {};

export const anySeed = () => crypto.getRandomValues(new Uint32Array(1))[0];
export const all = () => Array.from({ length: facts.num_ws }, (_, layer) => layer);

// Where in its plane a StyleGAN3 draws: picture sides to the right and down, degrees, times as large.
const HERE = { x: 0, y: 0, rotate: 0, zoom: 1 };
export const PLACE = Object.keys(HERE);
const REACH = { x: [-2, 2], y: [-2, 2], rotate: [-180, 180], zoom: [0.25, 4] };

// All settings but seeds, as they are when nobody has touched them.
export const usual = () => ({
  trunc: facts.trunc,
  cutoff: facts.num_ws,
  class: 0,
  noise: "const",
  noise_seed: 0,
  mode: "one",
  layers: all().slice(Math.floor(facts.num_ws / 3)),
  t: 0.5,
  moves: Array(facts.directions).fill(0),
  ...HERE,
});

// The request for what the state says; `more` overrides it.
export function target(more = {}) {
  const it = { ...state, ...more };
  const query = new URLSearchParams({ seed: it.seed, trunc: it.trunc });
  let path = "/image";
  if (it.cutoff < facts.num_ws) query.set("cutoff", it.cutoff);
  if (steps(it.moves)) query.set("moves", steps(it.moves));
  if (it.mode === "mix" && it.layers.length) {
    path = "/mix";
    query.set("with", it.other);
    query.set("layers", ranges(it.layers));
  } else if (it.mode === "morph") {
    path = "/morph";
    query.set("to", it.other);
    query.set("t", it.t);
  }
  if (facts.classes) query.set("class", it.class);
  apart(query, it);
  if (it.size) query.set("size", it.size);
  if (it.format) query.set("format", it.format);
  query.set("network", facts.network);
  return `${path}?${query}`;
}

// The request that rows of w are posted to: of all settings, noise and place are not in them.
export function posting(format) {
  const query = new URLSearchParams({ network: facts.network });
  apart(query, state);
  if (format) query.set("format", format);
  return `/image?${query}`;
}

// What is not in rows of w.
function apart(query, it) {
  if (it.noise !== "const") query.set("noise", it.noise);
  if (it.noise === "random") query.set("noise_seed", it.noise_seed);
  if (it.x || it.y) query.set("translate", `${it.x},${it.y}`);
  if (it.rotate) query.set("rotate", it.rotate);
  if (it.zoom !== 1) query.set("zoom", it.zoom);
}

// Whether a change leaves rows of w what they are.
export const isApart = (change) => Object.keys(change).some((name) => name === "noise" || name in HERE);

// Steps along directions as the server reads them, without those that are none.
export const steps = (moves) => moves.map((step, i) => `${i}:${step}`).filter((_, i) => moves[i]).join(",");

// Layers as the server reads them, 0-3,7.
export function ranges(layers) {
  const parts = [];
  for (const layer of layers) {
    const last = parts.at(-1);
    if (last?.[1] === layer - 1) last[1] = layer;
    else parts.push([layer, layer]);
  }
  return parts.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(",");
}

// The layers of such a text that the network has.
export function listed(text) {
  const parts = text.split(",").map((part) => /^(\d+)(?:-(\d+))?$/.exec(part)).filter(Boolean);
  return all().filter((layer) => parts.some(([, first, last]) => layer >= first && layer <= (last ?? first)));
}

// What is shown, and what was changed from the usual; `file` has rows of w, where they are shown instead of a seed.
export function describe(file) {
  const said = file ? [`rows of w of ${file}`] : ofSeed();
  if (state.noise === "none") said.push("no noise");
  if (state.noise === "random") said.push(`noise ${state.noise_seed}`);
  if (state.x || state.y) said.push(`moved by ${state.x}, ${state.y}`);
  if (state.rotate) said.push(`turned by ${state.rotate}\u00b0`);
  if (state.zoom !== 1) said.push(`${state.zoom} times as large`);
  return said.join(", ");
}

function ofSeed() {
  const said = [`seed ${state.seed}`];
  if (state.mode === "mix") said.push(state.layers.length ? `layers ${ranges(state.layers)} of seed ${state.other}` : `nothing of seed ${state.other}`);
  if (state.mode === "morph") said.push(`${Math.round(100 * state.t)} % of the way to seed ${state.other}`);
  if (facts.classes) said.push(`class ${state.class}`);
  if (state.trunc !== facts.trunc) said.push(`truncation ${state.trunc}`);
  if (state.cutoff < facts.num_ws) said.push(state.cutoff ? `layers 0-${state.cutoff - 1} truncated` : "no layer truncated");
  state.moves.forEach((step, i) => step && said.push(`${nameOf(i)} ${step > 0 ? "+" : "\u2212"}${Math.abs(step)} \u03c3`));
  return said;
}

export const nameOf = (direction) => facts.direction_names[direction];

// The address has what differs from the usual, and the seed always.
export function address() {
  const query = new URLSearchParams({ seed: state.seed });
  if (facts.several) query.set("network", facts.name);
  if (state.trunc !== facts.trunc) query.set("trunc", state.trunc);
  if (state.cutoff < facts.num_ws) query.set("cutoff", state.cutoff);
  if (steps(state.moves)) query.set("moves", steps(state.moves));
  if (facts.classes) query.set("class", state.class);
  apart(query, state);
  if (state.mode !== "one") {
    query.set("mode", state.mode);
    query.set("other", state.other);
    query.set(state.mode === "mix" ? "layers" : "t", state.mode === "mix" ? ranges(state.layers) : state.t);
  }
  return `${location.pathname}?${query}`;
}

// The number of a text; undefined where it is none, or out of its bounds.
function bounded(text, least, most, whole) {
  const value = text ? Number(text) : NaN;
  return value >= least && value <= most && (!whole || Number.isInteger(value)) ? value : undefined;
}

// Reads an address; what makes no sense there is as if it was not there.
export function read(search) {
  const query = new URLSearchParams(search);
  const number = (name, least, most, usual, whole = true) => bounded(query.get(name), least, most, whole) ?? usual;
  const among = (name, values) => (values.includes(query.get(name)) ? query.get(name) : values[0]);
  const before = usual();
  const moves = before.moves;
  for (const [, i, step] of (query.get("moves") ?? "").matchAll(/(\d+):(-?[\d.]+)/g))
    if (i in moves && Math.abs(step) <= 20) moves[i] = Number(step);
  Object.assign(state, {
    moves,
    seed: number("seed", 0, MOST_SEED, anySeed()),
    trunc: number("trunc", -2, 2, before.trunc, false),
    cutoff: number("cutoff", 0, facts.num_ws, before.cutoff),
    class: number("class", 0, facts.classes - 1, 0),
    noise: among("noise", ["const", "none", "random"]),
    noise_seed: number("noise_seed", 0, MOST_SEED, 0),
    mode: among("mode", ["one", "mix", "morph"]),
    other: number("other", 0, MOST_SEED, anySeed()),
    layers: query.has("layers") ? listed(query.get("layers")) : before.layers,
    t: number("t", 0, 1, before.t, false),
    ...HERE,
  });
  if (!facts.has_place) return;
  const [x, y] = (query.get("translate") ?? "").split(",");
  for (const [name, text] of Object.entries({ x, y, rotate: query.get("rotate"), zoom: query.get("zoom") }))
    state[name] = bounded(text, ...REACH[name], false) ?? HERE[name];
}


// The page of `stylegan serve`. What is shown is decided by `state`, which the address has too, so that a face can be shared.

const $ = (id) => document.getElementById(id);
const MOST_SEED = 4294967295;
const MOST_HISTORY = 40;
const FRAMES = 20;

const state = { seed: 0, trunc: 1, noise: "const", noise_seed: 0, class: 0, mode: "one", other: 0, layer: 0, t: 0.5, moves: [] };
let facts;
let newest = new AbortController();
let shown;
let past = [];
let place = -1;
let playing = null;

const anySeed = () => crypto.getRandomValues(new Uint32Array(1))[0];

// The request for what the state says; `more` overrides it.
function target(more = {}) {
  const it = { ...state, ...more };
  const query = new URLSearchParams({ seed: it.seed, trunc: it.trunc });
  let path = "/image";
  if (steps(it.moves)) query.set("moves", steps(it.moves));
  if (it.mode === "mix" && it.layer < facts.num_ws) {
    path = "/mix";
    query.set("with", it.other);
    query.set("layers", `${it.layer}-${facts.num_ws - 1}`);
  } else if (it.mode === "morph") {
    path = "/morph";
    query.set("to", it.other);
    query.set("t", it.t);
  }
  if (facts.classes) query.set("class", it.class);
  if (it.noise !== "const") query.set("noise", it.noise);
  if (it.noise === "random") query.set("noise_seed", it.noise_seed);
  if (it.size) query.set("size", it.size);
  if (it.format) query.set("format", it.format);
  query.set("network", facts.network);
  return `${path}?${query}`;
}

// Steps along directions as the server reads them, without those that are none.
const steps = (moves) => moves.map((step, i) => `${i}:${step}`).filter((_, i) => moves[i]).join(",");

const wait = (ms, signal) =>
  new Promise((done, stop) => {
    setTimeout(done, ms);
    signal?.addEventListener("abort", () => stop(signal.reason));
  });

// Asks the server; comes back when it is busy, and asks for the token when one is needed.
async function ask(url, signal) {
  for (let tries = 0; ; tries++) {
    const token = sessionStorage.getItem("token");
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    const answer = await fetch(url, { signal, headers });
    if (answer.ok) return answer;
    if (answer.status === 401) {
      $("token-form").hidden = false;
      $("token").focus();
      throw new Error("The server asks for its token.");
    }
    const said = await answer.json().catch(() => ({ error: `The server answered ${answer.status}.` }));
    if (answer.status !== 503 || tries === 5) throw new Error(said.error);
    say("The server is busy; waiting ...");
    await wait(1000 * Math.min(Number(answer.headers.get("Retry-After")) || 1, 10), signal);
  }
}

function say(text, wrong = false) {
  $("status").textContent = text;
  $("status").classList.toggle("wrong", wrong);
}

// Shows what the state says. A later call ends an earlier one, and with it the request, which then leaves the server's queue.
async function show() {
  newest.abort();
  newest = new AbortController();
  const signal = newest.signal;
  const slow = setTimeout(() => $("face").classList.add("waiting"), 150);
  try {
    const answer = await ask(target(), signal);
    const blob = await answer.blob();
    if (signal.aborted) return;
    put(blob, describe());
    say("");
    remember(blob);
  } catch (error) {
    if (!signal.aborted) say(error.message || "The server does not answer.", true);
  } finally {
    clearTimeout(slow);
    if (!signal.aborted) $("face").classList.remove("waiting");
  }
}

function put(blob, text) {
  const old = shown;
  shown = URL.createObjectURL(blob);
  $("face").src = shown;
  $("face").alt = `Generated face: ${text}. This person does not exist.`;
  $("face").dataset.shown = text;
  $("caption").textContent = text;
  if (old) setTimeout(() => URL.revokeObjectURL(old), 1000);
}

function describe() {
  const one = `seed ${state.seed}`;
  if (state.mode === "mix") return `${one}, mixed with seed ${state.other}`;
  if (state.mode === "morph") return `${one}, ${Math.round(100 * state.t)} % of the way to seed ${state.other}`;
  return one;
}

// The address has what differs from the usual, and the seed always.
function address() {
  const query = new URLSearchParams({ seed: state.seed });
  if (state.trunc !== facts.trunc) query.set("trunc", state.trunc);
  if (steps(state.moves)) query.set("moves", steps(state.moves));
  if (facts.classes) query.set("class", state.class);
  if (state.noise !== "const") query.set("noise", state.noise);
  if (state.noise === "random") query.set("noise_seed", state.noise_seed);
  if (state.mode !== "one") {
    query.set("mode", state.mode);
    query.set("other", state.other);
    query.set(state.mode === "mix" ? "layer" : "t", state.mode === "mix" ? state.layer : state.t);
  }
  return `${location.pathname}?${query}`;
}

// Reads the address; what makes no sense there is as if it was not there.
function read() {
  const query = new URLSearchParams(location.search);
  const number = (name, least, most, usual, whole = true) => {
    const text = query.get(name);
    const value = text === null || text === "" ? NaN : Number(text);
    return value >= least && value <= most && (!whole || Number.isInteger(value)) ? value : usual;
  };
  const among = (name, values) => (values.includes(query.get(name)) ? query.get(name) : values[0]);
  const moves = Array(facts.directions).fill(0);
  for (const [, i, step] of (query.get("moves") ?? "").matchAll(/(\d+):(-?[\d.]+)/g))
    if (i in moves && Math.abs(step) <= 20) moves[i] = Number(step);
  Object.assign(state, {
    moves,
    seed: number("seed", 0, MOST_SEED, anySeed()),
    trunc: number("trunc", -2, 2, facts.trunc, false),
    class: number("class", 0, facts.classes - 1, 0),
    noise: among("noise", ["const", "none", "random"]),
    noise_seed: number("noise_seed", 0, MOST_SEED, 0),
    mode: among("mode", ["one", "mix", "morph"]),
    other: number("other", 0, MOST_SEED, anySeed()),
    layer: number("layer", 0, facts.num_ws, Math.floor(facts.num_ws / 3)),
    t: number("t", 0, 1, 0.5, false),
  });
}

// The controls say what the state is.
function reflect() {
  $("seed").value = state.seed;
  $("trunc").value = state.trunc;
  $("trunc-value").textContent = state.trunc.toFixed(2);
  $("class").value = state.class;
  $("other").value = state.other;
  $("layer").value = state.layer;
  const last = facts.num_ws - 1;
  $("layer-value").textContent = state.layer > last ? "none" : state.layer === last ? `${last}` : `${state.layer} to ${last}`;
  $("t").value = state.t;
  $("t-value").textContent = `${Math.round(100 * state.t)} %`;
  state.moves.forEach((step, i) => {
    $(`move-${i}`).value = step;
    $(`move-${i}-value`).textContent = step.toFixed(1);
  });
  $("second").hidden = state.mode === "one";
  $("mix-row").hidden = state.mode !== "mix";
  $("morph-row").hidden = state.mode !== "morph";
  for (const button of document.querySelectorAll("[data-noise]")) button.setAttribute("aria-pressed", button.dataset.noise === state.noise);
  for (const radio of document.querySelectorAll("[name=mode]")) radio.checked = radio.value === state.mode;
}

// Changes the state, and all that follows from it. A new face is a step of the browser's history, a setting is not.
let soon;
function change(changes, step = false) {
  if (playing && !("t" in changes && playing.own)) stop();
  Object.assign(state, changes);
  reflect();
  history[step ? "pushState" : "replaceState"](null, "", address());
  clearTimeout(soon);
  if (step) show();
  else soon = setTimeout(show, 60);
}

const newFace = () => change({ seed: anySeed() }, true);

// The strip of faces seen: what led to each, and a small picture of it.
async function remember(blob) {
  const key = address();
  if (past[place]?.key === key) return;
  const known = past.findIndex((face) => face.key === key);
  if (known >= 0) return mark(known);
  const before = past[place];
  // A slider being moved is one entry, not a hundred.
  if (before && before.state.seed === state.seed && place === past.length - 1) drop(past.length - 1);
  const face = { key, state: { ...state } };
  past.push(face);
  if (past.length > MOST_HISTORY) drop(0);
  const item = document.createElement("li");
  const button = document.createElement("button");
  const picture = document.createElement("img");
  button.type = "button";
  button.setAttribute("aria-label", `Show ${describe()} again`);
  button.addEventListener("click", () => recall(past.indexOf(face)));
  picture.alt = "";
  picture.width = picture.height = 64;
  button.append(picture);
  item.append(button);
  $("history").append(item);
  face.item = item;
  mark(past.length - 1);
  // From what is on the page: no second rendering for it.
  const small = await createImageBitmap(blob, { resizeWidth: 128, resizeHeight: 128, resizeQuality: "medium" });
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 128;
  canvas.getContext("2d").drawImage(small, 0, 0);
  canvas.toBlob((reduced) => {
    face.small = URL.createObjectURL(reduced);
    picture.src = face.small;
  });
}

function drop(index) {
  const [face] = past.splice(index, 1);
  face.item.remove();
  if (face.small) URL.revokeObjectURL(face.small);
  if (place >= index) place--;
}

function mark(index) {
  place = index;
  past.forEach((face, i) => face.item.firstChild.setAttribute("aria-current", i === index));
  past[index].item.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function recall(index) {
  if (!past[index]) return;
  mark(index);
  change({ ...past[index].state }, true);
}

// The loop there and back that Play shows, as a file.
function loop() {
  const query = new URLSearchParams(target({ mode: "one" }).split("?")[1]);
  query.delete("seed");
  return `/video?seeds=${state.seed},${state.other}&${query}`;
}

async function save(url) {
  try {
    say("Drawing the file ...");
    const answer = await ask(url);
    const name = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition"))?.[1] ?? "face";
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await answer.blob());
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    say(`Saved as ${name}.`);
  } catch (error) {
    say(error.message, true);
  }
}

async function share() {
  try {
    await navigator.clipboard.writeText(location.href);
    say("The address of this face is copied.");
  } catch {
    say(`The address of this face: ${location.href}`);
  }
}

// Plays the morph there and back. Frames are fetched as they are needed, kept, and shown in order.
async function play() {
  const run = (playing = { own: false, end: new AbortController() });
  $("play").setAttribute("aria-pressed", "true");
  $("play").textContent = "Stop";
  newest.abort();
  const frames = [];
  try {
    for (let i = 0; playing === run; i++) {
      const there = i % (2 * FRAMES);
      const step = there <= FRAMES ? there : 2 * FRAMES - there;
      const begun = performance.now();
      frames[step] ??= await (await ask(target({ mode: "morph", t: step / FRAMES }), run.end.signal)).blob();
      if (playing !== run) break;
      state.t = step / FRAMES;
      put(frames[step], describe());
      $("t").value = state.t;
      $("t-value").textContent = `${Math.round(100 * state.t)} %`;
      await wait(Math.max(0, 1000 / 12 - (performance.now() - begun)), run.end.signal);
    }
  } catch (error) {
    if (playing === run) {
      say(error.message, true);
      stop();
    }
  }
}

function stop() {
  playing?.end.abort();
  playing = null;
  $("play").setAttribute("aria-pressed", "false");
  $("play").textContent = "Play";
}

// A slider for each direction.
function addMoves() {
  $("moves").hidden = !facts.directions;
  for (let i = 0; i < facts.directions; i++) {
    const row = document.createElement("div");
    row.className = "row";
    const label = Object.assign(document.createElement("label"), { htmlFor: `move-${i}`, textContent: `Direction ${i + 1}` });
    const slider = Object.assign(document.createElement("input"), { id: `move-${i}`, type: "range", min: -10, max: 10, step: 0.5 });
    const value = Object.assign(document.createElement("output"), { id: `move-${i}-value` });
    value.setAttribute("aria-live", "off");
    slider.addEventListener("input", () => change({ moves: state.moves.map((step, j) => (i === j ? Number(slider.value) : step)) }));
    row.append(label, slider, value);
    $("moves").append(row);
  }
}

function listen() {
  const seedOf = (id) => ($(id).checkValidity() && $(id).value !== "" ? Number($(id).value) : null);
  $("new").addEventListener("click", newFace);
  $("save").addEventListener("click", () => save(target({ format: "png" })));
  $("video").addEventListener("click", () => save(loop()));
  $("share").addEventListener("click", share);
  $("seed").addEventListener("change", () => (seedOf("seed") === null ? $("seed").reportValidity() : change({ seed: seedOf("seed") }, true)));
  $("other").addEventListener("change", () => (seedOf("other") === null ? $("other").reportValidity() : change({ other: seedOf("other") })));
  $("class").addEventListener("change", () => (seedOf("class") === null ? $("class").reportValidity() : change({ class: seedOf("class") })));
  $("other-new").addEventListener("click", () => change({ other: anySeed() }));
  for (const id of ["trunc", "layer", "t"]) $(id).addEventListener("input", () => change({ [id]: Number($(id).value) }));
  for (const radio of document.querySelectorAll("[name=mode]")) radio.addEventListener("change", () => change({ mode: radio.value }));
  for (const button of document.querySelectorAll("[data-noise]"))
    button.addEventListener("click", () => change({ noise: button.dataset.noise, noise_seed: anySeed() }));
  $("play").addEventListener("click", () => (playing ? (stop(), change({})) : play()));
  $("controls").addEventListener("submit", (event) => event.preventDefault());
  $("token-form").addEventListener("submit", (event) => {
    event.preventDefault();
    sessionStorage.setItem("token", $("token").value.trim());
    $("token").value = "";
    $("token-form").hidden = true;
    show();
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, button, a, summary, select, textarea")) return;
    const keys = { " ": newFace, ArrowLeft: () => recall(place - 1), ArrowRight: () => recall(place + 1) };
    if (!keys[event.key]) return;
    event.preventDefault();
    if (!event.repeat) keys[event.key]();
  });
  addEventListener("popstate", () => {
    stop();
    read();
    reflect();
    show();
  });
}

async function start() {
  try {
    facts = await (await fetch("/network")).json();
  } catch {
    return say("The server does not answer.", true);
  }
  $("network").textContent = `${facts.name}, ${facts.resolution} x ${facts.resolution}`;
  $("face").width = $("face").height = facts.resolution;
  $("layer").max = facts.num_ws;
  $("class-row").hidden = !facts.classes;
  $("class").max = facts.classes - 1;
  addMoves();
  read();
  // A shared address is a face; the same address loaded again by who looks at it is the wish for another.
  if (performance.getEntriesByType("navigation")[0]?.type === "reload") state.seed = anySeed();
  listen();
  change({}, false);
}

start();

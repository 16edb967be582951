// The page of `stylegan serve`. What is shown is decided by `state`, which the address has too, so that a face can be shared.

import { addLayers, addMoves, reflect as controls } from "./controls.js";
import { about, ask as request, opens, wait } from "./server.js";
import { sheet } from "./sheet.js";
import { MOST_SEED, PLACE, address, all, anySeed, describe, facts, isApart, posting, read, state, target, usual } from "./state.js";
import { Strip, reduced, store, stored } from "./strip.js";

const $ = (id) => document.getElementById(id);
const MOST_HISTORY = 300;
const MOST_FAVOURITES = 100;
const MOST_KEYFRAMES = 8;
const FRAMES = 20;

let newest = new AbortController();
let shown; // {url, blob, key, text} of the face on the page.
let sliding = false; // A slider is being moved: what it passes is not kept.
let playing = null;
let dropped = null; // {name, body}: rows of w of a file, shown instead of a seed.
let seen, favourites, keyframes; // Strips.

const ask = (url, signal, more) => request(url, { signal, busy: () => say("The server is busy; waiting ..."), token: askToken, ...more });

function askToken() {
  $("token-form").hidden = false;
  $("token").focus();
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
    const answer = await (dropped ? post({ signal }) : ask(target(), signal));
    const blob = await answer.blob();
    if (signal.aborted) return;
    put(blob, describe(dropped?.name));
    say("");
    if (!sliding) remember();
  } catch (error) {
    if (!signal.aborted) say(error.message || "The server does not answer.", true);
  } finally {
    clearTimeout(slow);
    if (!signal.aborted) $("face").classList.remove("waiting");
  }
}

function put(blob, text) {
  const old = shown;
  shown = { url: URL.createObjectURL(blob), blob, key: dropped ? null : address(), text };
  $("face").src = shown.url;
  $("face").alt = dropped ? `A face drawn from ${text}.` : `Generated face: ${text}. This person does not exist.`;
  $("face").dataset.shown = text;
  $("caption").textContent = text;
  if (old) setTimeout(() => URL.revokeObjectURL(old.url), 1000);
  parents();
}

// The picture of the rows of w that were dropped.
const post = ({ signal, format } = {}) => ask(posting(format), signal, { method: "POST", body: dropped.body });

// Shows the rows of w of a file until another face is wished for. Where the page draws by itself, the file may be a network.
async function drop(file) {
  if (!file) return;
  try {
    if (await opens(file)) return;
  } catch (error) {
    return say(error.message, true);
  }
  stop();
  dropped = { name: file.name, body: file };
  show();
}

// Both parents of a mix or a morph, beside the caption.
const portraits = new Map();
async function parents() {
  $("parents").hidden = state.mode === "one" || dropped !== null;
  if ($("parents").hidden) return;
  for (const [i, seed] of [state.seed, state.other].entries()) {
    const size = facts.sizes.find((side) => side <= 128) ?? facts.sizes.at(-1);
    const url = target({ mode: "one", seed, size });
    const picture = $(`parent-${i}`);
    if (picture.dataset.url === url) continue;
    picture.dataset.url = url;
    picture.alt = `${i ? "Second" : "First"} parent: seed ${seed}`;
    picture.title = picture.alt;
    if (!portraits.has(url)) {
      if (portraits.size > 100) portraits.clear();
      portraits.set(url, ask(url).then((answer) => answer.blob()).then((blob) => URL.createObjectURL(blob)));
    }
    portraits.get(url).then(
      (small) => picture.dataset.url === url && (picture.src = small),
      () => portraits.delete(url),
    );
  }
}

const reflect = () => controls(favourites.find(address()) >= 0);

// Changes the state, and all that follows from it. A new face is a step of the browser's history, a setting is not.
let soon;
function change(changes, step = false) {
  if (playing && !("t" in changes && playing.own)) stop();
  // Whoever changes what is in rows of w wants a face of a seed.
  if (step || !isApart(changes)) dropped = null;
  Object.assign(state, changes);
  reflect();
  history[step ? "pushState" : "replaceState"](null, "", address());
  clearTimeout(soon);
  if (step) show();
  else soon = setTimeout(show, 60);
}

const newFace = () => change({ seed: anySeed() }, true);

// Puts what is shown into the strip of faces seen: every picture once, and none that a slider passed on its way.
function remember() {
  if (!shown || shown.key !== address()) return;
  if (seen.find(shown.key) < 0) seen.add({ key: shown.key, text: shown.text, small: reduced(shown.blob) });
  seen.mark(seen.find(shown.key));
}

// Shows a face of a strip again.
function recall(face) {
  if (!face) return;
  read(face.key.slice(face.key.indexOf("?")));
  seen.mark(seen.find(face.key));
  change({}, true);
}

const step = (by) => recall(seen.faces[seen.find(address()) + by]);

// The seed of a face of a strip.
const seedOf = (face) => Number(new URLSearchParams(face.key.slice(face.key.indexOf("?"))).get("seed"));

// Keeps a face for later visits, or no longer.
async function favour(face) {
  const known = favourites.find(face.key);
  if (known >= 0) favourites.drop(known);
  else favourites.add(face);
  $("favourites-section").hidden = !favourites.faces.length;
  reflect();
  try {
    await store(facts.network, favourites.faces);
  } catch {
    say("This browser keeps nothing: the favourites are there until the page is left.");
  }
}

const becomeParent = (face) => change({ other: seedOf(face), mode: state.mode === "one" ? "mix" : state.mode });

function addKeyframe(face) {
  if (keyframes.faces.length === MOST_KEYFRAMES) return say(`A film has at most ${MOST_KEYFRAMES} faces.`, true);
  keyframes.add(face);
  filmed();
}

function filmed() {
  $("film").disabled = keyframes.faces.length < 2;
  $("no-keyframes").disabled = !keyframes.faces.length;
}

// A walk through these seeds and back to the first, as a file.
function loop(seeds) {
  const query = new URLSearchParams(target({ mode: "one" }).split("?")[1]);
  query.delete("seed");
  return `/video?seeds=${seeds.join()}&${query}`;
}

// Sixteen faces from the seed that is shown, as a file.
const sixteen = () =>
  sheet({
    ...{ columns: 4, rows: 4, first: state.seed, sizes: facts.sizes, ratio: facts.width / facts.height, most: MOST_SEED, tell: say },
    draw: (seed, size) => ask(target({ mode: "one", seed, size })),
  });

async function save(answered) {
  try {
    say("Drawing the file ...");
    const answer = await answered;
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

// A slider changes what `changes` says; where it is left is kept, what it passes is not.
function slide(slider, changes) {
  slider.addEventListener("input", () => {
    sliding = true;
    change(changes());
  });
  slider.addEventListener("change", () => {
    sliding = false;
    remember();
  });
}

function reset(name) {
  const [setting, i] = name.split("-");
  change({ [setting]: i === undefined ? usual()[setting] : state[setting].map((value, j) => (j === Number(i) ? 0 : value)) });
}

function listen() {
  const valid = (id) => ($(id).checkValidity() && $(id).value !== "" ? Number($(id).value) : null);
  const numbers = { seed: true, other: false, class: false };
  for (const [id, isStep] of Object.entries(numbers))
    $(id).addEventListener("change", () => (valid(id) === null ? $(id).reportValidity() : change({ [id]: valid(id) }, isStep)));
  const here = () => ({ key: shown.key, text: shown.text, small: reduced(shown.blob) });
  $("new").addEventListener("click", newFace);
  $("favourite").addEventListener("click", () => shown?.key && favour(here()));
  $("save").addEventListener("click", () => save(dropped ? post({ format: "png" }) : ask(target({ format: "png" }))));
  $("sheet").addEventListener("click", () => save(sixteen()));
  $("measure").addEventListener("click", () => save(about.measure()));
  $("video").addEventListener("click", () => save(ask(loop([state.seed, state.other]))));
  $("open").addEventListener("click", () => $("rows").click());
  $("rows").addEventListener("change", () => (drop($("rows").files[0]), ($("rows").value = "")));
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    drop(event.dataTransfer.files[0]);
  });
  // Another network has other layers, sizes and favourites: the page begins anew with it.
  $("networks").addEventListener("change", () => location.assign(`${location.pathname}?${new URLSearchParams({ seed: state.seed, network: $("networks").value })}`));
  $("share").addEventListener("click", share);
  $("reset-all").addEventListener("click", () => change(usual()));
  $("add-keyframe").addEventListener("click", () => shown?.key && addKeyframe(here()));
  $("film").addEventListener("click", () => save(ask(loop(keyframes.faces.map(seedOf)))));
  $("no-keyframes").addEventListener("click", () => {
    while (keyframes.faces.length) keyframes.drop(0);
    filmed();
  });
  for (const button of document.querySelectorAll("[data-reset]")) button.addEventListener("click", () => reset(button.dataset.reset));
  $("other-new").addEventListener("click", () => change({ other: anySeed() }));
  for (const id of ["trunc", "cutoff", "t", ...PLACE]) slide($(id), () => ({ [id]: Number($(id).value) }));
  slide($("layer"), () => ({ layers: all().slice($("layer").value) }));
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
    const keys = { " ": newFace, ArrowLeft: () => step(-1), ArrowRight: () => step(1) };
    if (!keys[event.key]) return;
    event.preventDefault();
    if (!event.repeat) keys[event.key]();
  });
  addEventListener("popstate", () => {
    stop();
    dropped = null;
    read(location.search);
    reflect();
    show();
  });
}

// A server that has just started is still looking for the directions of its network.
async function directions() {
  while (facts.searching) {
    await wait(500);
    Object.assign(facts, await (await ask(`/network?${new URLSearchParams({ network: facts.network })}`)).json());
  }
  state.moves = usual().moves;
  addMoves(slide);
}

async function start() {
  try {
    const networks = await (await ask("/networks")).json();
    const wanted = new URLSearchParams(location.search).get("network");
    const { network } = networks.find(({ name, network }) => name === wanted || network === wanted) ?? networks[0];
    Object.assign(facts, await (await ask(`/network?${new URLSearchParams({ network })}`)).json(), { several: networks.length > 1 });
    for (const { name } of networks) $("networks").append(new Option(name, name, false, name === facts.name));
    $("networks").hidden = !facts.several;
  } catch (error) {
    return say(error instanceof TypeError ? "The server does not answer." : error.message, true);
  }
  // A face is shown before they are there, unless its address names some.
  const late = facts.searching && !/[?&]moves=/.test(location.search);
  const { width, height } = facts;
  Object.assign($("rows"), { accept: about.files });
  $("open").textContent = about.open;
  $("api").hidden = !about.api;
  $("measure-box").hidden = !about.measure;
  $("network").textContent = facts.several ? `${width} x ${height}` : `${facts.name}, ${width} x ${height}`;
  Object.assign($("face"), { width, height });
  document.documentElement.style.setProperty("--ratio", width / height);
  $("layer").max = $("cutoff").max = facts.num_ws;
  $("class-row").hidden = !facts.classes;
  $("place").hidden = !facts.has_place;
  $("class").max = facts.classes - 1;
  const tools = [
    ["\u2605", "Favourite, or no longer", favour],
    ["2nd", "Make it the second face", becomeParent],
    ["+", "Add to the film", addKeyframe],
  ];
  seen = new Strip($("history"), MOST_HISTORY, recall, tools);
  favourites = new Strip($("favourites"), MOST_FAVOURITES, recall, tools);
  keyframes = new Strip($("keyframes"), MOST_KEYFRAMES, recall, [
    ["\u00d7", "Remove from the film", (face) => (keyframes.drop(keyframes.find(face.key)), filmed())],
  ]);
  stored(facts.network).forEach((face) => favourites.add(face));
  $("favourites-section").hidden = !favourites.faces.length;
  if (!late) await directions();
  addLayers(change);
  read(location.search);
  // A shared address is a face; the same address loaded again by who looks at it is the wish for another.
  if (performance.getEntriesByType("navigation")[0]?.type === "reload") state.seed = anySeed();
  listen();
  change({}, false);
  if (late) {
    await directions();
    reflect();
  }
}

start();

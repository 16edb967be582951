// In the place of the server: answers the page's requests with the engine of this folder, on the visitor's own GPU. The paths and their
// parameters are those of `stylegan serve` (docs/serve.md).

import { Stylegan, unsupported } from "./engine/index.js";
import { bench } from "./bench.js";
import { film } from "./films.js";
import { addressOf, movesOf, noise, of, place, request, runs } from "./settings.js";

const BUILT_IN = { name: "open-peeps-128", url: "./open-peeps-128.safetensors" };
const TRUNC = 0.7;
const DIRECTIONS = 5;
const KEPT = "stylegan networks";
const FRAMES = 24;
const FPS = 24;

let opened; // {engine, name, vectors, rows}

export const wait = (ms, signal) =>
  new Promise((done, stop) => {
    setTimeout(done, ms);
    signal?.addEventListener("abort", () => stop(signal.reason));
  });

export async function ask(url, { signal, method, body } = {}) {
  const { pathname, searchParams: query } = new URL(url, location.href);
  const path = `/${pathname.split("/").at(-1)}`;
  if (path === "/networks") return Response.json(await networks());
  if (path === "/network") return Response.json(await facts(query.get("network")));
  if (path === "/video") return video(query, signal);
  const { engine } = opened;
  const ws = method === "POST" ? await engine.readRows(body) : undefined;
  const picture = await engine.generate(await wish(path, query, ws), { signal });
  let blob = await encoded(picture, query.get("size"));
  // What is shown says nothing, what is saved does.
  if (query.get("format") === "png") blob = await engine.stamp(blob, request(path, query, engine, TRUNC), { name: fileOf(opened.name), rows: ws });
  return new Response(blob, { headers: { "Content-Disposition": `inline; filename="seed${(query.get("seed") ?? "").padStart(4, "0")}.png"` } });
}

// A dropped picture of ours is drawn again; a file that is a network is kept in this browser, and the page begins anew with it.
export async function opens(file) {
  const { engine, name } = opened;
  if (/^image\//.test(file.type)) {
    const query = addressOf(await engine.settingsOf(file), fileOf(name));
    if (fileOf(name)) query.set("network", name);
    location.assign(`${location.pathname}?${query}`);
    return true;
  }
  if (await engine.readRows(file).then(() => true, () => false)) return false;
  await engine.reads(file, { onProgress: progress("") });
  const kept = await caches.open(KEPT);
  await kept.put(`./networks/${encodeURIComponent(file.name)}`, new Response(file));
  location.assign(`${location.pathname}?${new URLSearchParams({ network: file.name })}`);
  return true;
}

// What is said of it on the page.
export const about = { files: ".npz,.npy,.pt,.pth,.pkl,.safetensors,.whl,image/*", open: "Open a file", api: false, measure };

// The report of `stylegan bench`, of the network that is shown.
async function measure() {
  const { engine, name } = opened;
  const report = await bench(engine, { source: fileOf(name) ?? BUILT_IN.name, tell: say });
  const blob = new Blob([JSON.stringify(report, null, 2)], { type: "application/json" });
  return new Response(blob, { headers: { "Content-Disposition": `inline; filename="bench.json"` } });
}

// The file of a network, as pictures name it; the built-in one has none.
const fileOf = (name) => (name === BUILT_IN.name ? undefined : of(name));

const STAGES = { fetch: "Fetching the network", convert: "Reading the network", gpu: "Compiling the network", average: "Averaging its w" };
const progress = (more) => ({ stage, done }) => say(`${STAGES[stage]}${done ? `: ${Math.round(100 * done)} %` : " ..."}${more}`);

// The built-in network, those that were dropped here, and one by its address.
async function networks() {
  const why = await unsupported();
  if (why) throw new Error(why);
  const kept = await caches.open(KEPT).then((cache) => cache.keys(), () => []);
  const names = kept.map(({ url }) => decodeURIComponent(new URL(url).pathname.split("/").at(-1)));
  const asked = new URLSearchParams(location.search).get("network");
  const far = /^https?:/.test(asked ?? "") ? [asked] : [];
  if (asked && !far.length && asked !== BUILT_IN.name && !names.includes(asked))
    throw new Error(`This browser has no network "${asked}": it was dropped on the page somewhere else. Drop it here, or take ?network= out of the address.`);
  return [BUILT_IN.name, ...names, ...far].map((name) => ({ name, network: name }));
}

async function source(name) {
  if (/^https?:/.test(name)) return name;
  if (name === BUILT_IN.name) return BUILT_IN.url;
  const kept = await (await caches.open(KEPT)).match(`./networks/${encodeURIComponent(name)}`);
  if (!kept) throw new Error(`there is no network ${name} in this browser`);
  return new File([await kept.blob()], name);
}

async function facts(name) {
  if (opened?.name !== name) {
    const far = /^https?:/.test(name);
    const onProgress = progress(far ? `. It is from ${new URL(name).host}: what you may do with it says its own licence.` : "");
    const engine = opened ? opened.engine : await Stylegan.open(await source(name), { onProgress });
    if (opened) await engine.load(await source(name), { onProgress });
    opened = { engine, name, rows: new Map() };
    opened.vectors = await engine.directions(Math.min(DIRECTIONS, engine.wDim), { samples: Math.max(2000, 2 * engine.wDim) }).catch(() => []);
    say("");
  }
  const { engine, vectors } = opened;
  const side = Math.max(engine.width, engine.height);
  const sizes = Array.from({ length: 12 }, (_, i) => side >> i).filter((size) => size >= 16 || size === side);
  return {
    name,
    network: name,
    device: `this browser (${engine.precision})`,
    height: engine.height,
    width: engine.width,
    sizes,
    channels: engine.channels,
    num_ws: engine.numWs,
    w_dim: engine.wDim,
    classes: engine.classes,
    trunc: TRUNC,
    has_place: engine.hasTransform,
    searching: false,
    directions: vectors.length,
    direction_names: vectors.map((_, i) => `PCA ${i + 1}`),
    format: "png",
  };
}

// What a request asks of the engine.
async function wish(path, query, ws) {
  const { engine, vectors } = opened;
  const seed = Number(query.get("seed") ?? 0);
  const one = query.has("class") ? Number(query.get("class")) : undefined;
  const asked = { class: one, noise: noise(query), transform: place(query) };
  if (ws) return { ...asked, ws };
  Object.assign(asked, { seed, psi: Number(query.get("trunc") ?? TRUNC), cutoff: query.has("cutoff") ? Number(query.get("cutoff")) : undefined });
  asked.directions = movesOf(query).map(([i, strength]) => ({ vector: [...vectors[i]], strength }));
  if (path === "/mix") {
    asked.mix = runs(query.get("layers")).map(([first, last]) => ({ seed: Number(query.get("with")), layers: [first, last + 1] }));
  }
  if (path === "/morph") {
    const [from, to] = await Promise.all([seed, Number(query.get("to"))].map((end) => rows(end, one)));
    asked.ws = between(from, to, Number(query.get("t")));
  }
  return asked;

  function rows(end, one) {
    const key = `${end} ${one}`;
    if (!opened.rows.has(key)) {
      if (opened.rows.size > 64) opened.rows.clear();
      opened.rows.set(key, engine.ws(end, { class: one }));
    }
    return opened.rows.get(key);
  }
}

const between = (from, to, t) => from.map((value, i) => (t === 1 ? to[i] : value + t * (to[i] - value)));

async function encoded(picture, size) {
  const scale = size ? Number(size) / Math.max(picture.width, picture.height) : 1;
  const canvas = new OffscreenCanvas(Math.max(1, Math.round(picture.width * scale)), Math.max(1, Math.round(picture.height * scale)));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  picture.close();
  return canvas.convertToBlob({ type: "image/png" });
}

// From face to face and back to the first.
async function video(query, signal) {
  const { engine, name } = opened;
  const { width, height } = engine;
  const seeds = query.get("seeds").split(",");
  const steps = Number(query.get("frames") ?? FRAMES);
  const asked = request("/video", query, engine, TRUNC);
  async function* frames() {
    let count = 0;
    for (const [k, seed] of seeds.entries()) {
      for (let frame = 0; frame < steps; frame++) {
        query.set("seed", seed);
        query.set("to", seeds[(k + 1) % seeds.length]);
        query.set("t", frame / steps);
        say(`Drawing frame ${++count} of ${seeds.length * steps} ...`);
        yield await engine.generate(await wish("/morph", query), { signal });
      }
    }
  }
  const drawn = await film(frames(), { width, height, fps: FPS });
  const made = await engine.stamp(drawn, { ...asked, film: `seeds=${seeds.join()}&frames=${steps}&fps=${FPS}` }, { name: fileOf(name) });
  const extension = made.type === "video/mp4" ? "mp4" : "webp";
  return new Response(made, { headers: { "Content-Disposition": `inline; filename="seeds${seeds.join("-")}.${extension}"` } });
}

const say = (text) => (document.getElementById("status").textContent = text);

// The page works without a network after the first visit.
if ("serviceWorker" in navigator) navigator.serviceWorker.register("./offline-worker.js").catch(() => {});

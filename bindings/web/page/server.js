// In the place of the server: answers the page's requests with the engine of this folder, on the visitor's own GPU. The paths and their
// parameters are those of `stylegan serve` (docs/serve.md).

import { Stylegan, unsupported } from "./engine/index.js";
import { animated } from "./animated.js";

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
  const ws = method === "POST" ? await opened.engine.readRows(body) : undefined;
  const picture = await opened.engine.generate(await wish(path, query, ws), { signal });
  const blob = await encoded(picture, query.get("size"));
  return new Response(blob, { headers: { "Content-Disposition": `inline; filename="seed${(query.get("seed") ?? "").padStart(4, "0")}.png"` } });
}

// A dropped file that is a network is kept in this browser, and the page begins anew with it.
export async function opens(file) {
  if (await opened.engine.readRows(file).then(() => true, () => false)) return false;
  const read = await Stylegan.open(file);
  read.close();
  const kept = await caches.open(KEPT);
  await kept.put(`./networks/${encodeURIComponent(file.name)}`, new Response(file));
  location.assign(`${location.pathname}?${new URLSearchParams({ network: file.name })}`);
  return true;
}

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
  if (/^https?:/.test(name)) {
    say(`Fetching ${name}. Its licence is for you to know: converting grants no rights.`);
    return name;
  }
  if (name === BUILT_IN.name) return BUILT_IN.url;
  const kept = await (await caches.open(KEPT)).match(`./networks/${encodeURIComponent(name)}`);
  if (!kept) throw new Error(`there is no network ${name} in this browser`);
  return new File([await kept.blob()], name);
}

async function facts(name) {
  if (opened?.name !== name) {
    const onProgress = ({ stage, done }) => say(`${{ fetch: "Fetching", convert: "Reading", gpu: "Compiling" }[stage]} the network${done ? `: ${Math.round(100 * done)} %` : " ..."}`);
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
  const moves = [...(query.get("moves") ?? "").matchAll(/(\d+):(-?[\d.]+)/g)];
  asked.directions = moves.map(([, i, step]) => ({ vector: [...vectors[i]], strength: Number(step) }));
  if (path === "/mix") {
    const parts = query.get("layers").split(",").map((part) => part.split("-").map(Number));
    asked.mix = parts.map(([first, last = first]) => ({ seed: Number(query.get("with")), layers: [first, last + 1] }));
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

function noise(query) {
  if (query.get("noise") === "random") return Number(query.get("noise_seed") ?? 0);
  return query.get("noise") ?? "const";
}

function place(query) {
  if (!["translate", "rotate", "zoom"].some((name) => query.has(name))) return undefined;
  const translate = (query.get("translate") ?? "0,0").split(",").map(Number);
  return { translate, rotate: Number(query.get("rotate") ?? 0), zoom: Number(query.get("zoom") ?? 1) };
}

async function encoded(picture, size, type = "image/png") {
  const scale = size ? Number(size) / Math.max(picture.width, picture.height) : 1;
  const canvas = new OffscreenCanvas(Math.max(1, Math.round(picture.width * scale)), Math.max(1, Math.round(picture.height * scale)));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  picture.close();
  return canvas.convertToBlob({ type, quality: 0.9 });
}

// From face to face and back to the first, as an animated WebP.
async function video(query, signal) {
  const seeds = query.get("seeds").split(",");
  const frames = Number(query.get("frames") ?? FRAMES);
  const blobs = [];
  for (const [k, seed] of seeds.entries()) {
    for (let frame = 0; frame < frames; frame++) {
      query.set("seed", seed);
      query.set("to", seeds[(k + 1) % seeds.length]);
      query.set("t", frame / frames);
      say(`Drawing frame ${blobs.length + 1} of ${seeds.length * frames} ...`);
      const picture = await opened.engine.generate(await wish("/morph", query), { signal });
      blobs.push(await encoded(picture, undefined, "image/webp"));
    }
  }
  const film = await animated(blobs, opened.engine.width, opened.engine.height, Math.round(1000 / FPS));
  return new Response(film, { headers: { "Content-Disposition": `inline; filename="seeds${seeds.join("-")}.webp"` } });
}

const say = (text) => (document.getElementById("status").textContent = text);

// The page works without a network after the first visit.
if ("serviceWorker" in navigator) navigator.serviceWorker.register("./offline-worker.js").catch(() => {});

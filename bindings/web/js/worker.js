// The thread that has the network: it reads checkpoints and talks to the GPU, one request after the other, so that a page never stands
// still. What index.js sends: {id, call, args}, or {drop: id} of one that nobody waits for any more; what it gets: {id, value} or
// {id, error}, and {id, progress} before.

import init, { Engine, Network, settingsOf } from "./pkg/stylegan_web.js";

let ready; // init, once
let engine;
let next; // {id, engine}: opened, and not yet taken by the page.
let queue = Promise.resolve();
const waiting = new Set(); // Calls that are not finished.
const dropped = new Set(); // Those of them that nobody waits for.

const calls = {
  async init(tell, wasm) {
    await (ready ??= init({ module_or_path: wasm }));
  },

  // A checkpoint of any known format onto the GPU.
  async open(tell, { bytes, name, precision }, id) {
    await ready;
    const opened = await Engine.open(new Network(bytes, name, tell), precision, tell);
    // A load that was aborted meanwhile leaves the network that is there, and its own goes.
    if (dropped.has(id)) return void opened.free();
    forget();
    next = { id, engine: opened };
    return JSON.parse(opened.facts());
  },

  async accept() {
    engine?.free();
    engine = next.engine;
    next = undefined;
  },

  // Whether it is a network, without a GPU.
  async reads(tell, { bytes, name }) {
    await ready;
    new Network(bytes, name, tell).free();
  },

  async rgba(tell, { wish, rows }) {
    const pixels = await open().rgba(JSON.stringify(wish), rows);
    return new Uint8ClampedArray(pixels.buffer, pixels.byteOffset, pixels.byteLength);
  },

  floats: (tell, { wish, rows }) => open().floats(JSON.stringify(wish), rows),
  ws: (tell, { seed, class: one }) => open().ws(seed, one),
  directions: (tell, { count, samples }) => open().directions(count, samples),
  readRows: (tell, bytes) => open().readRows(bytes),
  safetensors: (tell, half) => open().safetensors(half),
  profile: async () => JSON.parse(await open().profile()),
  stamp: (tell, { bytes, asked, name, rows }) => open().stamp(bytes, JSON.stringify(asked), name, rows),

  async settingsOf(tell, bytes) {
    await ready;
    return JSON.parse(settingsOf(bytes) ?? "null");
  },
};

function open() {
  if (!engine) throw new Error("no network is open yet");
  return engine;
}

function forget() {
  next?.engine.free();
  next = undefined;
}

onmessage = ({ data: { id, call, args, drop } }) => {
  if (drop) {
    if (waiting.has(drop)) dropped.add(drop);
    if (next?.id === drop) forget();
    return;
  }
  waiting.add(id);
  const tell = (stage, done) => postMessage({ id, progress: { stage, done } });
  queue = queue.then(async () => {
    try {
      if (dropped.has(id)) return;
      // A panic in the engine ends no promise: it is an error of this thread, which index.js hears.
      const value = await calls[call](tell, args, id);
      postMessage({ id, value }, value?.buffer ? [value.buffer] : []);
    } catch (error) {
      postMessage({ id, error: String(error?.message ?? error) });
    } finally {
      waiting.delete(id);
      dropped.delete(id);
    }
  });
};

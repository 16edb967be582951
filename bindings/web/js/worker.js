// The thread that has the network: it reads checkpoints and talks to the GPU, one request after the other, so that a page never stands
// still. What index.js sends: {id, call, args}; what it gets: {id, value} or {id, error}, and {id, progress} before.

import init, { Engine, Network } from "./pkg/stylegan_web.js";

let ready; // init, once
let network;
let engine;
let next; // Opened, and not yet taken by the page.
let queue = Promise.resolve();
const dropped = new Set();

const calls = {
  async init(tell, wasm) {
    await (ready ??= init({ module_or_path: wasm }));
  },

  // A checkpoint of any known format onto the GPU.
  async open(tell, { bytes, name, precision }) {
    await ready;
    const read = new Network(bytes, name, (done) => tell("convert", done));
    tell("gpu", 0);
    const opened = await Engine.open(read, precision);
    next = { network: read, engine: opened };
    return { ...JSON.parse(read.facts()), ...JSON.parse(opened.facts()) };
  },

  // A load that was aborted meanwhile leaves the network that is there.
  async accept() {
    engine?.free();
    network?.free();
    ({ network, engine } = next);
    next = undefined;
  },

  async rgba(tell, { wish, rows }) {
    const pixels = await open().rgba(JSON.stringify(wish), rows);
    return new Uint8ClampedArray(pixels.buffer, pixels.byteOffset, pixels.byteLength);
  },

  floats: (tell, { wish, rows }) => open().floats(JSON.stringify(wish), rows),
  ws: (tell, { seed, class: one }) => open().ws(seed, one),
  directions: (tell, { count, samples }) => open().directions(count, samples),
  readRows: (tell, bytes) => open().readRows(bytes),
  safetensors: (tell, half) => (open(), network.safetensors(half)),
};

function open() {
  if (!engine) throw new Error("no network is open yet");
  return engine;
}

onmessage = ({ data: { id, call, args, drop } }) => {
  if (drop) return void dropped.add(drop);
  const tell = (stage, done) => postMessage({ id, progress: { stage, done } });
  queue = queue.then(async () => {
    if (dropped.delete(id)) return;
    try {
      // A panic in the engine ends no promise: it is an error of this thread, which index.js hears.
      const value = await calls[call](tell, args);
      postMessage({ id, value }, value?.buffer ? [value.buffer] : []);
    } catch (error) {
      postMessage({ id, error: String(error?.message ?? error) });
    }
  });
};

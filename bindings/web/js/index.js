// StyleGAN in a page, on the visitor's own GPU: `Stylegan.open(file)`, then `generate({ seed, psi })`. Types and meaning: index.d.ts.

const worker = () => new Worker(new URL("./worker.js", import.meta.url), { type: "module" });

// Says plainly why nothing can be drawn here, or nothing where something can.
export async function unsupported() {
  if (!globalThis.isSecureContext) return "WebGPU works on pages from https:// or localhost only.";
  if (!navigator.gpu) return "This browser has no WebGPU: take Chrome or Edge 113, Safari 26, Firefox 141 or newer.";
  if (!(await navigator.gpu.requestAdapter())) return "This browser's WebGPU finds no GPU; on Linux it may want to be switched on (chrome://flags/#enable-unsafe-webgpu).";
  return undefined;
}

export class Stylegan {
  #worker;
  #waiting = new Map();
  #next = 1;
  #ended; // Why nothing can be asked any more.

  constructor(thread) {
    this.#worker = thread;
    thread.onmessage = ({ data: { id, value, error, progress } }) => {
      const call = this.#waiting.get(id);
      if (!call) return;
      if (progress) return void call.onProgress?.(progress);
      this.#waiting.delete(id);
      if (error === undefined) call.resolve(value);
      else call.reject(new Error(error));
    };
    // A panic leaves the engine half written: there is no going on with it.
    thread.onerror = (event) => this.#end(event.message ? `a bug in the engine, which has to be opened again: ${event.message}` : "the Worker could not be started");
  }

  static async open(source, { precision = "auto", wasm, onProgress, signal } = {}) {
    const why = await unsupported();
    if (why) throw new Error(why);
    const opened = new Stylegan(worker());
    try {
      await opened.#call("init", wasm === undefined ? undefined : String(new URL(wasm, document.baseURI)));
      await opened.load(source, { precision, onProgress, signal });
      return opened;
    } catch (error) {
      opened.close();
      throw error;
    }
  }

  // Another network in the place of this one; until it resolves, pictures are of the one that is there.
  async load(source, { precision = "auto", onProgress, signal } = {}) {
    const { bytes, name } = await fetched(source, onProgress, signal);
    const facts = await this.#call("open", { bytes, name, precision }, { onProgress, signal, transfer: [bytes.buffer] });
    // From here on it is this network, also for a signal that comes too late.
    await this.#call("accept");
    Object.assign(this, facts);
  }

  async generate(wish = {}, { signal } = {}) {
    const { ws, ...rest } = checked(wish);
    const pixels = await this.#call("rgba", { wish: rest, rows: ws }, { signal });
    const side = rest.preview ? await this.#previewed(pixels) : [this.width, this.height];
    return createImageBitmap(new ImageData(pixels, ...side));
  }

  // Into a canvas, which becomes as large as the picture, or into a texture of the page's own device.
  async draw(target, wish = {}, { signal } = {}) {
    const { device, texture, origin } = target ?? {};
    if (!device !== !texture || !(device || target?.getContext)) throw new Error("a picture is drawn into a canvas or into { device, texture }");
    const picture = await this.generate(wish, { signal });
    const { width, height } = picture;
    if (device) device.queue.copyExternalImageToTexture({ source: picture }, { texture, origin }, [width, height]);
    else Object.assign(target, { width, height }).getContext("2d").drawImage(picture, 0, 0);
    picture.close();
  }

  async floats(wish = {}, { signal } = {}) {
    const { ws, ...rest } = checked(wish);
    return this.#call("floats", { wish: rest, rows: ws }, { signal });
  }

  async ws(seed, { class: one, signal } = {}) {
    whole("seed", seed, 0, MOST_SEED);
    if (one !== undefined) whole("class", one, 0, this.classes - 1);
    return this.#call("ws", { seed, class: one }, { signal });
  }

  async directions(count, { samples = 2000, signal } = {}) {
    whole("count", count, 1, this.wDim);
    whole("samples", samples, 2 * this.wDim, 20000);
    const all = await this.#call("directions", { count, samples }, { signal });
    return Array.from({ length: count }, (_, i) => all.slice(i * this.wDim, (i + 1) * this.wDim));
  }

  async readRows(source) {
    const { bytes } = await fetched(source);
    return this.#call("readRows", bytes, { transfer: [bytes.buffer] });
  }

  // Fails where it is no network; nothing is put on the GPU.
  async reads(source, { onProgress, signal } = {}) {
    const { bytes, name } = await fetched(source, onProgress, signal);
    await this.#call("reads", { bytes, name }, { onProgress, signal, transfer: [bytes.buffer] });
  }

  // A picture or film of this network with how it was made in it.
  async stamp(file, asked, { name, rows } = {}) {
    const bytes = new Uint8Array(await file.arrayBuffer());
    return new Blob([await this.#call("stamp", { bytes, asked, name, rows }, { transfer: [bytes.buffer] })], { type: file.type });
  }

  async settingsOf(picture) {
    return this.#call("settingsOf", new Uint8Array(await picture.arrayBuffer()));
  }

  // Times of the passes of one picture, where the browser has timestamps.
  async profile({ signal } = {}) {
    return this.#call("profile", undefined, { signal });
  }

  async safetensors({ half = true } = {}) {
    return new Blob([await this.#call("safetensors", half)], { type: "application/octet-stream" });
  }

  close() {
    this.#end("it is closed");
  }

  #end(why) {
    this.#ended ??= why;
    this.#worker.terminate();
    for (const { reject } of this.#waiting.values()) reject(new Error(this.#ended));
    this.#waiting.clear();
  }

  // Previews are as wide to high as the picture.
  #previewed(pixels) {
    const width = Math.round(Math.sqrt((pixels.length / 4) * (this.width / this.height)));
    return [width, pixels.length / 4 / width];
  }

  #call(call, args, { onProgress, signal, transfer = [] } = {}) {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(new Error(this.#ended));
      if (signal?.aborted) return reject(signal.reason);
      const id = this.#next++;
      // What has begun is finished, and nobody hears of it.
      const abort = () => {
        this.#waiting.delete(id);
        this.#worker.postMessage({ drop: id });
        reject(signal.reason);
      };
      const over = (end) => (what) => (signal?.removeEventListener("abort", abort), end(what));
      this.#waiting.set(id, { resolve: over(resolve), reject: over(reject), onProgress });
      signal?.addEventListener("abort", abort);
      this.#worker.postMessage({ id, call, args }, transfer);
    });
  }
}

const MOST_SEED = 4294967295;

function whole(name, value, least, most) {
  if (!Number.isInteger(value) || value < least || value > most) throw new Error(`${name} is ${value}; it is a whole number from ${least} to ${most}`);
}

// A wish as JSON can say it: numbers that are none would become nothing, typed arrays objects.
function checked(wish) {
  if (typeof wish !== "object" || wish === null) throw new Error(`what is asked of a picture is an object, as { seed: 85 }, not ${wish}`);
  const { ws, ...rest } = wish;
  const plain = (name, value) => {
    if (typeof value === "number" && !Number.isFinite(value)) throw new Error(`${name} is ${value}`);
    if (ArrayBuffer.isView(value) || Array.isArray(value)) return Array.from(value, (one) => plain(name, one));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, plain(`${name}.${key}`.replace(/^wish\./, ""), one)]));
  };
  return { ws, ...plain("wish", rest) };
}

// Bytes, a File or Blob, or an address.
async function fetched(source, onProgress, signal) {
  if (typeof source !== "string" && !(source instanceof URL || source instanceof Uint8Array || source instanceof ArrayBuffer || source instanceof Blob))
    throw new Error("a network is bytes (Uint8Array, ArrayBuffer), a File or Blob, or an address");
  if (source instanceof Uint8Array) return { bytes: source.slice(), name: "network" };
  if (source instanceof ArrayBuffer) return { bytes: new Uint8Array(source.slice(0)), name: "network" };
  if (source instanceof Blob) return { bytes: new Uint8Array(await source.arrayBuffer()), name: source.name ?? "network" };
  const url = new URL(source, document.baseURI);
  const answer = await fetch(url, { signal }).catch((error) => {
    throw error instanceof TypeError ? new Error(`${url} cannot be fetched: no network, or its server lets no other page have it (CORS)`) : error;
  });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  const total = Number(answer.headers.get("Content-Length")) || 0;
  const parts = [];
  let length = 0;
  for (const reader = answer.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    length += value.length;
    onProgress?.({ stage: "fetch", done: total ? Math.min(length / total, 1) : 0 });
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return { bytes, name: decodeURIComponent(url.pathname.split("/").at(-1) || "network") };
}

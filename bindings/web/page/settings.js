// Requests of the page as the engine's settings, which pictures carry; and the settings of a picture as an address of the page.

// The parameters of a path of `stylegan serve` (docs/serve.md), as index.d.ts's Asked has them.
export function request(path, query, engine, trunc) {
  const whole = Math.max(engine.width, engine.height);
  const side = Number(query.get("size") ?? whole);
  const number = (name) => (query.has(name) ? Number(query.get(name)) : undefined);
  return {
    path: path.slice(1),
    seed: number("seed"),
    with: number("with"),
    layers: runs(query.get("layers")).flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, i) => first + i)),
    to: number("to"),
    t: number("t"),
    psi: number("trunc") ?? trunc,
    cutoff: number("cutoff"),
    moves: movesOf(query),
    class: number("class"),
    noise: noise(query),
    transform: place(query),
    side,
    whole: side === whole,
    extension: "png",
  };
}

// Layers, 0-3,7, as pairs of the first and the last.
export const runs = (layers) => (layers ? layers.split(",").map((part) => part.split("-").map(Number)).map(([first, last = first]) => [first, last]) : []);

export const movesOf = (query) => [...(query.get("moves") ?? "").matchAll(/(\d+):(-?[\d.]+)/g)].map(([, i, step]) => [Number(i), Number(step)]);

export function noise(query) {
  if (query.get("noise") === "random") return Number(query.get("noise_seed") ?? 0);
  return query.get("noise") ?? "const";
}

export function place(query) {
  if (!["translate", "rotate", "zoom"].some((name) => query.has(name))) return undefined;
  const translate = (query.get("translate") ?? "0,0").split(",").map(Number);
  return { translate, rotate: Number(query.get("rotate") ?? 0), zoom: Number(query.get("zoom") ?? 1) };
}

// The name of a file, of a path or an address.
export const of = (name) => name.split(/[?#]/)[0].split(/[/\\]/).at(-1);

// The address of the page that shows what a picture says it shows, of the network `here`.
export function addressOf(settings, here) {
  if (!settings) throw new Error("this picture does not say how it was made");
  const { network, command } = settings;
  const flags = new Map(settings.flags);
  if ((network ?? undefined) !== here) throw new Error(`this picture is of ${network ? `the network ${network}` : "the built-in network"}: open that first`);
  const query = command === "serve" ? new URLSearchParams(flags.get("request")?.split("?")[1]) : ofFlags(flags);
  const path = command === "serve" ? flags.get("request").split("?")[0] : `/${command}`;
  if (!["/image", "/generate", "/mix", "/morph"].includes(path) || !/^\d+$/.test(query.get("seed") ?? ""))
    throw new Error(`this picture shows more than one face of a seed (${command}): \`stylegan inspect\` says how it was made`);
  if (path === "/mix" || path === "/morph") query.set("mode", path.slice(1));
  for (const [theirs, ours] of [["with", "other"], ["to", "other"]]) {
    if (query.has(theirs)) query.set(ours, query.get(theirs));
    query.delete(theirs);
  }
  for (const name of ["size", "format"]) query.delete(name);
  return query;
}

// The flags of `generate` and `mix` as parameters.
function ofFlags(flags) {
  const query = new URLSearchParams();
  const names = { seeds: "seed", rows: "seed", cols: "with", styles: "layers", trunc: "trunc", "trunc-cutoff": "cutoff", class: "class", "noise-mode": "noise", "noise-seed": "noise_seed", translate: "translate", rotate: "rotate", zoom: "zoom" };
  for (const [flag, name] of Object.entries(names)) if (flags.has(flag)) query.set(name, flags.get(flag));
  // `mix` draws a source before it, whose noise is the first.
  if (flags.has("cols") && query.has("noise_seed")) query.set("noise_seed", (Number(query.get("noise_seed")) + (flags.get("rows") !== flags.get("cols") ? 1 : 0)) % 2 ** 32);
  return query;
}

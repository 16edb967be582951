// The controls of the page: what they say of the state, and those that depend on the network.

import { PLACE, all, facts, nameOf, ranges, state, usual } from "./state.js";

const $ = (id) => document.getElementById(id);

// The controls say what the state is.
export function reflect(isFavourite) {
  $("seed").value = state.seed;
  $("trunc").value = state.trunc;
  $("trunc-value").textContent = state.trunc.toFixed(2);
  $("class").value = state.class;
  $("other").value = state.other;
  $("cutoff").value = state.cutoff;
  $("cutoff-value").textContent = state.cutoff === facts.num_ws ? "all" : `${state.cutoff}`;
  // The slider stands where the layers begin; boxes may have said otherwise since.
  $("layer").value = state.layers[0] ?? facts.num_ws;
  $("layer-value").textContent = ranges(state.layers) || "none";
  for (const box of $("layers").querySelectorAll("input")) box.checked = state.layers.includes(Number(box.value));
  $("t").value = state.t;
  $("t-value").textContent = `${Math.round(100 * state.t)} %`;
  state.moves.forEach((step, i) => {
    $(`move-${i}`).value = step;
    $(`move-${i}-value`).textContent = `${step} \u03c3`;
  });
  for (const name of PLACE) {
    $(name).value = state[name];
    $(`${name}-value`).textContent = state[name] + { x: "", y: "", rotate: "\u00b0", zoom: " \u00d7" }[name];
  }
  $("second").hidden = state.mode === "one";
  $("mix-row").hidden = state.mode !== "mix";
  $("morph-row").hidden = state.mode !== "morph";
  for (const button of document.querySelectorAll("[data-noise]")) button.setAttribute("aria-pressed", button.dataset.noise === state.noise);
  for (const radio of document.querySelectorAll("[name=mode]")) radio.checked = radio.value === state.mode;
  const usually = usual();
  for (const button of document.querySelectorAll("[data-reset]")) {
    const [name, i] = button.dataset.reset.split("-");
    button.disabled = i === undefined ? state[name] === usually[name] : !state[name][i];
  }
  $("favourite").setAttribute("aria-pressed", isFavourite);
}

// A slider for each direction, in units of its standard deviation.
export function addMoves(slide) {
  $("moves").hidden = !facts.directions;
  for (let i = 0; i < facts.directions; i++) {
    const row = document.createElement("div");
    row.className = "row";
    const label = Object.assign(document.createElement("label"), { htmlFor: `move-${i}`, textContent: nameOf(i) });
    const slider = Object.assign(document.createElement("input"), { id: `move-${i}`, type: "range", min: -3, max: 3, step: 0.25 });
    const value = Object.assign(document.createElement("output"), { id: `move-${i}-value` });
    value.setAttribute("aria-live", "off");
    const reset = Object.assign(document.createElement("button"), { type: "button", className: "reset", textContent: "\u21ba" });
    reset.dataset.reset = `moves-${i}`;
    reset.setAttribute("aria-label", `Reset ${nameOf(i)}`);
    slide(slider, () => ({ moves: state.moves.map((step, j) => (i === j ? Number(slider.value) : step)) }));
    row.append(label, slider, value, reset);
    $("moves").append(row);
  }
}

// A box for each layer that the second face may give.
export function addLayers(change) {
  for (const layer of all()) {
    const label = document.createElement("label");
    const box = Object.assign(document.createElement("input"), { type: "checkbox", value: layer });
    box.addEventListener("change", () => change({ layers: all().filter((other) => (other === layer ? box.checked : state.layers.includes(other))) }));
    label.append(box, ` ${layer}`);
    $("layers").append(label);
  }
}

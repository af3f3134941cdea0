// What a reader does. The state is a few numbers; a change of it starts a walk in a worker, and what comes back is drawn.
"use strict";

const $ = (id) => document.getElementById(id);
const given = JSON.parse($("data").textContent);
const STEPS = 20;
const STRENGTHS = [0, 0.01, 0.03, 0.1, 0.3, 1, 3, 10];
// Colours that colour-blind readers can tell apart; the outline of a piece says the same.
const PALETTE = ["#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7"];
const PENS = { white: [1, 1, 1], black: [-1, -1, -1], orange: [0.8, 0.25, -1], blue: [-1, -0.1, 0.4] };
const calm = matchMedia("(prefers-reduced-motion: reduce)");

// --- what the page was given -----------------------------------------------------------------------------------------

function bytes(text) {
  const raw = atob(text);
  const out = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) out[i] = raw.charCodeAt(i);
  return out;
}

/** A set from its bytes: 0 is -1, black, and 255 is 1, in float32 as Python computes it. */
function unpacked({ data, ...set }) {
  return { ...set, data: Float64Array.from(bytes(data), (byte) => Math.fround(Math.fround(byte / 127.5) - 1)) };
}

const sets = { main: unpacked(given.main), colours: unpacked(given.colours) };
const code = ["theory", "network", "worker"].map((name) => $(`${name}-source`).textContent).join("\n");
const address = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));

/** A worker that does one job at a time: a new one ends the one before. */
class Helper {
  constructor(known) {
    this.worker = new Worker(address);
    this.id = 0;
    this.worker.onmessage = ({ data }) => {
      if (data.error) throw new Error(data.error);
      if (data.id === this.id) this.tell(data);
    };
    this.worker.postMessage({ sets: known });
  }
  ask(job, tell) {
    this.tell = tell;
    this.worker.postMessage({ ...job, id: ++this.id });
  }
}

const [walker, pointer, guesser] = [new Helper(sets), new Helper(sets), new Helper(sets)];

// --- the state, and its link -----------------------------------------------------------------------------------------

const start = { set: "main", seed: given.seed, k: given.k, boundary: "zeros", where: "anywhere", g: 0, step: STEPS, pixel: given.pixel, without: [] };
const state = { ...start };
let shown = null; // what is drawn: {set, machines, steps: answers of each step}
let selected = 0; // a training image
let earlier = null; // the picture before an image was taken away

/** The state from a link such as #k=5&seed=3; what is not understood stays as it was. */
function readLink() {
  const numbers = { seed: 2 ** 32 - 1, k: 2 * sets.main.height - 1, step: STEPS, pixel: sets.main.height * sets.main.width - 1, g: 100 };
  for (const [name, text] of new URLSearchParams(location.hash.slice(1))) {
    const value = Number(text);
    if (name in numbers && text !== "" && value >= 0 && value <= numbers[name]) state[name] = name === "g" ? value : Math.floor(value);
    else if (name === "set" && text in sets) state.set = text;
    else if (name === "boundary" && ["zeros", "circular"].includes(text)) state.boundary = text;
    else if (name === "where" && ["anywhere", "here"].includes(text)) state.where = text;
    else if (name === "without") state.without = text.split(",").map(Number).filter((n) => Number.isInteger(n) && n >= 0);
  }
}

function link() {
  const changed = Object.entries(state).filter(([name, value]) => `${value}` !== `${start[name]}` && !(name === "set" && value === "own"));
  return `${location.href.split("#")[0]}#${new URLSearchParams(changed.map(([name, value]) => [name, `${value}`]))}`;
}

function machinesNow() {
  const name = state.where === "anywhere" ? "ELS" : "LS";
  return [{ name: "IS" }, { name, k: state.k, boundary: state.boundary, strength: state.g }];
}

/** The state is put right (a torus holds no window larger than itself), shown by all controls, and walked. */
function changed() {
  const set = sets[state.set];
  const most = state.boundary === "zeros" ? 2 * Math.max(set.height, set.width) - 1 : Math.min(set.height, set.width);
  const largest = most - ((most + 1) % 2);
  state.k = Math.min(state.k - ((state.k + 1) % 2), largest);
  state.without = state.without.filter((n) => n < set.count).slice(0, set.count - 1);
  Object.assign($("k"), { max: largest, value: state.k });
  $("k-text").value = $("k-caption").textContent = `${state.k} × ${state.k}`;
  $("seed").value = $("compare-seed").textContent = state.seed;
  $("g").value = STRENGTHS.reduce((best, g, i) => (Math.abs(g - state.g) < Math.abs(STRENGTHS[best] - state.g) ? i : best), 0);
  $("g-text").value = state.g;
  for (const name of ["boundary", "where"]) document.querySelector(`[name="${name}"][value="${state[name]}"]`).checked = true;
  $("give-back").disabled = state.without.length === 0;
  history.replaceState(null, "", link());
  walk();
}

let waiting = 0;
function soon(change) {
  clearTimeout(waiting);
  waiting = setTimeout(change, 120);
}

// --- the walk --------------------------------------------------------------------------------------------------------

function walk() {
  const machines = machinesNow();
  const next = { set: sets[state.set], name: state.set, machines, without: [...state.without], steps: [] };
  stop();
  document.body.dataset.busy = "walk";
  walker.ask({ job: "walk", set: state.set, without: state.without, seed: state.seed, steps: STEPS, machines }, (result) => {
    if (!result.done) {
      next.steps[result.step] = result.answers;
      $("status").textContent = `Step ${result.step} of ${STEPS}`;
      if (calm.matches) return;
      shown = next;
      draw(result.step);
      return;
    }
    shown = next;
    delete document.body.dataset.busy;
    draw(state.step);
    tellResult();
    drawTraining();
    point();
    compareBefore();
  });
}

function tellResult() {
  const [whole, pieces] = shown.steps[STEPS];
  const used = new Set(origins(pieces).filter((n) => n >= 0));
  const distance = Math.sqrt(whole.x.reduce((sum, value, i) => sum + (value - whole.x0Hat[i]) ** 2, 0) / whole.x.length);
  const recited = distance < 0.02 ? `is training picture ${whole.image[0]}` : `is nearest to training picture ${whole.image[0]}`;
  $("status").textContent = `The left picture ${recited}. The right one has pixels from ${used.size} training pictures.`;
}

/** The training image of each pixel, where one candidate has more than half of its weight; else -1. */
function origins(answer) {
  return Array.from(answer.image, (n, p) => (answer.weight[p] > 0.5 ? n : -1));
}

/** How many pixels each training image gave at the end, the largest giver first: [[image, pixels], ...]. */
function givers() {
  const counts = new Map();
  for (const n of origins(shown.steps[STEPS][1])) if (n >= 0) counts.set(n, (counts.get(n) ?? 0) + 1);
  return [...counts].sort(([n, one], [m, other]) => other - one || n - m);
}

let playing = 0;
function stop() {
  clearInterval(playing);
  playing = 0;
  $("play").textContent = "Play";
  $("play").setAttribute("aria-pressed", "false");
}

function play() {
  if (playing) return stop();
  if (!shown || document.body.dataset.busy) return;
  setStep(state.step === STEPS ? 0 : state.step);
  playing = setInterval(() => (state.step < STEPS ? setStep(state.step + 1) : stop()), calm.matches ? 800 : 220);
  $("play").textContent = "Pause";
  $("play").setAttribute("aria-pressed", "true");
}

function setStep(step) {
  state.step = step;
  draw(step);
  point();
}

// --- drawing ---------------------------------------------------------------------------------------------------------

/** Draw an image of a set onto a canvas, `scale` screen pixels for each of its own; values beyond [-1, 1] are shown as black or white. */
function paint(canvas, image, set, scale, left = 0, top = 0) {
  const { height, width, channels } = set;
  const context = canvas.getContext("2d");
  for (let p = 0; p < height * width; p++) {
    const level = (c) => Math.round(Math.min(Math.max((image[p * channels + (c % channels)] + 1) / 2, 0), 1) * 255);
    context.fillStyle = `rgb(${level(0)} ${level(1)} ${level(2)})`;
    context.fillRect(left + (p % width) * scale, top + Math.floor(p / width) * scale, scale, scale);
  }
  return context;
}

function picture(canvas, image, set, scale = 20) {
  [canvas.width, canvas.height] = [set.width * scale, set.height * scale];
  return paint(canvas, image, set, scale);
}

function training(n, set = shown.set) {
  const size = set.data.length / set.count;
  return set.data.subarray(n * size, (n + 1) * size);
}

/** A frame around rows and columns, light and dark, so that it is seen on any picture. */
function frame(context, column, row, columns, rows, scale, dashed = false) {
  for (const [colour, width, dash] of [["#000", 5, []], ["#fff", 2, dashed ? [6, 4] : []]]) {
    context.setLineDash(dash);
    [context.strokeStyle, context.lineWidth] = [colour, width];
    context.strokeRect(column * scale, row * scale, columns * scale, rows * scale);
  }
}

/** Lines between neighbours of different origins, and a tint for each. */
function outline(context, origin, tint, set, scale) {
  const { height, width } = set;
  for (let p = 0; p < height * width; p++) {
    const [row, column] = [Math.floor(p / width), p % width];
    if (tint(p)) {
      [context.globalAlpha, context.fillStyle] = [0.45, tint(p)];
      context.fillRect(column * scale, row * scale, scale, scale);
      context.globalAlpha = 1;
    }
    context.fillStyle = "#fff";
    if (column + 1 < width && origin[p] !== origin[p + 1]) context.fillRect((column + 1) * scale - 1, row * scale, 2, scale);
    if (row + 1 < height && origin[p] !== origin[p + width]) context.fillRect(column * scale, (row + 1) * scale - 1, scale, 2);
  }
}

function draw(step) {
  const { set, steps } = shown;
  const [whole, right] = steps[step];
  const image = (answer) => ($("estimate").checked ? answer.x0Hat : answer.x);
  picture($("whole"), image(whole), set);
  const context = picture($("window"), image(right), set);
  const origin = origins(right);
  if ($("pieces").checked) {
    const rank = new Map([...new Set(origin)].filter((n) => n >= 0).map((n) => [n, 0]));
    for (const n of origin) if (n >= 0) rank.set(n, rank.get(n) + 1);
    const order = [...rank].sort(([n, one], [m, other]) => other - one || n - m).map(([n]) => n);
    outline(context, origin, (p) => (origin[p] < 0 ? null : PALETTE[order.indexOf(origin[p]) % PALETTE.length]), set, 20);
  }
  if ($("training") === document.activeElement) {
    for (let p = 0; p < origin.length; p++) if (origin[p] === selected) frame(context, p % set.width, Math.floor(p / set.width), 1, 1, 20);
  }
  const k = shown.machines[1].k;
  const [row, column] = [Math.floor(state.pixel / set.width), state.pixel % set.width];
  frame(context, column - (k >> 1), row - (k >> 1), k, k, 20, true);
  frame(context, column, row, 1, 1, 20);
  $("step").value = step;
  const t = 1 - step / STEPS;
  $("step-text").value = `t = ${t.toFixed(2)}`;
  $("step").setAttribute("aria-valuetext", `step ${step}, t = ${t.toFixed(2)}`);
}

// --- pointing --------------------------------------------------------------------------------------------------------

function point() {
  if (!shown || document.body.dataset.busy) return;
  const [{ set, name, without, steps }, { step, pixel }, machine] = [shown, state, shown.machines[1]];
  const { x, t, heard: told } = steps[step][1];
  pointer.ask({ job: "point", set: name, without, machine, x, t, pixel, heard: told, most: 6 }, (found) => {
    if (!found.done) tellPoint(found, set, machine, x, pixel, t);
  });
}

function tellPoint(found, set, machine, x, pixel, t) {
  const [row, column] = [Math.floor(pixel / set.width), pixel % set.width];
  drawWindow($("seen"), x, set, pixel, machine);
  $("seen-text").textContent = `window at row ${row}, column ${column}`;
  $("bars").replaceChildren(...found.shown.map((one) => bar(one, set, machine)));
  const rest = Math.max(1 - found.shown.reduce((sum, one) => sum + one.weight, 0), 0);
  const best = found.shown[0];
  const share = best.weight > 0.999 ? "all the weight" : `${percent(best.weight)} of the weight`;
  $("bars-text").textContent =
    `t = ${t.toFixed(2)}: training picture ${best.image} has ${share}. These ${found.shown.length} have ${percent(1 - rest)}, ` +
    `and ${found.count.toLocaleString("en")} patches were compared.`;
  selected = best.image;
  drawTraining();
}

function percent(share) {
  return `${(100 * share).toFixed(share > 0 && share < 0.1 ? 2 : 0)} %`;
}

function bar({ image, place, weight }, set, machine) {
  const item = document.createElement("li");
  const [patch, whole] = [document.createElement("canvas"), document.createElement("canvas")];
  drawWindow(patch, training(image, set), set, place, machine);
  const k = machine.k;
  const context = picture(whole, training(image, set), set, 8);
  frame(context, (place % set.width) - (k >> 1), Math.floor(place / set.width) - (k >> 1), k, k, 8);
  for (const canvas of [patch, whole]) canvas.setAttribute("role", "img");
  patch.setAttribute("aria-label", "its patch");
  whole.setAttribute("aria-label", `training picture ${image}, with the patch outlined`);
  const text = document.createElement("span");
  text.textContent = `${percent(weight)}, no. ${image}`;
  const line = Object.assign(document.createElement("span"), { className: "bar" });
  line.style.width = `${100 * weight}%`;
  text.append(line);
  item.append(patch, whole, text);
  return item;
}

/** The window around a pixel; grey stripes are what lies past the border, where it shows zeros. */
function drawWindow(canvas, image, set, pixel, machine) {
  const { k, boundary } = machine;
  const seen = { height: k, width: k, channels: set.channels };
  const out = new Float64Array(k * k * set.channels);
  for (let i = 0; i < k * k; i++) {
    const row = Math.floor(pixel / set.width) + Math.floor(i / k) - (k >> 1);
    const column = (pixel % set.width) + (i % k) - (k >> 1);
    const inside = boundary === "circular" || (row >= 0 && row < set.height && column >= 0 && column < set.width);
    const from = ((row + set.height) % set.height) * set.width + ((column + set.width) % set.width);
    for (let c = 0; c < set.channels; c++) out[i * set.channels + c] = inside ? image[from * set.channels + c] : 0;
  }
  const scale = Math.max(2, Math.floor(126 / k));
  frame(picture(canvas, out, seen, scale), k >> 1, k >> 1, 1, 1, scale);
}

const CELL = 2; // screen pixels for each pixel of a small training picture
function trainingGrid() {
  const [wide, tall] = [shown.set.width * CELL + 4, shown.set.height * CELL + 4];
  const columns = Math.max(1, Math.floor($("training").parentElement.clientWidth / wide));
  return { wide, tall, columns, rows: Math.ceil(shown.set.count / columns) };
}

let drawn = ""; // which set, at which width, the grid shows
function drawTraining() {
  const { wide, tall, columns, rows } = trainingGrid();
  const canvas = $("training");
  const key = [state.set, shown.set.count, columns].join();
  if (key !== drawn) {
    [canvas.width, canvas.height] = [columns * wide, rows * tall];
    canvas.style.width = `${columns * wide}px`;
    shown.base = null;
    drawn = key;
  }
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  const gave = new Map(givers());
  for (let n = 0; n < shown.set.count; n++) {
    const [left, top] = [(n % columns) * wide, Math.floor(n / columns) * tall];
    context.globalAlpha = shown.without.includes(n) ? 0.2 : 1;
    paint(canvas, training(n), shown.set, CELL, left + 2, top + 2);
    context.globalAlpha = 1;
    if (gave.has(n)) {
      context.fillStyle = PALETTE[0];
      context.fillRect(left + 2, top + tall - 4, Math.max(4, (wide - 4) * Math.min(1, gave.get(n) / 40)), 3);
    }
    if (n === selected) frame(context, left + 2, top + 2, wide - 4, tall - 4, 1);
  }
  const count = gave.get(selected) ?? 0;
  $("training-text").textContent = `Training picture ${selected} gave ${count} ${count === 1 ? "pixel" : "pixels"}. A line below a picture: it gave some.`;
}

function select(n) {
  selected = Math.min(Math.max(n, 0), shown.set.count - 1);
  drawTraining();
  draw(state.step);
}

// --- noise over a training picture -----------------------------------------------------------------------------------

let first = 0;
function guess() {
  const [set, t] = [sets.main, $("level").value / 100];
  const clean = training(first, set);
  const x = addNoise(clean, unitNoise(state.seed, clean.length), ...cosine(t));
  $("level-text").value = t.toFixed(2);
  picture($("clean"), clean, set);
  picture($("noisy"), x, set);
  guesser.ask({ job: "denoise", set: "main", without: [], machines: [{ name: "IS" }], x, t }, ({ done, answers }) => {
    if (done) return;
    const [{ x0Hat, image, weight }] = answers;
    picture($("guess"), x0Hat, set);
    const which = image[0] === first ? "this picture" : `another one, no. ${image[0]}`;
    $("guess-text").textContent = `The nearest training picture is ${which}. It has ${percent(weight[0])} of the weight.`;
  });
}

// --- pictures of one's own -------------------------------------------------------------------------------------------

const sheet = { count: 1, height: 16, width: 16, channels: 3, data: new Float64Array(768).fill(-1) };
const own = []; // each as 768 numbers
let [pen, at] = ["white", 0];

function drawPad() {
  frame(picture($("pad"), sheet.data, sheet), at % 16, Math.floor(at / 16), 1, 1, 20);
}

function dot(pixel) {
  at = pixel;
  sheet.data.set(PENS[pen], pixel * 3);
  drawPad();
}

function addOwn(image) {
  own.push(Float64Array.from(image));
  const button = Object.assign(document.createElement("button"), { type: "button", title: "Take it out" });
  const canvas = document.createElement("canvas");
  picture(canvas, image, sheet, 4);
  button.append(canvas);
  button.setAttribute("aria-label", `Your picture ${own.length}: take it out`);
  const mine = own.at(-1);
  button.onclick = () => {
    own.splice(own.indexOf(mine), 1);
    button.remove();
    tellOwn();
  };
  $("own-pictures").append(button);
  tellOwn();
}

function tellOwn(text = "") {
  $("use-own").disabled = own.length === 0;
  $("own-text").textContent = `${text}You have ${own.length || "no"} ${own.length > 1 ? "pictures" : "picture"}${own.length ? "" : " yet"}.`;
}

/** Files as pictures of 16 x 16: the largest square in their middle, made smaller. */
async function addFiles(files) {
  const failed = [];
  for (const file of files) {
    try {
      const bitmap = await createImageBitmap(file);
      const side = Math.min(bitmap.width, bitmap.height);
      const small = Object.assign(document.createElement("canvas"), { width: 16, height: 16 });
      const context = small.getContext("2d");
      context.imageSmoothingQuality = "high";
      context.drawImage(bitmap, (bitmap.width - side) / 2, (bitmap.height - side) / 2, side, side, 0, 0, 16, 16);
      const { data } = context.getImageData(0, 0, 16, 16);
      addOwn(Float64Array.from({ length: 768 }, (_, i) => data[Math.floor(i / 3) * 4 + (i % 3)] / 127.5 - 1));
    } catch {
      failed.push(file.name);
    }
  }
  if (failed.length) tellOwn(`This browser cannot read ${failed.join(", ")} as a picture. `);
}

function useOwn() {
  sets.own = { ...sheet, count: own.length, data: Float64Array.from(own.flatMap((image) => [...image])) };
  for (const helper of [walker, pointer]) helper.worker.postMessage({ sets: { own: sets.own } });
  use({ set: "own", g: 0 });
}

/** Another set: what belonged to the old one is forgotten. */
function use(change) {
  Object.assign(state, { without: [] }, change);
  [selected, earlier] = [0, null];
  changed();
}

// --- what leaves the page --------------------------------------------------------------------------------------------

async function copy(text, what) {
  $("copied").textContent = await navigator.clipboard.writeText(text).then(() => `${what} is copied.`, () => `${what}: copy it from below.`);
  $("python").textContent = text;
}

function python() {
  if (state.set === "own") return "# Your own pictures are not in this page's link or code. With a folder of them:\n# minidiff explore --data FOLDER";
  const { height, width, channels, call } = sets[state.set];
  const candidates_ = state.where === "anywhere" ? "anywhere" : "colocated";
  return `import numpy as np
import minidiff as md
from minidiff import explore

images, _ = ${call}
images = explore.as_shown(images).astype(np.float64)
images = np.delete(images, [${state.without}], axis=0)
machine = md.AttentionScore(
    images, md.schedules.cosine(), window=${state.k}, boundary="${state.boundary}", candidates="${candidates_}", strength=${state.g}
)
noise = explore.noise(${state.seed}, (1, ${height}, ${width}, ${channels}))
for step in md.process.ddim(machine, machine.schedule, noise=noise, steps=${STEPS}):
    pass
md.plots.grid(step.x)
`;
}

// --- a trained network, and a training image less --------------------------------------------------------------------

let comparer = null;
function compare() {
  const digits = sets.digits ?? (sets.digits = unpacked(given.digits));
  comparer ??= new Helper({ digits });
  const { depth, windows, params, data } = given.network;
  const numbers = new Float32Array(bytes(data).buffer);
  const network = { depth, tall: digits.height, wide: digits.width, params: {} };
  for (const [name, begin, end] of params) network.params[name] = numbers.subarray(begin, end);
  const machines = [{ name: "ELS", k: windows.ELS }, { name: "LS", k: windows.LS }, { name: "IS" }];
  const job = { job: "compare", set: "digits", without: [], seed: state.seed, steps: STEPS, network };
  $("compare-progress").hidden = false;
  comparer.ask({ ...job, machines: machines.map((one) => ({ ...one, boundary: "zeros" })) }, (result) => {
    if (result.done) {
      $("compare-progress").hidden = true;
      $("compare-text").textContent = `Computed here, from the noise of seed ${job.seed}.`;
      return;
    }
    $("compare-progress").value = result.step;
    for (const [i, figure] of document.querySelectorAll("#comparison figure").entries()) {
      const canvas = document.createElement("canvas");
      picture(canvas, result.x[i], digits, 8);
      figure.querySelector("img").src = canvas.toDataURL();
      if (i) figure.querySelector("b").textContent = `r = ${result.r[i - 1].toFixed(2)}`;
    }
  });
}

function take(n) {
  earlier = { x: shown.steps[STEPS].map((answer) => answer.x), set: shown.set, seed: state.seed };
  state.without.push(n);
  changed();
}

/** The picture before and after, once a training image was taken away. */
function compareBefore() {
  const visible = earlier !== null && earlier.set === shown.set && shown.without.length > 0;
  $("before-after").hidden = !visible;
  if (!visible) return;
  const { height, width, channels } = shown.set;
  const after = shown.steps[STEPS].map((answer) => answer.x);
  const far = after.map((x, i) => Array.from({ length: height * width }, (_, p) => {
    for (let c = 0; c < channels; c++) if (Math.abs(x[p * channels + c] - earlier.x[i][p * channels + c]) > 0.1) return true;
    return false;
  }));
  picture($("before"), earlier.x[1], shown.set);
  picture($("after"), after[1], shown.set);
  const context = picture($("change"), after[1], shown.set);
  for (const [p, moved] of far[1].entries()) if (moved) frame(context, p % width, Math.floor(p / width), 1, 1, 20);
  const [left, right] = far.map((one) => one.filter(Boolean).length);
  $("taken").textContent = `Without training picture ${shown.without.join(", ")}: the right picture changes in ${right} of ${height * width} pixels, ` +
    `the left one in ${left}. A change of less than a twentieth of the range is not counted.`;
}

// --- hands and keys --------------------------------------------------------------------------------------------------

/** Call act(pixel) where a pointer is on a canvas of columns x rows cells, and move(pixel) for the arrow keys. */
function cells(canvas, shape, where, act, whenHovering) {
  const touch = (event) => {
    const box = canvas.getBoundingClientRect();
    const [columns, rows] = shape();
    const column = Math.floor(((event.clientX - box.left - 1) / (box.width - 2)) * columns);
    const row = Math.floor(((event.clientY - box.top - 1) / (box.height - 2)) * rows);
    if (column >= 0 && column < columns && row >= 0 && row < rows) act(row * columns + column);
  };
  canvas.addEventListener("pointerdown", touch);
  canvas.addEventListener("pointermove", (event) => (event.buttons || (whenHovering && event.pointerType === "mouse")) && touch(event));
  canvas.addEventListener("keydown", (event) => {
    const [columns, rows] = shape();
    const [row, column] = [Math.floor(where() / columns), where() % columns];
    const move = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!move) return;
    event.preventDefault();
    const to = [Math.min(Math.max(row + move[0], 0), rows - 1), Math.min(Math.max(column + move[1], 0), columns - 1)];
    act(to[0] * columns + to[1], true);
  });
}

function wire() {
  const on = (name, event, act) => $(name).addEventListener(event, act);
  const choose = (change) => (Object.assign(state, change), changed());
  on("level", "input", guess);
  on("another", "click", () => ((first = (first + 1) % sets.main.count), guess()));
  on("play", "click", play);
  on("step", "input", (event) => (stop(), shown && setStep(Math.min(Number(event.target.value), shown.steps.length - 1))));
  for (const name of ["pieces", "estimate"]) on(name, "change", () => shown && draw(state.step));
  on("new-noise", "click", () => choose({ seed: (state.seed + 1) % 2 ** 32 }));
  on("seed", "change", (event) => choose({ seed: Math.min(Math.max(Math.floor(Number(event.target.value)) || 0, 0), 2 ** 32 - 1) }));
  on("k", "input", (event) => {
    state.k = Number(event.target.value);
    $("k-text").value = `${state.k} × ${state.k}`;
    soon(changed);
  });
  for (const button of document.querySelectorAll("[data-k]")) button.onclick = () => choose({ k: Number(button.dataset.k), set: "main", seed: given.seed });
  for (const input of document.querySelectorAll("[name=boundary], [name=where]")) input.onchange = () => choose({ [input.name]: input.value });
  on("use-colours", "click", () => use({ set: "colours", k: 7 }));
  on("g", "input", (event) => {
    state.g = STRENGTHS[event.target.value];
    $("g-text").value = state.g;
    soon(changed);
  });
  on("use-main", "click", () => use({ set: "main", g: 0, k: given.k }));
  on("add", "click", () => addOwn(sheet.data));
  on("clear", "click", () => (sheet.data.fill(-1), drawPad()));
  on("use-own", "click", useOwn);
  on("files", "change", (event) => addFiles(event.target.files));
  for (const name of ["dragover", "dragleave", "drop"]) {
    on("drop", name, (event) => {
      event.preventDefault();
      $("drop").classList.toggle("over", name === "dragover");
      if (name === "drop") addFiles(event.dataTransfer.files);
    });
  }
  on("copy-link", "click", () => copy(link(), "The link"));
  on("copy-python", "click", () => copy(python(), "The code"));
  on("compare", "click", compare);
  on("take", "click", () => shown && take(givers()[0]?.[0] ?? selected));
  on("give-back", "click", () => ((earlier = null), choose({ without: [] })));
  cells($("window"), () => [shown.set.width, shown.set.height], () => state.pixel, (pixel) => {
    state.pixel = pixel;
    draw(state.step);
    point();
  }, true);
  cells($("training"), () => [trainingGrid().columns, trainingGrid().rows], () => selected, select, true);
  cells($("pad"), () => [16, 16], () => at, (pixel, moved) => (moved ? ((at = pixel), drawPad()) : dot(pixel)), false);
  on("pad", "keydown", (event) => event.key === " " && (event.preventDefault(), dot(at)));
  for (const name of Object.keys(PENS)) {
    const label = document.createElement("label");
    const input = Object.assign(document.createElement("input"), { type: "radio", name: "pen", value: name, checked: name === pen });
    input.onchange = () => (pen = name);
    label.append(input, ` ${name}`);
    $("pens").append(label);
  }
  addEventListener("resize", () => shown && drawTraining());
  addEventListener("hashchange", () => (readLink(), changed()));
}

wire();
readLink();
drawPad();
guess();
changed();

// What a reader does. The state is a few numbers; a change of it starts a walk in a worker, and what comes back is drawn.
"use strict";

const $ = (id) => document.getElementById(id);
const make = (tag, fields) => Object.assign(document.createElement(tag), fields);
const given = JSON.parse($("data").textContent);
const STEPS = 20;
const STRENGTHS = [0, 0.01, 0.03, 0.1, 0.3, 1, 3, 10];
// Colours that colour-blind readers can tell apart; lines between the pieces say the same.
const PALETTE = ["#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7"];
const PENS = { white: [1, 1, 1], black: [-1, -1, -1], orange: [0.8, 0.25, -1], blue: [-1, -0.1, 0.4] };
const calm = matchMedia("(prefers-reduced-motion: reduce)");

const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

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
      if (data.done) this.done = data.id;
    };
    this.worker.postMessage({ sets: known });
  }
  ask(job, tell) {
    this.tell = tell;
    this.worker.postMessage({ ...job, id: ++this.id });
  }
}

const [walker, pointer, guesser] = [new Helper(sets), new Helper(sets), new Helper(sets)];

// --- the state, and its link
const start = { set: "main", boundary: "zeros", where: "anywhere", g: 0, step: STEPS, ...given.start };
const state = { ...start, without: [] };
const ALLOWED = { set: ["main", "colours"], boundary: ["zeros", "circular"], where: ["anywhere", "here"], g: STRENGTHS };
const MOST_OF = { seed: 2 ** 32 - 1, k: 2 * MOST - 1, step: STEPS, pixel: MOST * MOST - 1 };
let shown = null; // what is drawn: {set, name, machine, without, steps: the answers of both at each step}
let selected = -1; // the training image whose pixels are outlined, if any
let earlier = null; // the walk before an image was taken away

/** The state from a link such as #k=5&seed=3; what is missing, or not understood, is as it was at first. */
function readLink() {
  const told = new URLSearchParams(location.hash.slice(1));
  Object.assign(state, start);
  for (const [name, text] of told) {
    if (name in ALLOWED) state[name] = ALLOWED[name].find((one) => `${one}` === text) ?? start[name];
    if (name in MOST_OF && /^\d+$/.test(text) && Number(text) <= MOST_OF[name]) state[name] = Number(text);
  }
  state.without = (told.get("without") ?? "").split(",").filter((text) => /^\d+$/.test(text)).map(Number);
}

function link() {
  const told = Object.entries(state).filter(([name, value]) => `${value}` !== `${start[name] ?? ""}` && value !== "own");
  return `${location.href.split("#")[0]}#${new URLSearchParams(told)}`;
}

/** Take in a change of the state, put it right (no window is larger than a torus), show it on all controls, and walk. */
function choose(change) {
  Object.assign(state, change);
  const { count, height, width } = sets[state.set];
  const side = Math.min(height, width);
  const most = state.boundary === "zeros" ? 2 * Math.max(height, width) - 1 : side - 1 + (side % 2);
  state.k = Math.min(Math.max(state.k - 1 + (state.k % 2), 1), most);
  state.pixel = Math.min(state.pixel, height * width - 1);
  state.without = [...new Set(state.without)].filter((n) => n < count).slice(0, count - 1);
  Object.assign($("k"), { max: most, value: state.k });
  $("g").value = STRENGTHS.indexOf(state.g);
  $("seed").value = $("compare-seed").textContent = state.seed;
  for (const name of ["boundary", "where"]) document.querySelector(`[name="${name}"][value="${state[name]}"]`).checked = true;
  $("give-back").disabled = state.without.length === 0;
  tellSliders();
  history.replaceState(null, "", link());
  walk();
}

function tellSliders() {
  $("k-text").value = $("k-caption").textContent = `${state.k} × ${state.k}`;
  $("g-text").value = state.g;
}

/** A change by a slider, which may go on: the walk waits for a moment. */
function slide(change) {
  Object.assign(state, change);
  tellSliders();
  clearTimeout(slide.waiting);
  slide.waiting = setTimeout(choose, 120);
}

// --- the walk
function walk() {
  const { set, boundary, where, without } = state;
  const machine = { name: where === "anywhere" ? "ELS" : "LS", k: state.k, boundary, strength: state.g };
  const next = { set: sets[set], name: set, machine, without: [...without], steps: [] };
  const whole = where === "anywhere" && boundary === "circular" ? "ES" : "IS";
  const job = { job: "walk", set, without, seed: state.seed, steps: STEPS, machines: [{ name: whole }, machine] };
  $("whole-caption").textContent = whole === "ES" ? "sees all, moved too" : "sees all";
  pause();
  document.body.dataset.busy = "walk";
  walker.ask(job, ({ done, step, answers }) => {
    if (!done) {
      next.steps[step] = answers;
      $("status").textContent = `Step ${step} of ${STEPS}`;
      if (calm.matches) return;
      shown = next;
      draw(step);
      return;
    }
    delete document.body.dataset.busy;
    shown = next;
    setStep(state.step);
    const [{ x, x0Hat, image }, second] = shown.steps[STEPS];
    const near = x.some((value, i) => Math.abs(value - x0Hat[i]) > 0.05) ? "nearest to " : "";
    const count = givers(second).length;
    const moved = whole === "ES" ? ", moved" : "";
    $("status").textContent = `At the end the first picture is ${near}training picture ${image[0]}${moved}, `
      + `and the pixels of the second ${count ? `come from ${count}` : "have no single source"}.`;
    compareBefore();
  });
}

/** The training image of each pixel, where one candidate has more than half of its weight; else -1. */
function origins(answer) {
  return Array.from(answer.image, (n, p) => (answer.weight[p] > 0.5 ? n : -1));
}

/** How many pixels each training image gave, the largest giver first: [[image, pixels], ...]. */
function givers(answer) {
  const counts = new Map();
  for (const n of origins(answer)) if (n >= 0) counts.set(n, (counts.get(n) ?? 0) + 1);
  return [...counts].sort(([n, one], [m, other]) => other - one || n - m);
}

function pause() {
  clearInterval(play.timer);
  play.timer = 0;
  $("play").textContent = "Play";
}

function play() {
  if (play.timer || document.body.dataset.busy) return pause();
  setStep(state.step === STEPS ? 0 : state.step);
  play.timer = setInterval(() => (state.step < STEPS ? setStep(state.step + 1) : pause()), calm.matches ? 800 : 220);
  $("play").textContent = "Pause";
  return undefined;
}

function setStep(step) {
  state.step = step;
  draw(step);
  point();
}

// --- drawing
const small = make("canvas");

/** Draw an image of a set, `scale` screen pixels for each of its own; values beyond [-1, 1] are shown as black or white. */
function paint(context, image, { height, width, channels }, scale, left = 0, top = 0) {
  const pixels = new ImageData(width, height); // it rounds, and keeps to 0 and 255
  for (let p = 0; p < height * width; p++) {
    for (let c = 0; c < 4; c++) pixels.data[p * 4 + c] = c < 3 ? (image[p * channels + (c % channels)] + 1) * 127.5 : 255;
  }
  Object.assign(small, { width, height }).getContext("2d").putImageData(pixels, 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(small, left, top, width * scale, height * scale);
}

/** The same on a whole canvas, sharp at the size at which it is shown; {context, set, scale}. */
function picture(canvas, image, set, pixels = canvas.clientWidth * devicePixelRatio) {
  const scale = Math.max(2, Math.round(pixels / set.width));
  [canvas.width, canvas.height] = [set.width * scale, set.height * scale];
  const context = canvas.getContext("2d");
  paint(context, image, set, scale);
  return { context, set, scale };
}

const training = (n, { data, count }) => data.subarray((n * data.length) / count, ((n + 1) * data.length) / count);

/** A frame around rows and columns, light on dark, so that it is seen on any picture. */
function frame({ context, scale }, column, row, columns = 1, rows = 1, dash = []) {
  const thin = Math.min(Math.max(scale / 6, 1), 2);
  for (const [colour, width, dashes] of [["#000", thin + 3, []], ["#fff", thin, dash]]) {
    context.setLineDash(dashes);
    [context.strokeStyle, context.lineWidth] = [colour, width];
    context.strokeRect(column * scale, row * scale, columns * scale, rows * scale);
  }
}

/** The window of a pixel; on a torus it goes on at the other side. */
function frameWindow(drawn, pixel, { k, boundary }, dash) {
  const { width, height } = drawn.set;
  const [row, column] = [Math.floor(pixel / width) - (k >> 1), (pixel % width) - (k >> 1)];
  const turns = boundary === "circular" ? [-1, 0, 1] : [0];
  for (const i of turns) for (const j of turns) frame(drawn, column + j * width, row + i * height, k, k, dash);
}

/** Lines between neighbours that differ. */
function part({ context, scale, set }, region, colour, thick) {
  context.fillStyle = colour;
  const line = (column, row, wide, tall) => {
    context.fillRect(column * scale - thick / 2, row * scale - thick / 2, wide * scale + thick, tall * scale + thick);
  };
  for (let p = 0; p < region.length; p++) {
    const [row, column] = [Math.floor(p / set.width), p % set.width];
    if (column + 1 < set.width && region[p] !== region[p + 1]) line(column + 1, row, 0, 1);
    if (row + 1 < set.height && region[p] !== region[p + set.width]) line(column, row + 1, 1, 0);
  }
}

function draw(step) {
  const { set, machine, steps } = shown;
  const [first, second] = steps[step];
  const image = (answer) => ($("estimate").checked ? answer.x0Hat : answer.x);
  picture($("whole"), image(first), set);
  const drawn = picture($("window"), image(second), set);
  frameWindow(drawn, state.pixel, machine, [6, 4]);
  frame(drawn, state.pixel % set.width, Math.floor(state.pixel / set.width));
  const [origin, order] = [origins(second), givers(second).map(([n]) => n)];
  const mosaic = picture($("mosaic"), image(second), set);
  const { context, scale } = mosaic;
  context.globalAlpha = 0.45;
  for (const [p, n] of origin.entries()) {
    context.fillStyle = n < 0 ? "#0000" : PALETTE[order.indexOf(n) % PALETTE.length];
    context.fillRect((p % set.width) * scale, Math.floor(p / set.width) * scale, scale, scale);
  }
  context.globalAlpha = 1;
  part(mosaic, origin, "#fff", scale > 10 ? 2 : 1);
  const chosen = origin.map((n) => n >= 0 && n === selected);
  part(mosaic, chosen, "#000", 8);
  part(mosaic, chosen, "#fff", 4);
  $("step").value = step;
  $("step-text").value = `t = ${(1 - step / STEPS).toFixed(2)}`;
}

// --- pointing
const percent = (share) => (share < 0.0001 ? "under 0.01 %" : `${(100 * share).toFixed(share < 0.1 ? 2 : 0)} %`);

function point() {
  if (!shown || document.body.dataset.busy) return;
  const { set, name, without, steps, machine } = shown;
  const { x, t, heard: told } = steps[state.step][1];
  const job = { job: "point", set: name, without, machine, x, t, pixel: state.pixel, heard: told, most: 6 };
  pointer.ask(job, ({ done, count, shown: best }) => {
    if (done) return;
    drawWindow($("seen"), x, set, job.pixel, machine);
    $("seen-text").textContent = `window at row ${Math.floor(job.pixel / set.width)}, column ${job.pixel % set.width}`;
    $("bars").replaceChildren(...best.map((one) => bar(one, set, machine)));
    const sum = percent(best.reduce((total, one) => total + one.weight, 0));
    const all = best.length > 1 ? `; the ${best.length} above have ${sum}` : "";
    $("bars-text").textContent = `t = ${t.toFixed(2)}: ${count.toLocaleString("en")} patches were compared. `
      + `The best, of training picture ${best[0].image}, has ${percent(best[0].weight)} of the weight${all}.`;
    drawTraining(best[0].image);
    const { columns, tall } = grid();
    $("training").parentElement.scrollTop = (Math.floor(best[0].image / columns) - 2) * tall;
  });
}

/** One candidate: its patch, its place in the training image, and its weight as a bar. */
function bar({ image, place, weight }, set, machine) {
  const patch = make("canvas", { role: "img", ariaLabel: "its patch" });
  const whole = make("canvas", { role: "img", ariaLabel: `training picture ${image}, with the patch outlined` });
  const [text, line] = [make("span", { textContent: `${percent(weight)}, no. ${image}` }), make("span", { className: "bar" })];
  drawWindow(patch, training(image, set), set, place, machine);
  frameWindow(picture(whole, training(image, set), set, 56 * devicePixelRatio), place, machine);
  line.style.width = `${100 * weight}%`;
  text.append(line);
  const item = make("li");
  item.append(patch, whole, text);
  return item;
}

/** The window around a pixel; zeros past the border are grey. */
function drawWindow(canvas, image, set, pixel, { k, boundary }) {
  const [wide, c] = [extend(SEEN, image, 0, { ...set, boundary, d: k >> 1 }, 1), set.channels];
  const out = new Float64Array(k * k * c);
  for (let row = 0, from = (Math.floor(pixel / set.width) * wide + (pixel % set.width)) * c; row < k; row++, from += wide * c) {
    out.set(SEEN.subarray(from, from + k * c), row * k * c);
  }
  picture(canvas, out, { ...set, height: k, width: k }, 126);
}

function grid() {
  const [wide, tall] = [shown.set.width * 2 + 4, shown.set.height * 2 + 4];
  const columns = Math.max(1, Math.floor(($("training").parentElement.clientWidth - 2) / wide));
  return { wide, tall, columns, rows: Math.ceil(shown.set.count / columns) };
}

/** All training images, with a bar for how many pixels each gave; one has a frame. */
function drawTraining(marked = selected) {
  const [{ wide, tall, columns, rows }, canvas] = [grid(), $("training")];
  const gave = new Map(givers(shown.steps[state.step][1]));
  [canvas.width, canvas.height, canvas.style.width] = [columns * wide, rows * tall, `${columns * wide + 2}px`];
  const context = canvas.getContext("2d");
  for (let n = 0; n < shown.set.count; n++) {
    const [left, top] = [(n % columns) * wide + 2, Math.floor(n / columns) * tall + 2];
    context.globalAlpha = shown.without.includes(n) ? 0.2 : 1;
    paint(context, training(n, shown.set), shown.set, 2, left, top);
    context.fillStyle = PALETTE[0];
    context.fillRect(left, top + tall - 6, gave.has(n) ? Math.min(wide - 4, 2 + gave.get(n)) : 0, 4);
    context.globalAlpha = 1;
    if (n === marked) frame({ context, scale: 1 }, left, top, wide - 4, tall - 4);
  }
  const count = gave.get(marked) ?? 0;
  $("training-text").textContent = marked < 0 ? "" : `Training picture ${marked} gave ${count} pixels; a bar tells how many.`;
}

function select(n) {
  selected = Math.min(n, shown.set.count - 1);
  drawTraining();
  draw(state.step);
}

// --- noise over a training picture
let example = 0; // the training image that is drowned in noise
function guess() {
  const [set, t, clean] = [sets.main, $("level").value / 100, training(example, sets.main)];
  const x = addNoise(clean, unitNoise(state.seed, clean.length), ...cosine(t));
  $("level-text").value = t.toFixed(2);
  picture($("clean"), clean, set);
  picture($("noisy"), x, set);
  guesser.ask({ job: "denoise", set: "main", without: [], machines: [{ name: "IS" }], x, t }, ({ done, answers }) => {
    if (done) return;
    const [{ x0Hat, image, weight }] = answers;
    picture($("guess"), x0Hat, set);
    const which = image[0] === example ? "this picture" : `another one, no. ${image[0]}`;
    $("guess-text").textContent = `The nearest training picture is ${which}. It has ${percent(weight[0])} of the weight.`;
  });
}

// --- pictures of one's own
const SHEET = { height: 16, width: 16, channels: 3 };
const drawing = new Float64Array(768).fill(-1);
let own = [];
let at = 0; // where the pen is

function paintPad(dotted) {
  if (dotted) drawing.set(PENS[document.querySelector("[name=pen]:checked").value], at * 3);
  frame(picture($("pad"), drawing, SHEET), at % 16, Math.floor(at / 16));
}

/** Show all own pictures, each as a button that takes it out. */
function tellOwn(text = "") {
  $("own-pictures").replaceChildren(...own.map((image, i) => {
    const [canvas, remove] = [make("canvas"), () => ((own = own.filter((one) => one !== image)), tellOwn())];
    const button = make("button", { type: "button", ariaLabel: `Your picture ${i + 1}: take it out`, onclick: remove });
    picture(canvas, image, SHEET, 64);
    button.append(canvas);
    return button;
  }));
  $("use-own").disabled = own.length === 0;
  $("own-text").textContent = `${text}You have ${own.length || "no"} picture${own.length === 1 ? "" : "s"}.`;
}

/** Files as pictures of 16 x 16: the largest square in their middle, made smaller. */
async function addFiles(files) {
  let failed = "";
  for (const file of files) {
    try {
      const bitmap = await createImageBitmap(file);
      const side = Math.min(bitmap.width, bitmap.height);
      const context = make("canvas", { width: 16, height: 16 }).getContext("2d");
      context.imageSmoothingQuality = "high";
      context.drawImage(bitmap, (bitmap.width - side) / 2, (bitmap.height - side) / 2, side, side, 0, 0, 16, 16);
      const { data } = context.getImageData(0, 0, 16, 16);
      own.push(Float64Array.from({ length: 768 }, (_, i) => data[Math.floor(i / 3) * 4 + (i % 3)] / 127.5 - 1));
    } catch {
      failed += `This browser cannot read ${file.name} as a picture. `;
    }
  }
  tellOwn(failed);
}

/** Another set: what belonged to the old one is forgotten. */
function use(change) {
  if (change.set === "own") {
    sets.own = { ...SHEET, count: own.length, data: Float64Array.from(own.flatMap((image) => [...image])) };
    for (const helper of [walker, pointer]) helper.worker.postMessage({ sets: { own: sets.own } });
  }
  [selected, earlier] = [-1, null];
  choose({ without: [], g: 0, ...change });
}

// --- what leaves the page
async function copy(text, what) {
  $("python").textContent = text;
  const copied = await navigator.clipboard.writeText(text).then(() => true, () => false);
  $("copied").textContent = copied ? `${what} is copied.` : `${what} stands below.`;
}

/** The shown sample in Python. */
function python() {
  if (state.set === "own") return "# Your pictures are on this page only. Python takes files:\n# minidiff explore --data FOLDER";
  const { count, height, width, channels, call } = sets[state.set];
  const candidatesNow = state.where === "here" ? "colocated" : "anywhere";
  return `import numpy as np
import minidiff as md
from minidiff import explore

images, _ = ${call}
images = np.delete(explore.as_shown(images[:${count}]).astype(np.float64), [${state.without}], axis=0)
settings = {"window": ${state.k}, "boundary": "${state.boundary}", "strength": ${state.g}}
machine = md.AttentionScore(images, md.schedules.cosine(), candidates="${candidatesNow}", **settings)
noise = explore.noise(${state.seed}, (1, ${height}, ${width}, ${channels}))
for step in md.process.ddim(machine, machine.schedule, noise=noise, steps=${STEPS}):
    pass
md.plots.grid(step.x)
`;
}

// --- a trained network, and a training image less
function unpackedNetwork({ depth, params, data }, { height, width }) {
  const numbers = new Float32Array(bytes(data).buffer);
  const named = params.map(([name, begin, end]) => [name, numbers.subarray(begin, end)]);
  return { depth, tall: height, wide: width, params: Object.fromEntries(named) };
}

function compare() {
  sets.digits ??= unpacked(given.digits);
  compare.helper ??= new Helper({ digits: sets.digits });
  const [network, { windows }, progress] = [unpackedNetwork(given.network, sets.digits), given.network, $("compare-progress")];
  const machines = [...["ELS", "LS"].map((name) => ({ name, k: windows[name], boundary: "zeros" })), { name: "IS" }];
  const job = { job: "compare", set: "digits", without: [], seed: state.seed, steps: STEPS, network, machines };
  progress.hidden = false;
  compare.helper.ask(job, ({ done, step, x, r }) => {
    progress.hidden = done === true;
    if (done) $("compare-text").textContent = `Computed here, from the noise of seed ${job.seed}.`;
    if (done) return;
    progress.value = step;
    for (const [i, figure] of document.querySelectorAll("#comparison figure").entries()) {
      const canvas = make("canvas");
      picture(canvas, x[i], sets.digits, 128);
      figure.querySelector("img").src = canvas.toDataURL();
      if (i) figure.querySelector("b").textContent = `r = ${r[i - 1].toFixed(2)}`;
    }
  });
}

function take() {
  if (!shown || document.body.dataset.busy || shown.without.length + 1 >= shown.set.count) return;
  const [first, second] = shown.steps[STEPS];
  const n = selected >= 0 && !shown.without.includes(selected) ? selected : givers(second)[0]?.[0] ?? first.image[0];
  earlier = shown;
  choose({ without: [...state.without, n] });
}

/** The picture before and after, once a training image was taken away. */
function compareBefore() {
  const visible = earlier?.set === shown.set && shown.without.length > 0;
  $("before-after").hidden = !visible;
  $("taken").textContent = "";
  if (!visible) return;
  const { height, width, channels } = shown.set;
  const [before, after] = [earlier, shown].map(({ steps }) => steps[STEPS].map((answer) => answer.x));
  const moved = after.map((x, i) => Array.from({ length: height * width }, (_, p) =>
    x.subarray(p * channels, (p + 1) * channels).some((value, c) => Math.abs(value - before[i][p * channels + c]) > 0.1)));
  picture($("before"), before[1], shown.set);
  picture($("after"), after[1], shown.set);
  const drawn = picture($("change"), after[1], shown.set);
  for (const [p, one] of moved[1].entries()) if (one) frame(drawn, p % width, Math.floor(p / width));
  const [whole, mosaic] = moved.map((one) => one.filter(Boolean).length);
  $("taken").textContent = `Without training picture ${shown.without.join(", ")}, the mosaic changes in ${mosaic} of `
    + `${height * width} pixels, and the picture of the denoiser that sees all in ${whole}. Small changes do not count.`;
}

// --- hands and keys
/** Call act(cell) where a pointer is on a canvas of columns x rows cells, and move(cell), or else act, for the arrow keys. */
function cells(canvas, shape, where, act, { hovering = false, move = act } = {}) {
  const touch = (event) => {
    const [box, [columns, rows]] = [canvas.getBoundingClientRect(), shape()];
    const column = Math.floor(((event.clientX - box.left - 1) / (box.width - 2)) * columns);
    const row = Math.floor(((event.clientY - box.top - 1) / (box.height - 2)) * rows);
    if (column >= 0 && column < columns && row >= 0 && row < rows) act(row * columns + column);
  };
  canvas.addEventListener("pointerdown", touch);
  canvas.addEventListener("pointermove", (event) => {
    if (event.buttons || (hovering && event.pointerType === "mouse")) touch(event);
  });
  canvas.addEventListener("keydown", (event) => {
    const [[columns, rows], cell] = [shape(), Math.max(where(), 0)];
    const [down, right] = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key] ?? [0, 0];
    const [row, column] = [Math.floor(cell / columns) + down, (cell % columns) + right];
    if (down || right) event.preventDefault();
    if ((down || right) && row >= 0 && row < rows && column >= 0 && column < columns) move(row * columns + column);
  });
}

function wire() {
  const on = (name, event, act) => $(name).addEventListener(event, act);
  on("level", "input", guess);
  on("another", "click", () => ((example = (example + 1) % sets.main.count), guess()));
  on("play", "click", play);
  on("step", "input", () => (pause(), shown && setStep(Math.min($("step").value, shown.steps.length - 1))));
  on("estimate", "change", () => shown && draw(state.step));
  on("new-noise", "click", () => choose({ seed: (state.seed + 1) % 2 ** 32 }));
  on("seed", "change", () => choose({ seed: Math.min(Math.max(Math.floor($("seed").value), 0), MOST_OF.seed) }));
  on("k", "input", () => slide({ k: Number($("k").value) }));
  on("g", "input", () => slide({ g: STRENGTHS[$("g").value] }));
  for (const one of document.querySelectorAll("[data-k]")) one.onclick = () => use({ ...start, k: Number(one.dataset.k) });
  for (const input of document.querySelectorAll("[name=boundary], [name=where]")) {
    input.onchange = () => choose({ [input.name]: input.value });
  }
  on("use-colours", "click", () => use({ set: "colours", k: 7 }));
  on("use-main", "click", () => use({ set: "main", k: start.k }));
  on("use-own", "click", () => use({ set: "own" }));
  on("add", "click", () => (own.push(drawing.slice()), tellOwn()));
  on("clear", "click", () => (drawing.fill(-1), paintPad(false)));
  on("files", "change", () => addFiles($("files").files));
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
  on("take", "click", take);
  on("give-back", "click", () => ((earlier = null), choose({ without: [] })));
  const look = (cell) => ((state.pixel = cell), setStep(state.step));
  const shape = () => [shown.set.width, shown.set.height];
  for (const name of ["window", "mosaic"]) cells($(name), shape, () => state.pixel, look, { hovering: true });
  cells($("training"), () => [grid().columns, grid().rows], () => selected, select, { hovering: true });
  const [dot, move] = [true, false].map((dotted) => (cell) => ((at = cell), paintPad(dotted)));
  cells($("pad"), () => [16, 16], () => at, dot, { move });
  on("pad", "keydown", (event) => event.key === " " && (event.preventDefault(), paintPad(true)));
  addEventListener("resize", () => shown && (drawTraining(), draw(state.step)));
  addEventListener("hashchange", () => (readLink(), choose()));
}

wire();
readLink();
paintPad(false);
guess();
choose();

// What a reader does. The state is a few numbers; a change of it starts a walk in a worker, and what comes back is drawn.
"use strict";

const $ = (id) => document.getElementById(id);
const make = (tag, fields, ...inside) => {
  const one = Object.assign(document.createElement(tag), fields);
  one.append(...inside);
  return one;
};
const given = JSON.parse($("data").textContent);
const STEPS = 20;
const STRENGTHS = [0, 0.01, 0.03, 0.1, 0.3, 1, 3, 10];
// Colours that colour-blind readers can tell apart; lines between the pieces say the same.
const PALETTE = ["#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7"];
const PENS = { white: [1, 1, 1], black: [-1, -1, -1], orange: [0.8, 0.25, -1], blue: [-1, -0.1, 0.4] };
const calm = matchMedia("(prefers-reduced-motion: reduce)");

const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const sets = {};

/** A set by its name. It is given in bytes: 0 is -1, black, and 255 is 1, in float32 as Python computes it. */
function setOf(name) {
  const level = (byte) => Math.fround(Math.fround(byte / 127.5) - 1);
  return (sets[name] ??= { ...given[name], data: Float64Array.from(bytes(given[name].data), level) });
}

const code = ["theory", "network", "worker"].map((name) => $(`${name}-source`).textContent).join("\n");
const address = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));

/** A worker that does one job at a time: a new one ends the one before. A set is sent to it if it is another than before. */
class Helper {
  id = 0;
  ask({ set, ...job }, tell, end = () => {}) {
    if (set !== this.set) job.set = this.set = set;
    this.worker ??= new Worker(address);
    this.worker.onmessage = ({ data: { id, done, ...result } }) => {
      if (id === this.id) (done ? end : tell)(result);
      if (done) this.done = id;
    };
    this.worker.postMessage({ without: [], ...job, id: ++this.id });
  }
}

const [beside, walker, pointer, comparer] = [1, 2, 3, 4].map(() => new Helper());

// --- the state, and its link
const start = { set: "main", boundary: "zeros", where: "anywhere", g: 0, step: STEPS, ...given.start };
const state = { ...start, without: [] };
const ALLOWED = { set: ["main", "colours"], boundary: ["zeros", "circular"], where: ["anywhere", "here"], g: STRENGTHS };
const MOST_OF = { seed: 2 ** 32 - 1, k: 2 * MOST - 1, step: STEPS, pixel: MOST * MOST - 1 };
let shown = null; // what is drawn: {name, set, machine, seed, without, steps: the answers of both denoisers at each step}
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

/** Take in a change of the state, put it right (no window is larger than a torus), show it on all controls, and walk. A slider
 * may go on: then the walk waits for some milliseconds. */
function choose(change, wait = 0) {
  Object.assign(state, change);
  const { count, height, width } = setOf(state.set);
  const most = state.boundary === "zeros" ? 2 * Math.max(height, width) - 1 : (Math.min(height, width) - 1) | 1; // odd
  state.k = Math.min(Math.max(state.k - 1 + (state.k % 2), 1), most);
  state.pixel = Math.min(state.pixel, height * width - 1);
  state.without = [...new Set(state.without)].filter((n) => n < count).slice(0, count - 1);
  Object.assign($("k"), { max: most, value: state.k, ariaValueText: `${state.k} × ${state.k}` });
  Object.assign($("g"), { value: STRENGTHS.indexOf(state.g), ariaValueText: state.g });
  for (const name of ["k", "g"]) $(`${name}-text`).value = $(name).ariaValueText;
  $("k-caption").textContent = $("k").ariaValueText;
  $("seed").value = $("compare-seed").textContent = state.seed;
  for (const name of ["boundary", "where"]) document.querySelector(`[name="${name}"][value="${state[name]}"]`).checked = true;
  $("give-back").disabled = state.without.length === 0;
  document.body.dataset.busy = "walk";
  for (const one of [beside, walker]) one.id += 1; // what is still to come of another walk is not heard
  clearTimeout(choose.waiting);
  choose.waiting = setTimeout(walk, wait);
}

/** Another set: what belonged to the old one is forgotten. */
function use(change) {
  const data = Float64Array.from(own.flatMap((image) => [...image]));
  if (change.set === "own") sets.own = { ...SHEET, count: own.length, data };
  [selected, earlier] = [-1, null];
  choose({ without: [], g: 0, ...change });
}

// --- the walk
function walk() {
  const { set: name, seed, boundary, where, without } = state;
  const machine = { name: where === "anywhere" ? "ELS" : "LS", k: state.k, boundary, strength: state.g };
  const next = { name, set: setOf(name), machine, seed, without: [...without], steps: [] };
  const whole = where === "anywhere" && boundary === "circular" ? "ES" : "IS";
  $("whole-caption").textContent = whole === "ES" ? "sees all, moved too" : "sees all";
  pause();
  history.replaceState(null, "", link());
  const job = { job: "walk", set: next.set, without, seed, steps: STEPS };
  const [asked, walks] = [[[beside, { name: whole }], [walker, machine]], [[], []]]; // each has a worker to itself
  let left = 2;
  asked.forEach(([helper, one], i) => helper.ask({ ...job, machines: [one] }, ({ step, answers: [answer] }) => {
    walks[i][step] = answer;
    if (!walks[1 - i][step]) return;
    next.steps[step] = walks.map((answered) => answered[step]);
    $("status").textContent = `Step ${step} of ${STEPS}`;
    if (calm.matches) return;
    shown = next;
    draw();
  }, () => --left || arrived(next)));
}

function arrived(next) {
  shown = next;
  delete document.body.dataset.busy;
  setStep(state.step);
  const [{ x, x0Hat, image }, second] = shown.steps[STEPS];
  const near = x.some((value, i) => Math.abs(value - x0Hat[i]) > 0.05) ? "nearest to " : "";
  const [count, moved] = [givers(second).length, $("whole-caption").textContent.includes("moved") ? ", moved" : ""];
  $("status").textContent = `At the end the first picture is ${near}training picture ${image[0]}${moved}, `
    + `and the pixels of the second ${count ? `come from ${count} training pictures` : "have no single source"}.`;
  compareBefore();
}

/** What both denoisers answer at the chosen step, or at the last that has come. */
const answersNow = () => shown.steps[Math.min(state.step, shown.steps.length - 1)];

/** The training image of each pixel, where one candidate has more than half of its weight; else -1. */
const origins = ({ image, weight }) => Array.from(image, (n, p) => (weight[p] > 0.5 ? n : -1));

/** How many pixels each training image gave, the largest giver first: [[image, pixels], ...]. */
function givers(answer) {
  const counts = new Map();
  for (const n of origins(answer)) if (n >= 0) counts.set(n, (counts.get(n) ?? 0) + 1);
  return [...counts].sort(([n, one], [m, other]) => other - one || n - m);
}

function pause() {
  play.timer = clearInterval(play.timer); // undefined: none
  $("play").textContent = "Play";
}

function play() {
  const paused = !play.timer && !document.body.dataset.busy;
  pause();
  if (!paused) return;
  setStep(state.step === STEPS ? 0 : state.step);
  play.timer = setInterval(() => (state.step < STEPS ? setStep(state.step + 1) : pause()), calm.matches ? 800 : 220);
  $("play").textContent = "Pause";
}

function setStep(step) {
  state.step = step;
  if (shown) (draw(), point());
}

// --- drawing
const small = make("canvas");

/** Put images beside each other, `gap` pixels apart, and show the whole `scale` times as large; each has its own opacity. */
function paint(canvas, images, { height, width, channels }, columns, gap, scale, opacity = () => 1) {
  const [wide, tall] = [columns * (width + gap), Math.ceil(images.length / columns) * (height + gap)];
  const pixels = new ImageData(wide, tall); // it rounds, and keeps to 0 and 255
  for (const [n, image] of images.entries()) {
    const corner = (Math.floor(n / columns) * (height + gap) + gap / 2) * wide + (n % columns) * (width + gap) + gap / 2;
    for (let p = 0; p < height * width; p++) {
      const to = 4 * (corner + Math.floor(p / width) * wide + (p % width));
      for (let c = 0; c < 3; c++) pixels.data[to + c] = (image[p * channels + (c % channels)] + 1) * 127.5;
      pixels.data[to + 3] = 255 * opacity(n);
    }
  }
  Object.assign(small, { width: wide, height: tall }).getContext("2d").putImageData(pixels, 0, 0);
  Object.assign(canvas, { width: wide * scale, height: tall * scale });
  const context = Object.assign(canvas.getContext("2d"), { imageSmoothingEnabled: false });
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
  return context;
}

/** An image of a set on a canvas, sharp at the size at which it is shown: {context, set, scale}. */
function picture(canvas, image, set, pixels = canvas.clientWidth) {
  const scale = Math.max(2, Math.round((pixels * devicePixelRatio) / set.width));
  return { context: paint(canvas, [image], set, 1, 0, scale), set, scale };
}

/** Lines between neighbours that are told apart, light on dark, so that they are seen on any picture. */
function outline({ context, scale, tall = scale, set: { height, width } }, told, lines = [["#000", 5], ["#fff", 2]]) {
  const at = (row, column) => row >= 0 && row < height && column >= 0 && column < width && told(row * width + column);
  for (const [colour, thick] of lines) {
    context.fillStyle = colour;
    for (let p = 0; p < (height + 1) * (width + 1); p++) {
      const [row, column] = [Math.floor(p / (width + 1)), p % (width + 1)];
      const [left, top] = [column * scale - thick / 2, row * tall - thick / 2];
      if (at(row, column) !== at(row, column - 1)) context.fillRect(left, top, thick, tall + thick);
      if (at(row, column) !== at(row - 1, column)) context.fillRect(left, top, scale + thick, thick);
    }
  }
}

/** The window of a pixel in outline; on a torus it goes on at the other side. */
function outlineWindow(drawn, pixel, { k, boundary }) {
  const { height, width } = drawn.set;
  const near = (gap, side) => Math.min(gap, boundary === "circular" ? side - gap : gap) <= k >> 1;
  const [row, column] = [Math.floor(pixel / width), pixel % width];
  outline(drawn, (p) => near(Math.abs(Math.floor(p / width) - row), height) && near(Math.abs((p % width) - column), width));
}

function draw() {
  const [{ set, machine }, [first, second]] = [shown, answersNow()];
  const image = (answer) => ($("estimate").checked ? answer.x0Hat : answer.x);
  picture($("whole"), image(first), set);
  const drawn = picture($("window"), image(second), set);
  outlineWindow(drawn, state.pixel, machine);
  outline(drawn, (p) => p === state.pixel);
  const [origin, order] = [origins(second), givers(second).map(([n]) => n)];
  const mosaic = picture($("mosaic"), image(second), set);
  const { context, scale } = mosaic;
  context.globalAlpha = 0.45;
  for (const [p, n] of origin.entries()) {
    context.fillStyle = n < 0 ? "#0000" : PALETTE[order.indexOf(n) % PALETTE.length];
    context.fillRect((p % set.width) * scale, Math.floor(p / set.width) * scale, scale, scale);
  }
  context.globalAlpha = 1;
  outline(mosaic, (p) => origin[p], [["#fff", scale > 10 ? 2 : 1]]);
  outline(mosaic, (p) => origin[p] >= 0 && origin[p] === selected, [["#000", 8], ["#fff", 4]]);
  $("step").value = shown.steps.indexOf(answersNow());
  $("step-text").value = $("step").ariaValueText = `t = ${second.t.toFixed(2)}`;
}

// --- pointing
const percent = (share) => (share < 0.0001 ? "under 0.01 %" : `${(100 * share).toFixed(share < 0.1 ? 2 : 0)} %`);

function point() {
  if (document.body.dataset.busy) return;
  const [{ set, without, machine }, answer, pixel] = [shown, answersNow()[1], state.pixel];
  pointer.ask({ job: "point", set, without, machine, pixel, answer }, ({ count, shown: best }) => {
    drawWindow($("seen"), answer.x, set, pixel, machine);
    $("seen-text").textContent = `window at row ${Math.floor(pixel / set.width)}, column ${pixel % set.width}`;
    $("bars").replaceChildren(...best.map((one) => bar(one, set, machine)));
    const sum = percent(best.reduce((total, one) => total + one.weight, 0));
    const all = best.length > 1 ? `; the ${best.length} above have ${sum}` : "";
    $("bars-text").textContent = `t = ${answer.t.toFixed(2)}: ${count.toLocaleString("en")} patches were compared. `
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
  const line = make("span", { className: "bar", style: `width: ${100 * weight}%` });
  drawWindow(patch, imageOf(set, image), set, place, machine);
  outlineWindow(picture(whole, imageOf(set, image), set, 56), place, machine);
  return make("li", {}, patch, whole, make("span", {}, `${percent(weight)}, no. ${image}`, line));
}

/** The window around a pixel; zeros past the border are grey. */
function drawWindow(canvas, image, set, pixel, { k, boundary }) {
  const line = extend(SEEN, image, { ...set, boundary, d: k >> 1 }, 1, 1) * set.channels;
  const from = Math.floor(pixel / set.width) * line + (pixel % set.width) * set.channels;
  const rows = Array.from({ length: k }, (_, row) => [...SEEN.subarray(from + row * line, from + row * line + k * set.channels)]);
  picture(canvas, rows.flat(), { ...set, height: k, width: k }, 126);
}

/** How the training images are laid out: each in a cell of `wide` times `tall`. */
function grid() {
  const [wide, tall] = [shown.set.width * 2 + 4, shown.set.height * 2 + 4];
  const columns = Math.max(1, Math.floor(($("training").parentElement.clientWidth - 2) / wide));
  return { wide, tall, columns, rows: Math.ceil(shown.set.count / columns) };
}

/** All training images, with a bar for how many pixels each gave; one has a frame. */
function drawTraining(marked = selected) {
  const [{ wide, tall, columns, rows }, { set, without }] = [grid(), shown];
  const gave = new Map(givers(answersNow()[1]));
  const images = Array.from({ length: set.count }, (_, n) => imageOf(set, n));
  const context = paint($("training"), images, set, columns, 2, 2, (n) => (without.includes(n) ? 0.2 : 1));
  $("training").style.width = `${columns * wide + 2}px`;
  context.fillStyle = PALETTE[0];
  for (const [n, count] of gave) {
    context.fillRect((n % columns) * wide + 2, (Math.floor(n / columns) + 1) * tall - 4, Math.min(wide - 4, 2 + count), 4);
  }
  if (marked >= 0) outline({ context, scale: wide, tall, set: { height: rows, width: columns } }, (n) => n === marked);
  const told = `Training picture ${marked} gave ${gave.get(marked) ?? 0} pixels; a bar tells how many.`;
  $("training-text").textContent = marked < 0 ? "" : told;
}

function select(n) {
  selected = Math.min(n, shown.set.count - 1);
  drawTraining();
  draw();
}

// --- noise over a training picture
let example = 0; // the training image that is drowned in noise
function guess() {
  const [set, t, clean] = [setOf("main"), $("level").value / 100, imageOf(setOf("main"), example)];
  const x = addNoise(clean, unitNoise(state.seed, clean.length), ...cosine(t));
  $("level-text").value = t.toFixed(2);
  picture($("clean"), clean, set);
  picture($("noisy"), x, set);
  const { x0Hat, image, weight } = denoise({ name: "IS" }, set, x, t);
  picture($("guess"), x0Hat, set);
  const which = image[0] === example ? "this picture" : `another one, no. ${image[0]}`;
  $("guess-text").textContent = `The nearest training picture is ${which}. It has ${percent(weight[0])} of the weight.`;
}

// --- pictures of one's own
const SHEET = { height: 16, width: 16, channels: 3 };
const drawing = new Float64Array(768).fill(-1);
let [own, at] = [[], 0]; // at: where the pen is

function paintPad(dotted) {
  if (dotted) drawing.set(PENS[document.querySelector("[name=pen]:checked").value], at * 3);
  outline(picture($("pad"), drawing, SHEET), (p) => p === at);
}

/** Show all own pictures, each as a button that takes it out. */
function tellOwn(text = "") {
  $("own-pictures").replaceChildren(...own.map((image, i) => {
    const { canvas } = picture(make("canvas"), image, SHEET, 64).context;
    const onclick = () => ((own = own.filter((one) => one !== image)), tellOwn());
    return make("button", { type: "button", ariaLabel: `Your picture ${i + 1}: take it out`, onclick }, canvas);
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
      const ink = Object.assign(make("canvas", { width: 16, height: 16 }).getContext("2d"), { imageSmoothingQuality: "high" });
      ink.drawImage(bitmap, (bitmap.width - side) / 2, (bitmap.height - side) / 2, side, side, 0, 0, 16, 16);
      const { data } = ink.getImageData(0, 0, 16, 16);
      own.push(Float64Array.from({ length: 768 }, (_, i) => data[Math.floor(i / 3) * 4 + (i % 3)] / 127.5 - 1));
    } catch {
      failed += `This browser cannot read ${file.name} as a picture. `;
    }
  }
  tellOwn(failed);
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
  const values = { ...setOf(state.set), ...state, steps: STEPS, from: state.where === "here" ? "colocated" : "anywhere" };
  return $("python-source").textContent.trimStart().replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

// --- a trained network, and a training image less
const floats = ([name, data]) => [name, new Float32Array(bytes(data).buffer)];
const unpackedNetwork = ({ depth, params }) => ({ depth, params: Object.fromEntries(Object.entries(params).map(floats)) });

function compare() {
  const [set, { windows }, { seed }] = [setOf("digits"), given.network, { ...state }];
  const network = unpackedNetwork(given.network);
  const local = ["ELS", "LS"].map((name) => ({ name, k: windows[name], boundary: "zeros" }));
  const machines = [{ network }, ...local, { name: "IS" }, { network, seed: (seed + 1) % 2 ** 32 }];
  const mean = new Float64Array(256);
  for (let i = 0; i < set.data.length; i++) mean[i % 256] += set.data[i] / set.count;
  comparer.ask({ job: "walk", set, seed, steps: STEPS, machines }, ({ step, answers }) => {
    $("compare-text").textContent = `Step ${step} of ${STEPS}`;
    const x = [...answers.map((answer) => answer.x), mean];
    for (const [i, figure] of document.querySelectorAll("#comparison figure").entries()) {
      const canvas = make("canvas");
      picture(canvas, x[i], set, 128);
      figure.querySelector("img").src = canvas.toDataURL();
      if (i) figure.querySelector("b").textContent = `r = ${pearson(x[i], x[0]).toFixed(2)}`;
    }
  }, () => ($("compare-text").textContent = `Computed here, from the noise of seed ${seed}.`));
}

function take() {
  if (!shown || document.body.dataset.busy || shown.without.length + 1 >= shown.set.count) return;
  const [first, second] = shown.steps[STEPS];
  const n = selected >= 0 && !shown.without.includes(selected) ? selected : givers(second)[0]?.[0] ?? first.image[0];
  earlier = shown;
  choose({ without: [...state.without, n] });
}

/** The picture before and after, once a training image was taken away and nothing else has changed. */
function compareBefore() {
  const kind = (one) => JSON.stringify([one?.name, one?.machine, one?.seed]);
  const visible = kind(earlier) === kind(shown) && shown.without.length > 0;
  $("before-after").hidden = !visible;
  $("taken").textContent = "";
  if (!visible) return;
  const { height, width, channels } = shown.set;
  const [before, after] = [earlier, shown].map(({ steps }) => steps[STEPS].map((answer) => answer.x));
  const changed = (x, i) => [...x.keys()].filter((j) => Math.abs(x[j] - before[i][j]) > 0.1);
  const [whole, mosaic] = after.map((x, i) => new Set(changed(x, i).map((j) => Math.floor(j / channels))));
  picture($("before"), before[1], shown.set);
  outline(picture($("after"), after[1], shown.set), (p) => mosaic.has(p));
  $("taken").textContent = `Without training picture ${shown.without.join(", ")}, the mosaic changes in ${mosaic.size} of `
    + `${height * width} pixels, and the picture of the denoiser that sees all in ${whole.size}. Small changes do not count.`;
}

// --- hands and keys
/** Call act(cell) where a pointer is on a canvas of columns x rows cells, and move(cell), or else act, for the arrow keys. */
function cells(canvas, shape, where, act, { hovering = false, move = act } = {}) {
  const touch = (event) => {
    const [columns, rows] = shape();
    const column = Math.floor((event.offsetX / canvas.clientWidth) * columns);
    const row = Math.floor((event.offsetY / canvas.clientHeight) * rows);
    if (column >= 0 && column < columns && row >= 0 && row < rows) act(row * columns + column);
  };
  canvas.addEventListener("pointerdown", touch);
  canvas.addEventListener("pointermove", (event) => {
    if (event.buttons || (hovering && event.pointerType === "mouse")) touch(event);
  });
  canvas.addEventListener("keydown", (event) => {
    const [[columns, rows], cell] = [shape(), Math.max(where(), 0)];
    const turn = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
    if (turn) event.preventDefault();
    if (turn && cell + turn >= 0 && cell + turn < columns * rows) move(cell + turn);
  });
}

const on = (name, event, act) => $(name).addEventListener(event, act);
const clicks = {
  play, compare, take,
  another: () => ((example = (example + 1) % setOf("main").count), guess()),
  "new-noise": () => choose({ seed: (state.seed + 1) % 2 ** 32 }),
  "use-colours": () => use({ set: "colours", k: 7 }),
  "use-main": () => use({ set: "main", k: start.k }),
  "use-own": () => use({ set: "own" }),
  add: () => (own.push(drawing.slice()), tellOwn()),
  clear: () => (drawing.fill(-1), paintPad(false)),
  "copy-link": () => copy(link(), "The link"),
  "copy-python": () => copy(python(), "The code"),
  "give-back": () => ((earlier = null), choose({ without: [] })),
};
for (const [name, act] of Object.entries(clicks)) on(name, "click", act);
for (const one of document.querySelectorAll("[data-k]")) one.onclick = () => use({ ...start, k: Number(one.dataset.k) });
on("level", "input", guess);
on("step", "input", () => (pause(), setStep(Number($("step").value))));
on("estimate", "change", () => setStep(state.step));
on("seed", "change", () => choose({ seed: Math.min(Math.max(Math.floor($("seed").value), 0), MOST_OF.seed) }));
on("k", "input", () => choose({ k: Number($("k").value) }, 120));
on("g", "input", () => choose({ g: STRENGTHS[$("g").value] }, 120));
const rules = document.querySelectorAll("[name=boundary], [name=where]");
for (const one of rules) one.onchange = () => choose({ [one.name]: one.value });
on("files", "change", () => addFiles($("files").files));
const shape = () => (shown ? [shown.set.width, shown.set.height] : [0, 0]);
const look = (cell) => ((state.pixel = cell), setStep(state.step));
for (const name of ["window", "mosaic"]) cells($(name), shape, () => state.pixel, look, { hovering: true });
cells($("training"), () => (shown ? [grid().columns, grid().rows] : [0, 0]), () => selected, select, { hovering: true });
const [dot, move] = [true, false].map((dotted) => (cell) => ((at = cell), paintPad(dotted)));
cells($("pad"), () => [16, 16], () => at, dot, { move });
on("pad", "keydown", (event) => event.key === " " && (event.preventDefault(), paintPad(true)));
addEventListener("resize", () => shown && (drawTraining(), draw()));
addEventListener("hashchange", () => (readLink(), choose()));

readLink();
paintPad(false);
guess();
choose();

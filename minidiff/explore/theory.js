// The theory in plain JavaScript, with the names and in the order of minidiff/theory.py, which is the definition.
//
// A set of images is {count, height, width, channels, data, without}: data holds the images one after the other, each as rows of
// pixels of channels; those numbered in `without` explain nothing. An image alone is its numbers. All numbers are float64.
"use strict";

/** Image n of a set. */
const imageOf = ({ data, count }, n) => data.subarray((n * data.length) / count, ((n + 1) * data.length) / count);

// --- noise, and the way back -----------------------------------------------------------------------------------------

/** MurmurHash3's finalizer of a whole number below 2^32. */
function mix(h) {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Unit normal numbers from a seed, which says where a counter in steps of the golden ratio starts. Two mixed words make two
 * numbers (Box and Muller). `minidiff.explore.noise` gives the same. */
function unitNoise(seed, count) {
  const uniform = (i) => (mix(mix(seed) + Math.imul(i + 1, 0x9e3779b9)) + 0.5) / 2 ** 32;
  return Float64Array.from({ length: count }, (_, i) => {
    const [first, angle] = [uniform(i - (i % 2)), 2 * Math.PI * uniform(i - (i % 2) + 1)];
    return Math.sqrt(-2 * Math.log(first)) * (i % 2 ? Math.sin(angle) : Math.cos(angle));
  });
}

/** How much signal a and noise s an image holds at time t, 0 being clean: the cosine schedule. */
function cosine(t) {
  const angle = (Math.PI / 2 / 1.008) * t;
  return [Math.cos(angle), Math.sin(angle)];
}

/** x = a x0 + s eps. */
const addNoise = (x0, eps, a, s) => x0.map((value, i) => a * value + s * eps[i]);

/** The noise that x holds if x0Hat is its clean image. */
const epsFromX0 = (x, x0Hat, a, s) => x.map((value, i) => (value - a * x0Hat[i]) / s);

/** DDIM (eta = 0): guess the clean image, and put back a little less of the noise that is left. denoiser(x, t) gives {x0Hat,
 * ...}; that is given out with t and x, at all steps + 1 times: the clean image, at t = 0, is asked too where it comes from. */
function* walkBack(denoiser, noise, steps) {
  let x = noise.map((value) => cosine(1)[1] * value);
  for (let i = 0; i <= steps; i++) {
    const t = 1 - i / steps;
    const answer = { ...denoiser(x, t), t, x };
    yield answer;
    if (i < steps) x = addNoise(answer.x0Hat, epsFromX0(x, answer.x0Hat, ...cosine(t)), ...cosine(1 - (i + 1) / steps));
  }
}

// --- the rules: what a pixel sees, and who may explain it -------------------------------------------------------------

/** What tells the pixels of one axis of their place: the index where padding is in sight, elsewhere -1. LS knows all places. */
function paddingPattern(side, { name, k, boundary }) {
  const inSight = (i) => name === "LS" || (boundary === "zeros" && (i < k >> 1 || i >= side - (k >> 1)));
  return Array.from({ length: side }, (_, i) => (inSight(i) ? i : -1));
}

/** The same as shifts: pixels from `first` to `last` - 1 of the axis may be explained by those that are `shift` further on. */
function shifts(side, machine) {
  const [pattern, found] = [paddingPattern(side, machine), []];
  for (let shift = machine.boundary === "circular" ? 0 : 1 - side; shift < side; shift++) {
    const further = (i) => pattern[machine.boundary === "circular" ? (i + shift) % side : i + shift];
    const alike = [...pattern.keys()].filter((i) => pattern[i] === further(i));
    if (alike.length > 0) found.push({ shift, first: alike[0], last: alike.at(-1) + 1 });
  }
  return found;
}

// What the loops below work in: x and a times one training image, with what is past their borders, and running sums.
const MOST = 32; // the largest side of an image
const room = (count) => new Float64Array(count);
const [SEEN, SHOWN, ALONG, DOWN] = [27 * MOST ** 2, 27 * MOST ** 2, 4 * MOST, 3 * MOST ** 2].map(room);

// A rule answers with evidence {views, cost, mass, total, winner}: how well training image n explains view g by itself, at
// n * views + g. cost is the smallest squared distance, winner its candidate, mass the sum over candidates of
// exp(-(distance - cost) / (2 s^2)), and total the same sum of a times their values. That of one image grows here.
const [COST, MASS, TOTAL, WINNER] = [...[1, 1, 3].map((each) => room(each * MOST ** 2)), new Int32Array(MOST ** 2)];

/** The evidence of all images; `one` puts that of the image in SHOWN into COST, MASS, TOTAL and WINNER. */
function ofEach(set, views, x, a, s, plan, one) {
  const [cost, mass, total] = [views, views, x.length].map((each) => room(set.count * each));
  const winner = new Int32Array(set.count * views);
  Object.assign(plan, { far: reach(s), rate: s > 0 ? 0.5 / s / s : 0, seenWide: extend(SEEN, x, plan, 1, 1) });
  for (let n = 0; n < set.count; n++) {
    plan.shownWide = extend(SHOWN, imageOf(set, n), plan, 2, a);
    COST.fill(Infinity);
    for (const sums of [MASS, TOTAL]) sums.fill(0);
    if (!set.without?.includes(n)) one();
    for (const [all, those] of [[cost, COST], [mass, MASS], [total, TOTAL], [winner, WINNER]]) {
      const each = all.length / set.count;
      all.set(those.subarray(0, each), n * each);
    }
  }
  return { views, cost, mass, total, winner };
}

/** IS: the image is one view, and each training image one candidate. */
function ideal(set, x, a, s, machine, corners = [0]) {
  const line = set.width * set.channels;
  return ofEach(set, 1, x, a, s, { ...set, boundary: "circular", d: 0 }, () => {
    const distances = distancesTo(corners, 0, line, 2 * line, set.height, line, reach(s));
    weigh(distances, s).forEach((weight, u) => {
      if (distances[u] < COST[0]) [COST[0], WINNER[0]] = [distances[u], u];
      MASS[0] += weight;
      for (let row = 0; weight > 0 && row < set.height; row++) addRow(row * line, corners[u] + 2 * row * line, line, weight);
    });
  });
}

/** ES: each translation u of each training image on the torus is a candidate. */
function equivariant(set, x, a, s, machine) {
  const { height, width, channels } = set;
  const corner = (_, u) => (Math.floor(u / width) * 2 * width + (u % width)) * channels; // in an image shown twice
  return ideal(set, x, a, s, machine, Array.from({ length: height * width }, corner));
}

/** LS and ELS: pixels see their windows. */
function throughWindows(set, x, a, s, machine) {
  const [rows, columns] = [set.height, set.width].map((side) => shifts(side, machine));
  const plan = { ...set, ...machine, d: machine.k >> 1 };
  return ofEach(set, set.height * set.width, x, a, s, plan, () => {
    for (const row of rows) for (const column of columns) explain(plan, row, column);
  });
}

/** Put an image times `scale` into `out` with what its windows see past its border: zeros, or the torus, `turns` times so that
 * it holds all shifts. Returns the number of pixels in a row. */
function extend(out, image, { height, width, channels, boundary, d }, turns, scale) {
  const circular = boundary === "circular";
  const [tall, wide] = [height, width].map((side) => 2 * d + (circular ? turns * side : side));
  const [top, bottom, left, right] = circular ? [0, tall, 0, wide] : [d, d + height, d, d + width];
  if (!circular) out.fill(0, 0, tall * wide * channels);
  for (let row = top; row < bottom; row++) {
    const from = ((row - d + height) % height) * width * channels;
    for (let column = left; column < right; column++) {
      const [to, other] = [(row * wide + column) * channels, from + ((column - d + width) % width) * channels];
      for (let c = 0; c < channels; c++) out[to + c] = scale * image[other + c];
    }
  }
  return wide;
}

// --- the one formula -------------------------------------------------------------------------------------------------

// Squared differences are rounded to whole multiples of 2^-34, so that sums below 2^19 are exact, and differences of running sums
// too: equal windows have equal distances, and a window's distance to itself is 0.
const GRID = 1.5 * 2 ** 18;

// A term below exp(-REACH) of its image's largest counts as 0: those of 300 images of 32 x 32 are too few to add up to 1e-5.
const REACH = 25;
const reach = (s) => REACH * 2 * s * s;

// exp(-q) is exp(-i / 256), from a table, times three terms of exp(-r), r < 1 / 256: off by at most 1e-8 of itself, and quick.
const POWERS = Float64Array.from({ length: 256 * REACH + 1 }, (_, i) => Math.exp(-i / 256));

function expMinus(q) {
  const i = (q * 256) | 0;
  const r = q - i / 256;
  return POWERS[i] * (1 - r + r * r * 0.5);
}

/** At one shift, the distances of the pixels that it may explain, and their weights. The distances are box sums over a plane of
 * squared differences, first along its rows, then down: that of pixel p is DOWN[p + k * width] - DOWN[p]. */
function explain({ height, width, channels, k, d, boundary, seenWide, shownWide, far, rate }, row, column) {
  const [tall, wide] = [row.last - row.first, column.last - column.first];
  const [rows, columns] = boundary === "circular" ? [height, width] : [tall + k - 1, wide + k - 1]; // then a torus repeats
  const p = row.first * width + column.first;
  const [seen, shown] = [row.first * seenWide + column.first, (row.first + row.shift) * shownWide + column.first + column.shift];
  DOWN.fill(0, p, p + wide);
  for (let i = 0; i < rows; i++) {
    const [one, other] = [seen + i * seenWide, shown + i * shownWide];
    if (channels === 1) sumAlong(one, other, columns);
    else sumChannelsAlong(one * channels, other * channels, columns, channels);
    for (let j = columns + 1; j < wide + k; j++) ALONG[j] = ALONG[j - columns] + ALONG[columns];
    sumDown(p + i * width, width, wide, k);
  }
  for (let i = rows + 1; i < tall + k; i++) repeatDown(i * width, rows * width, width);
  for (let i = 0; i < tall; i++) {
    const [u, value] = [((row.first + i + row.shift) % height) * width, (shown + (i + d) * shownWide + d) * channels];
    weighRow(p + i * width, k * width, wide, u, column.first + column.shift, width, value, channels, far, rate);
  }
}

// Each loop over a row is a function of its own, and one channel has its own branch: browsers make short loops fast.
function sumAlong(seen, shown, count) {
  let sum = 0;
  for (let j = 0; j < count; j++) ALONG[j + 1] = sum += (SEEN[seen + j] - SHOWN[shown + j]) ** 2 + GRID - GRID;
}

function sumChannelsAlong(seen, shown, count, channels) {
  for (let j = 0; j < count; j++) {
    ALONG[j + 1] = ALONG[j] + (rowDistance(seen + j * channels, shown + j * channels, channels) + GRID - GRID);
  }
}

function sumDown(from, width, count, k) {
  for (let j = 0; j < count; j++, from++) DOWN[from + width] = DOWN[from] + (ALONG[j + k] - ALONG[j]);
}

function repeatDown(to, period, count) {
  for (let j = 0; j < count; j++, to++) DOWN[to] = DOWN[to - period] + DOWN[period + j];
}

function weighRow(p, below, count, u, column, width, value, channels, far, rate) {
  for (let j = 0; j < count; j++, p++, value += channels) {
    const distance = DOWN[p + below] - DOWN[p];
    const gap = distance - COST[p];
    if (gap > far) continue;
    let weight = 1;
    if (gap > 0) weight = expMinus(gap * rate);
    else nearest(p, distance, u + column + j - (column + j < width ? 0 : width), channels, far, rate);
    MASS[p] += weight;
    if (channels === 1) TOTAL[p] += weight * SHOWN[value];
    else for (let c = 0; c < channels; c++) TOTAL[p * channels + c] += weight * SHOWN[value + c];
  }
}

/** Take in candidate u, at the smallest distance so far. What was summed before counts less; the lowest of equals wins. */
function nearest(p, distance, u, channels, far, rate) {
  const gap = COST[p] - distance;
  WINNER[p] = gap > 0 ? u : Math.min(u, WINNER[p]);
  COST[p] = distance;
  const less = gap > far ? 0 : expMinus(gap * rate);
  MASS[p] *= less;
  for (let c = 0; c < channels; c++) TOTAL[p * channels + c] *= less;
}

/** The squared distance of a window of SEEN to that of SHOWN at each corner; rows are `line` and `stride` apart. What is above
 * another by more than `far` has no weight: Infinity. */
function distancesTo(corners, own, line, stride, rows, count, far) {
  let limit = Infinity;
  return corners.map((corner) => {
    let sum = 0;
    for (let row = 0; row < rows && sum <= limit; row++) sum += rowDistance(own + row * line, corner + row * stride, count);
    limit = Math.min(limit, sum + far);
    return sum <= limit ? sum : Infinity;
  });
}

function addRow(to, from, count, weight) {
  for (let i = 0; i < count; i++) TOTAL[to + i] += weight * SHOWN[from + i];
}

function rowDistance(from, other, count) {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += (SEEN[from + i] - SHOWN[other + i]) ** 2;
  return sum;
}

/** The softmax's terms exp(prior - distance / (2 s^2)), divided by the largest; at s = 0 only the nearest count. */
function weigh(distances, s, prior = () => 0) {
  const smallest = distances.reduce((one, other) => Math.min(one, other));
  const exponents = distances.map((distance, m) => prior(m) - (distance === smallest ? 0 : (distance - smallest) / s / s / 2));
  const largest = exponents.reduce((one, other) => Math.max(one, other));
  return exponents.map((one) => Math.exp(one - largest));
}

/** Where the largest terms are, BEST of them at most; the first of equals comes first. */
const BEST = 6;
function ranked(terms) {
  let best = [];
  for (let m = 0; m < terms.length; m++) {
    let rank = best.length;
    while (rank > 0 && terms[m] > terms[best[rank - 1]]) rank--;
    if (rank < BEST && terms[m] > 0) best = best.toSpliced(rank, 0, m).slice(0, BEST);
  }
  return best;
}

/** What all views hear of each image: g times the mean over views of L = log(mass) - cost / (2 s^2), in theory.py's two parts.
 * machine.strength is in units of H W / k^2, so that at 1 each pixel counts about once. */
function hear({ views, cost, mass }, { k, strength = 0 }) {
  const [further, logPrior] = [1, 2].map(() => room(cost.length / views));
  const g = strength && strength / k ** 2; // times views, for the unit, and by views, for the mean
  for (let i = 0; g > 0 && i < cost.length; i++) {
    further[Math.floor(i / views)] += g * cost[i];
    logPrior[Math.floor(i / views)] += g * Math.log(mass[i]);
  }
  return { further, logPrior };
}

/** The answer of a machine {name, k, boundary, strength} to one image x at time t, over a set: x0Hat; the image, place and
 * weight of each view's winner; the images with the largest shares, for each view; and what all heard. */
function denoise(machine, set, x, t) {
  const [a, s] = cosine(t);
  const rule = { IS: ideal, ES: equivariant, LS: throughWindows, ELS: throughWindows }[machine.name];
  const { views, cost, mass, total, winner } = rule(set, x, a, s, machine);
  const [heard, size, images] = [hear({ views, cost, mass }, machine), x.length / views, []];
  const [x0Hat, weight, image, place] = [x.length, views, views, views].map(room);
  for (let view = 0; view < views; view++) {
    const shares = weigh(heard.further.map((one, n) => one + cost[n * views + view]), s, (n) => heard.logPrior[n]);
    let sum = 0;
    for (let n = 0; n < set.count; n++) {
      if (shares[n] === 0) continue;
      sum += shares[n] * mass[n * views + view];
      for (let i = 0; i < size; i++) x0Hat[view * size + i] += shares[n] * total[(n * views + view) * size + i];
    }
    for (let i = 0; i < size; i++) x0Hat[view * size + i] /= a * sum;
    [image[view]] = images[view] = ranked(shares);
    [place[view], weight[view]] = [winner[image[view] * views + view], 1 / sum];
  }
  return { x0Hat, image, place, weight, images, heard };
}

/** How many candidates pixel p has, and the best as {image, place, weight}, the largest weight first, from the answer to x at t.
 * They are in the images that have the largest shares: what is in another image has the best of each of these before it. */
function candidates(machine, set, p, { x, t, images, weight, heard }) {
  const [{ height, width, channels, without = [] }, [a, s], k] = [set, cosine(t), machine.k];
  const alike = (i, side) => paddingPattern(side, machine).flatMap((one, j, all) => (one === all[i] ? [j] : []));
  const columns = alike(p % width, width);
  const allowed = alike(Math.floor(p / width), height).flatMap((row) => columns.map((column) => row * width + column));
  const plan = { ...set, d: k >> 1, boundary: machine.boundary };
  const stride = extend(SEEN, x, plan, 1, 1) * channels;
  const [own, ...corners] = [p, ...allowed].map((u) => Math.floor(u / width) * stride + (u % width) * channels);
  const distances = images[p].flatMap((n) => {
    extend(SHOWN, imageOf(set, n), plan, 1, a);
    return distancesTo(corners, own, stride, stride, k, k * channels, reach(s)).map((one) => one + heard.further[n]);
  });
  const image = (m) => images[p][Math.floor(m / allowed.length)];
  const terms = weigh(distances, s, (m) => heard.logPrior[image(m)]);
  const candidate = (m) => ({ image: image(m), place: allowed[m % allowed.length], weight: terms[m] * weight[p] });
  return { count: (set.count - without.length) * allowed.length, shown: ranked(terms).map(candidate) };
}

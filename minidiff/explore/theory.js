// The theory in plain JavaScript: the same names in the same order as minidiff/theory.py, which is the definition.
//
// A set of images is {count, height, width, channels, data}: data holds the images one after the other, each as rows of pixels of
// channels. An image is its numbers alone. All numbers are float64. How far off JavaScript's own order of operations is from
// NumPy's, the tests say: the answers agree to 1e-9, where both compute in float64.
"use strict";

// --- noise, and the way back -----------------------------------------------------------------------------------------

/** Whole numbers from 0 to 2^32 - 1: MurmurHash3's finalizer of a counter in steps of the golden ratio; the seed sets its start. */
function randomWords(seed, count) {
  const mix = (h) => {
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    return (h ^ (h >>> 16)) >>> 0;
  };
  const start = mix(seed);
  return Uint32Array.from({ length: count }, (_, i) => mix(start + Math.imul(i + 1, 0x9e3779b9)));
}

/** Unit normal numbers from a seed, two by two from two words each (Box and Muller); `minidiff.explore.noise` gives the same. */
function unitNoise(seed, count) {
  const words = randomWords(seed, 2 * Math.ceil(count / 2));
  const uniform = (i) => (words[i] + 0.5) / 2 ** 32;
  return Float64Array.from({ length: count }, (_, i) => {
    const pair = i - (i % 2);
    const angle = 2 * Math.PI * uniform(pair + 1);
    return Math.sqrt(-2 * Math.log(uniform(pair))) * (i % 2 ? Math.sin(angle) : Math.cos(angle));
  });
}

/** How much signal a and noise s an image holds at time t, 0 being clean: the cosine schedule. */
function cosine(t) {
  const angle = (Math.PI / 2 / 1.008) * t;
  return [Math.cos(angle), Math.sin(angle)];
}

/** x = a x0 + s eps. */
function addNoise(x0, eps, a, s) {
  return x0.map((value, i) => a * value + s * eps[i]);
}

/** The noise that x holds if x0Hat is its clean image. */
function epsFromX0(x, x0Hat, a, s) {
  return x.map((value, i) => (value - a * x0Hat[i]) / s);
}

/** DDIM (eta = 0): guess the clean image, and put back a little less of the noise that is left. Each step asks denoiser(x, t) for
 * an answer with an x0Hat; steps + 1 of them are given out, with t and x, since the clean image is asked too where it comes from. */
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

/** What padding tells the pixels of one axis of their place: the index where it is in sight, elsewhere -1. */
function paddingPattern(side, k, boundary) {
  const d = k >> 1;
  return Array.from({ length: side }, (_, i) => (boundary === "zeros" && (i < d || i >= side - d) ? i : -1));
}

/** What padding tells each pixel, on both axes, as one number: pixels of one number may explain each other. */
function places(height, width, k, boundary) {
  const [rows, columns] = [height, width].map((side) => paddingPattern(side, k, boundary));
  return Int32Array.from({ length: height * width }, (_, p) => rows[Math.floor(p / width)] * (width + 1) + columns[p % width]);
}

/** The shifts of one axis, [shift, first, last]: at that shift, pixels from first to last - 1 may be explained. */
function shifts(side, k, boundary, anywhere) {
  if (!anywhere) return [[0, 0, side]];
  if (boundary === "circular") return Array.from({ length: side }, (_, shift) => [shift, 0, side]);
  const d = k >> 1;
  const found = [[0, 0, side]];
  for (let shift = 2 * d - side + 1; shift < side - 2 * d; shift++) {
    if (shift !== 0) found.push([shift, Math.max(d, d - shift), Math.min(side - d, side - d - shift)]);
  }
  return found;
}

// --- the one formula -------------------------------------------------------------------------------------------------

// exp(-q) is the product of exp(-i / 32), from a table, and exp(-r) with r < 1 / 32, from five terms of its series: off by at most
// 3e-10 of itself, in a quarter of the time. A term below exp(-REACH) of its image's largest counts as 0.
const REACH = 40;
const POWERS = Float64Array.from({ length: 32 * REACH + 1 }, (_, i) => Math.exp(-i / 32));

function expMinus(q) {
  const i = (q * 32) | 0;
  const r = q - i / 32;
  return POWERS[i] * (1 - r * (1 - r * (0.5 - r * (1 / 6 - r * (1 / 24)))));
}

/** The exponent gap / (2 s^2) of a distance that is that much above the smallest; at s = 0 only the nearest count. */
function exponent(gap, s) {
  return gap === 0 ? 0 : gap / s / s / 2;
}

/** How well each training image n explains each view g by itself: {views, cost, mass, total, winner, s}, at n * views + g.
 *
 * cost is the smallest squared distance, winner its candidate, mass the sum over candidates of exp(-(distance - cost) / (2 s^2)),
 * and total the same sum of their values. machine is {name, k, boundary}; in the names of theory.py L = log(mass) - cost / (2 s^2). */
function evidence(machine, set, x, a, s) {
  return { IS: ideal, ES: equivariant, LS: throughWindows, ELS: throughWindows }[machine.name](set, x, a, s, machine);
}

/** IS: the image as one view, and each training image as one candidate. */
function ideal(set, x, a, s) {
  const cost = Float64Array.from({ length: set.count }, (_, n) => {
    let sum = 0;
    for (let i = 0, at = n * x.length; i < x.length; i++) sum += (x[i] - a * set.data[at + i]) ** 2;
    return sum;
  });
  return { views: 1, cost, mass: new Float64Array(set.count).fill(1), total: set.data, winner: new Int32Array(set.count), s };
}

/** ES: every translation u of each training image is a candidate; they are compared on the torus. */
function equivariant(set, x, a, s) {
  const { count, height, width, channels } = set;
  const moved = new Float64Array(x.length);
  const found = emptyEvidence(count, 1, x.length, s);
  for (let n = 0; n < count; n++) {
    for (let u = 0; u < height * width; u++) {
      for (let row = 0, i = 0; row < height; row++) {
        const from = n * x.length + ((row + Math.floor(u / width)) % height) * width * channels;
        for (let j = 0; j < width * channels; j++, i++) moved[i] = set.data[from + ((j + (u % width) * channels) % (width * channels))];
      }
      let distance = 0;
      for (let i = 0; i < x.length; i++) distance += (x[i] - a * moved[i]) ** 2;
      const old = found.cost[n];
      if (distance < old) {
        found.winner[n] = u;
        found.cost[n] = distance;
        rescale(found, n, x.length, old < Infinity ? Math.exp(-exponent(old - distance, s)) : 0);
      }
      const weight = Math.exp(-exponent(distance - found.cost[n], s));
      found.mass[n] += weight;
      if (weight > 0) for (let i = 0; i < x.length; i++) found.total[n * x.length + i] += weight * moved[i];
    }
  }
  return found;
}

function emptyEvidence(count, views, size, s) {
  const [cost, mass] = [new Float64Array(count * views).fill(Infinity), new Float64Array(count * views)];
  return { views, cost, mass, total: new Float64Array(count * views * size), winner: new Int32Array(count * views), s };
}

/** A new smallest distance came: what was weighed against the old one counts less. */
function rescale(found, at, size, factor) {
  found.mass[at] *= factor;
  for (let i = at * size; i < (at + 1) * size; i++) found.total[i] *= factor;
}

// Squared differences are rounded to whole multiples of 2^-34, so that sums of them below 2^19 are exact. A running sum that takes
// off what leaves the window then loses nothing: equal windows have equal distances, and a window's distance to itself is 0.
const GRID = 1.5 * 2 ** 18;

// What the loops below work in. A browser compiles them twice as fast for arrays that are there once and for all.
const MOST = 32; // the largest side of an image
const room = (count) => new Float64Array(count);
const [SEEN, SHOWN] = [room(3 * (3 * MOST) ** 2), room(3 * (4 * MOST) ** 2)]; // x and one training image, with what is past the border
const [SQUARES, ALONG, DOWN] = [room(4 * MOST), room(3 * MOST * MOST), room(MOST)];
const [COST, MASS, TOTAL, WINNER] = [room(MOST * MOST), room(MOST * MOST), room(3 * MOST * MOST), new Int32Array(MOST * MOST)];

/** LS and ELS: pixels see their windows. At one shift all distances are box sums over one plane of squared differences. */
function throughWindows(set, x, a, s, machine) {
  const { count, height, width, channels } = set;
  const views = height * width;
  const [rows, columns] = [height, width].map((side) => shifts(side, machine.k, machine.boundary, machine.name === "ELS"));
  const found = emptyEvidence(count, views, channels, s);
  const plan = { ...set, ...machine, d: machine.k >> 1, circular: machine.boundary === "circular", a };
  Object.assign(plan, { reach: REACH * 2 * s * s, rate: s > 0 ? 0.5 / s / s : 0 });
  plan.seenWide = extend(SEEN, x, 0, plan, false);
  for (let n = 0; n < count; n++) {
    plan.shownWide = extend(SHOWN, set.data, n * x.length, plan, true);
    COST.fill(Infinity, 0, views);
    for (const one of [MASS, TOTAL]) one.fill(0);
    for (const row of rows) for (const column of columns) oneShift(plan, row, column);
    found.cost.set(COST.subarray(0, views), n * views);
    found.mass.set(MASS.subarray(0, views), n * views);
    found.total.set(TOTAL.subarray(0, x.length), n * x.length);
    found.winner.set(WINNER.subarray(0, views), n * views);
  }
  return found;
}

/** Put an image into `out` with what its windows see past its border, zeros or the torus; returns the pixels in a row of it.
 *
 * `twice` shows the torus at all shifts at once. */
function extend(out, data, at, { height, width, channels, circular, d }, twice) {
  const [tall, wide] = [height, width].map((side) => 2 * d + (circular && twice ? 2 * side - 1 : side));
  for (let row = -d, i = 0; row < tall - d; row++) {
    for (let column = -d; column < wide - d; column++) {
      const inside = circular || (row >= 0 && row < height && column >= 0 && column < width);
      const from = at + (((row + height) % height) * width + ((column + width) % width)) * channels;
      for (let c = 0; c < channels; c++, i++) out[i] = inside ? data[from + c] : 0;
    }
  }
  return wide;
}

/** Weigh the candidates of one shift, (dy, dx), for the pixels that they may explain: rows top to bottom, columns left to right. */
function oneShift(plan, [dy, top, bottom], [dx, left, right]) {
  const { height, width, channels, k, d, circular, seenWide, shownWide } = plan;
  const count = right - left;
  const [first, last] = circular ? [0, height] : [Math.max(0, top - d), Math.min(height, bottom + d)];
  if (!circular) ALONG.fill(0, 0, (height + k) * width);
  for (let row = first; row < last; row++) {
    const from = ((row + d) * seenWide + left) * channels;
    const other = ((row + dy + d) * shownWide + left + dx) * channels;
    squaresOfRow(from, other, plan.a, channels, count + k - 1);
    sumAlongRow((row + d) * width + left, count, k);
  }
  if (circular) {
    ALONG.copyWithin(0, height * width, (height + d) * width);
    ALONG.copyWithin((height + d) * width, d * width, 2 * d * width);
  }
  DOWN.fill(0);
  for (let row = top; row < top + k - 1; row++) {
    for (let column = left; column < right; column++) DOWN[column] += ALONG[row * width + column];
  }
  for (let row = top; row < bottom; row++) {
    weighRow(plan, row, left, right, dy, dx, ((row + dy + d) * shownWide + dx + d) * channels);
  }
}

/** The squared differences of `count` pixels of two rows, as multiples of 2^-34. */
function squaresOfRow(from, other, a, channels, count) {
  for (let j = 0; j < count; j++, from += channels, other += channels) {
    let difference = SEEN[from] - a * SHOWN[other];
    let square = difference * difference + GRID - GRID;
    for (let c = 1; c < channels; c++) {
      difference = SEEN[from + c] - a * SHOWN[other + c];
      square += difference * difference + GRID - GRID;
    }
    SQUARES[j] = square;
  }
}

/** The sums of squares over k neighbours each, from the place `to` on. */
function sumAlongRow(to, count, k) {
  let sum = 0;
  for (let j = 0; j < k; j++) sum += SQUARES[j];
  ALONG[to] = sum;
  for (let j = 1; j < count; j++) {
    sum += SQUARES[j + k - 1] - SQUARES[j - 1];
    ALONG[to + j] = sum;
  }
}

/** Complete the sums of one row of pixels, and weigh its candidates, whose values begin at `at`. */
function weighRow(plan, row, left, right, dy, dx, at) {
  const { height, width, channels, k, reach, rate } = plan;
  const [below, u] = [(k - 1) * width, ((row + dy + height) % height) * width + dx];
  for (let column = left, i = row * width + left; column < right; column++, i++) {
    const distance = DOWN[column] + ALONG[i + below];
    DOWN[column] = distance - ALONG[i];
    let gap = distance - COST[i];
    if (gap > reach) continue;
    if (gap <= 0) {
      newWinner(i, u + column - (column + dx < width ? 0 : width), distance, gap, channels, rate, reach);
      gap = 0;
    }
    const weight = expMinus(gap * rate);
    MASS[i] += weight;
    for (let c = 0; c < channels; c++) TOTAL[i * channels + c] += weight * SHOWN[at + column * channels + c];
  }
}

/** Candidate u is at least as near as the nearest before it: the lowest of equals wins, and what was weighed counts less. */
function newWinner(i, u, distance, gap, channels, rate, reach) {
  if (gap === 0) {
    if (u < WINNER[i]) WINNER[i] = u;
    return;
  }
  WINNER[i] = u;
  COST[i] = distance;
  const factor = -gap > reach ? 0 : expMinus(-gap * rate);
  MASS[i] *= factor;
  for (let c = 0; c < channels; c++) TOTAL[i * channels + c] *= factor;
}

/** log sum over u of exp(-d / (2 s^2)) of each image, as the mean over views of its two parts; what all views hear at g = 1. */
function heard({ views, cost, mass }) {
  const count = cost.length / views;
  const mean = (field) => Float64Array.from({ length: count }, (_, n) => field.subarray(n * views, (n + 1) * views).reduce((a, b) => a + b) / views);
  return { cost: mean(cost), logMass: mean(mass.map(Math.log)) };
}

/** The answer of all training images together: {x0Hat, image, place, weight, heard}; the last three of each view are its winner's.
 *
 * Views hear from each other which image is likely, with strength g in units of H W / k^2: the candidates of image n have the
 * exponent -d / (2 s^2) + strength * (the mean over views q of L[q, n]). strength = 0 is each view by itself. */
function posterior(found, strength, machine) {
  const { views, cost, mass, total, winner, s } = found;
  const [count, size] = [cost.length / views, total.length / cost.length];
  const g = machine.name === "IS" || machine.name === "ES" ? 0 : (strength * views) / machine.k ** 2;
  const told = heard(found);
  const answer = { x0Hat: room(views * size), image: new Int32Array(views), place: new Int32Array(views), weight: room(views), heard: told };
  const [own, terms] = [room(count), room(count)];
  for (let view = 0; view < views; view++) {
    let [nearest, best, sum] = [Infinity, 0, 0];
    for (let n = 0; n < count; n++) {
      own[n] = cost[n * views + view] + g * told.cost[n];
      nearest = Math.min(nearest, own[n]);
    }
    for (let n = 0; n < count; n++) {
      terms[n] = g * told.logMass[n] - exponent(own[n] - nearest, s);
      if (terms[n] > terms[best]) best = n;
    }
    for (let n = 0; n < count; n++) {
      const share = Math.exp(terms[n] - terms[best]);
      if (share === 0) continue;
      sum += share * mass[n * views + view];
      for (let i = 0; i < size; i++) answer.x0Hat[view * size + i] += share * total[(n * views + view) * size + i];
    }
    for (let i = 0; i < size; i++) answer.x0Hat[view * size + i] /= sum;
    [answer.image[view], answer.place[view], answer.weight[view]] = [best, winner[best * views + view], 1 / sum];
  }
  return answer;
}

/** x0_hat of one image x at time t by a machine {name, k, boundary, strength}, over a set. */
function denoise(machine, set, x, t) {
  const [a, s] = cosine(t);
  return posterior(evidence(machine, set, x, a, s), machine.strength ?? 0, machine);
}

/** The candidates of one pixel p, {image, place, weight} from the largest weight on, at most `most` of them, and how many there
 * are. What p hears from others, `told`, is that of a whole answer. Distances are summed one by one, as the definition says. */
function candidates(machine, set, x, p, t, told, most) {
  const [a, s] = cosine(t);
  const { height, width, channels } = set;
  const [views, k] = [height * width, machine.k];
  const place = machine.name === "LS" ? Int32Array.from({ length: views }, (_, u) => u) : places(height, width, k, machine.boundary);
  const alike = Array.from(place.keys()).filter((u) => place[u] === place[p]);
  const plan = { ...set, d: k >> 1, circular: machine.boundary === "circular" };
  const wide = extend(SEEN, x, 0, plan, false);
  const corner = (u) => (Math.floor(u / width) * wide + (u % width)) * channels; // of its window
  const g = ((machine.strength ?? 0) * views) / k ** 2;
  const distances = room(set.count * alike.length);
  for (let n = 0, m = 0; n < set.count; n++) {
    extend(SHOWN, set.data, n * x.length, plan, false);
    for (const u of alike) distances[m++] = windowDistance(corner(p), corner(u), wide * channels, k, k * channels, a) + g * told.cost[n];
  }
  const image = (m) => Math.floor(m / alike.length);
  const nearest = distances.reduce((least, one) => Math.min(least, one));
  const exponents = distances.map((distance, m) => g * told.logMass[image(m)] - exponent(distance - nearest, s));
  const largest = exponents.reduce((most, one) => Math.max(most, one));
  const terms = exponents.map((one) => Math.exp(one - largest));
  const sum = terms.reduce((total, one) => total + one);
  const order = Array.from(terms.keys()).filter((m) => terms[m] > 0).sort((m, other) => terms[other] - terms[m] || m - other);
  const shown = order.slice(0, most).map((m) => ({ image: image(m), place: alike[m % alike.length], weight: terms[m] / sum }));
  return { count: distances.length, shown };
}

function windowDistance(from, other, stride, rows, count, a) {
  let sum = 0;
  for (let row = 0; row < rows; row++, from += stride, other += stride) {
    for (let i = 0; i < count; i++) {
      const difference = SEEN[from + i] - a * SHOWN[other + i];
      sum += difference * difference + GRID - GRID;
    }
  }
  return sum;
}

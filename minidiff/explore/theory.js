// The theory in plain JavaScript, with the names and in the order of minidiff/theory.py, which is the definition.
//
// A set of images is {count, height, width, channels, data}: data holds the images one after the other, each as rows of pixels of
// channels. An image alone is its numbers. All numbers are float64, and the tests hold the answers against theory.py's.
"use strict";

// --- noise, and the way back -----------------------------------------------------------------------------------------

/** Whole numbers below 2^32: MurmurHash3's finalizer of a counter in steps of the golden ratio; the seed says where it starts. */
function randomWords(seed, count) {
  const mix = (h) => {
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    return (h ^ (h >>> 16)) >>> 0;
  };
  const start = mix(seed);
  return Uint32Array.from({ length: count }, (_, i) => mix(start + Math.imul(i + 1, 0x9e3779b9)));
}

/** Unit normal numbers from a seed, two from two words each (Box and Muller); `minidiff.explore.noise` gives the same. */
function unitNoise(seed, count) {
  const uniform = Float64Array.from(randomWords(seed, count + (count % 2)), (word) => (word + 0.5) / 2 ** 32);
  return Float64Array.from({ length: count }, (_, i) => {
    const [first, angle] = [uniform[i - (i % 2)], 2 * Math.PI * uniform[i - (i % 2) + 1]];
    return Math.sqrt(-2 * Math.log(first)) * (i % 2 ? Math.sin(angle) : Math.cos(angle));
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

/** What padding tells the pixels of one axis of their place: the index where it is in sight, elsewhere -1. */
function paddingPattern(side, k, boundary) {
  const d = k >> 1;
  return Array.from({ length: side }, (_, i) => (boundary === "zeros" && (i < d || i >= side - d) ? i : -1));
}

/** What padding tells each pixel, on both axes, as one number: pixels of one number may explain each other. */
function places(height, width, k, boundary) {
  const [rows, columns] = [height, width].map((side) => paddingPattern(side, k, boundary));
  return Array.from({ length: height * width }, (_, p) => rows[Math.floor(p / width)] * (width + 1) + columns[p % width]);
}

/** The same as shifts of one axis, [shift, first, last]: at that shift the pixels from first to last - 1 may be explained. */
function shifts(side, { name, k, boundary }) {
  const d = k >> 1;
  const found = [[0, 0, side]];
  for (let shift = 1; name === "ELS" && shift < side; shift++) {
    if (boundary === "circular") found.push([shift, 0, side]);
    else if (shift < side - 2 * d) found.push([shift, d, side - d - shift], [-shift, d + shift, side - d]);
  }
  return found;
}

const room = (count) => new Float64Array(count);

// --- the one formula -------------------------------------------------------------------------------------------------

/** The exponent gap / (2 s^2) of a distance that is that much above the smallest; at s = 0 only the nearest count. */
function exponent(gap, s) {
  return gap === 0 ? 0 : gap / s / s / 2;
}

/** How well each training image n explains each view g by itself: {views, cost, mass, total, winner, s}, at n * views + g.
 *
 * cost is the smallest squared distance, winner its candidate, mass the sum over candidates of exp(-(distance - cost) / (2 s^2)),
 * and total the same sum of their values. In the words of theory.py, L = log(mass) - cost / (2 s^2). */
function evidence(machine, set, x, a, s) {
  return { IS: ideal, ES: equivariant, LS: throughWindows, ELS: throughWindows }[machine.name](set, x, a, s, machine);
}

/** IS: the image is one view, and each training image one candidate. */
function ideal(set, x, a, s) {
  const cost = room(set.count).map((_, n) => squaredDistance(x, set.data.subarray(n * x.length), a));
  return { views: 1, cost, mass: room(set.count).fill(1), total: set.data, winner: new Int32Array(set.count), s };
}

function squaredDistance(x, y, a) {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += (x[i] - a * y[i]) ** 2;
  return sum;
}

/** ES: each translation u of each training image on the torus is a candidate. */
function equivariant(set, x, a, s) {
  const [line, rows, size] = [set.width * set.channels, set.height, x.length];
  const found = emptyEvidence(set.count, 1, size, s);
  const plan = { ...set, boundary: "circular", d: 0 };
  const corner = (u) => (Math.floor(u / set.width) * 2 * set.width + (u % set.width)) * set.channels; // in an image shown twice
  extend(SEEN, x, 0, plan, 1);
  for (let n = 0; n < set.count; n++) {
    extend(SHOWN, set.data, n * size, plan, 2);
    const distances = room(rows * set.width).map((_, u) => windowDistance(0, line, corner(u), 2 * line, rows, line, a));
    found.cost[n] = distances.reduce((least, one) => Math.min(least, one));
    found.winner[n] = distances.indexOf(found.cost[n]);
    for (const [u, distance] of distances.entries()) {
      const weight = Math.exp(-exponent(distance - found.cost[n], s));
      found.mass[n] += weight;
      if (weight > 1e-18) addWindow(found.total, n * size, corner(u), 2 * line, rows, line, weight);
    }
  }
  return found;
}

/** The squared distance of a window of SEEN to a times one of SHOWN: `rows` rows of `count` numbers, a stride apart. */
function windowDistance(from, stride, other, otherStride, rows, count, a) {
  let sum = 0;
  for (let row = 0; row < rows; row++, from += stride, other += otherStride) {
    for (let i = 0; i < count; i++) {
      const difference = SEEN[from + i] - a * SHOWN[other + i];
      sum += difference * difference + GRID - GRID;
    }
  }
  return sum;
}

function addWindow(total, to, other, otherStride, rows, count, weight) {
  for (let row = 0; row < rows; row++, to += count, other += otherStride) {
    for (let i = 0; i < count; i++) total[to + i] += weight * SHOWN[other + i];
  }
}

function emptyEvidence(count, views, size, s) {
  const [cost, mass, total] = [1, 1, size].map((each) => room(count * views * each));
  return { views, cost, mass, total, winner: new Int32Array(count * views), s };
}

// Squared differences are rounded to whole multiples of 2^-34, so that their sums below 2^19 are exact. A running sum that takes
// off what leaves the window then loses nothing: equal windows have equal distances, and a window's distance to itself is 0.
const GRID = 1.5 * 2 ** 18;

// exp(-q) is exp(-i / 256), from a table, times three terms of exp(-r), r < 1 / 256: off by at most 1e-8 of itself, and quick.
// A term below exp(-REACH) of its image's largest counts as 0.
const REACH = 25;
const POWERS = Float64Array.from({ length: 256 * REACH + 1 }, (_, i) => Math.exp(-i / 256));

function expMinus(q) {
  const i = (q * 256) | 0;
  const r = q - i / 256;
  return POWERS[i] * (1 - r + r * r * 0.5);
}

// What the loops below work in: x and one training image, with what is past their borders; sums; what that image says of x.
const MOST = 32; // the largest side of an image
const [SEEN, SHOWN, SQUARES, ALONG, DOWN] = [27 * MOST ** 2, 48 * MOST ** 2, 4 * MOST, 3 * MOST ** 2, MOST].map(room);
const DISTANCES = room(MOST ** 4);
const [COST, MASS, TOTAL, WINNER] = [...[1, 1, 3].map((each) => room(each * MOST ** 2)), new Int32Array(MOST ** 2)];

/** LS and ELS: pixels see their windows. At one shift all distances are box sums over one plane of squared differences. */
function throughWindows(set, x, a, s, machine) {
  const views = set.height * set.width;
  const [rows, columns] = [set.height, set.width].map((side) => shifts(side, machine));
  const found = emptyEvidence(set.count, views, set.channels, s);
  const plan = { ...set, ...machine, d: machine.k >> 1, a, reach: REACH * 2 * s * s, rate: s > 0 ? 0.5 / s / s : 0 };
  plan.seenWide = extend(SEEN, x, 0, plan, 1);
  for (let n = 0; n < set.count; n++) {
    plan.shownWide = extend(SHOWN, set.data, n * x.length, plan, 2);
    COST.fill(Infinity);
    for (const one of [MASS, TOTAL]) one.fill(0);
    let at = 0;
    for (const row of rows) for (const column of columns) at = measure(plan, row, column, at);
    at = 0;
    for (const row of rows) for (const column of columns) at = weigh(plan, row, column, at);
    found.cost.set(COST.subarray(0, views), n * views);
    found.mass.set(MASS.subarray(0, views), n * views);
    found.winner.set(WINNER.subarray(0, views), n * views);
    found.total.set(TOTAL.subarray(0, x.length), n * x.length);
  }
  return found;
}

/** Put an image into `out` with what its windows see past its border: zeros, or the torus, `turns` times so that it holds all
 * shifts. Returns the number of pixels in a row. */
function extend(out, data, at, { height, width, channels, boundary, d }, turns) {
  const circular = boundary === "circular";
  const [tall, wide] = [height, width].map((side) => 2 * d + (circular ? turns * side : side));
  for (let row = -d, i = 0; row < tall - d; row++) {
    for (let column = -d; column < wide - d; column++) {
      const inside = circular || (row >= 0 && row < height && column >= 0 && column < width);
      const from = at + (((row + height) % height) * width + ((column + width) % width)) * channels;
      for (let c = 0; c < channels; c++, i++) out[i] = inside ? data[from + c] : 0;
    }
  }
  return wide;
}

/** The distances at one shift, (dy, dx), of the pixels that it may explain: rows top to bottom, columns left to right.
 *
 * They are kept from `at` on; returns where they end. */
function measure(plan, [dy, top, bottom], [dx, left, right], at) {
  const { height, width, channels, k, d, boundary, seenWide, shownWide } = plan;
  const circular = boundary === "circular";
  const [first, last] = circular ? [0, height] : [Math.max(0, top - d), Math.min(height, bottom + d)];
  if (!circular) ALONG.fill(0, 0, (height + k) * width);
  for (let row = first; row < last; row++) {
    const [from, other] = [(row + d) * seenWide + left, (row + dy + d) * shownWide + left + dx];
    squaresOfRow(from * channels, other * channels, plan.a, channels, right - left + k - 1);
    sumAlongRow((row + d) * width + left, right - left, k);
  }
  if (circular) {
    ALONG.copyWithin(0, height * width, (height + d) * width);
    ALONG.copyWithin((height + d) * width, d * width, 2 * d * width);
  }
  DOWN.fill(0);
  for (let row = top; row < top + k - 1; row++) {
    for (let column = left; column < right; column++) DOWN[column] += ALONG[row * width + column];
  }
  for (let row = top; row < bottom; row++, at += right - left) sumDown(row * width, left, right, (k - 1) * width, at - left);
  return at;
}

/** The squared differences of `count` pixels of two rows. */
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

/** The distances of one row of pixels, which begins at pixel `first`, and the smallest of each pixel so far. */
function sumDown(first, left, right, below, at) {
  for (let column = left, i = first + left; column < right; column++, i++) {
    const distance = DOWN[column] + ALONG[i + below];
    DOWN[column] = distance - ALONG[i];
    DISTANCES[at + column] = distance;
    if (distance < COST[i]) {
      COST[i] = distance;
      WINNER[i] = 2 ** 30;
    }
  }
}

/** Weigh the candidates of one shift, whose distances lie from `at` on; the lowest of equals wins. */
function weigh({ height, width, channels, d, shownWide, reach, rate }, [dy, top, bottom], [dx, left, right], at) {
  for (let row = top; row < bottom; row++) {
    const [u, values] = [((row + dy + height) % height) * width + dx, ((row + dy + d) * shownWide + dx + d) * channels];
    for (let column = left, i = row * width + left; column < right; column++, i++) {
      const gap = DISTANCES[at++] - COST[i];
      if (gap > reach) continue;
      const weight = expMinus(gap * rate);
      MASS[i] += weight;
      if (channels === 1) TOTAL[i] += weight * SHOWN[values + column]; // by itself, as a loop of one turn takes time
      else for (let c = 0; c < channels; c++) TOTAL[i * channels + c] += weight * SHOWN[values + column * channels + c];
      if (gap === 0) WINNER[i] = Math.min(WINNER[i], u + column - (column + dx < width ? 0 : width));
    }
  }
  return at;
}

/** What all views hear, in two parts: of each image n, the mean over views of L[q, n] is logMass - cost / (2 s^2). */
function heard({ views, cost, mass }) {
  const mean = (field) => Float64Array.from({ length: field.length / views }, (_, n) => {
    return field.subarray(n * views, (n + 1) * views).reduce((sum, value) => sum + value) / views;
  });
  return { cost: mean(cost), logMass: mean(mass.map(Math.log)) };
}

/** The strength of what is heard: machine.strength is in units of H W / k^2, so that at 1 each pixel counts about once. */
function rawStrength({ name, k, strength = 0 }, views) {
  return name === "IS" || name === "ES" ? 0 : (strength * views) / k ** 2;
}

/** The answer of all training images together: x0Hat, and the image, place and weight of each view's winner.
 *
 * The candidates of image n have the exponent -d / (2 s^2) + strength * (what is heard of n); at strength 0 all are alone. */
function posterior(found, machine) {
  const { views, cost, mass, total, winner, s } = found;
  const [count, size] = [cost.length / views, total.length / cost.length];
  const [told, g] = [heard(found), rawStrength(machine, views)];
  const [x0Hat, weight, image, place] = [room(views * size), room(views), new Int32Array(views), new Int32Array(views)];
  for (let view = 0; view < views; view++) {
    const own = told.cost.map((one, n) => cost[n * views + view] + g * one);
    const nearest = own.reduce((least, one) => Math.min(least, one));
    const terms = own.map((one, n) => g * told.logMass[n] - exponent(one - nearest, s));
    const best = terms.indexOf(terms.reduce((most, one) => Math.max(most, one)));
    let sum = 0;
    for (let n = 0; n < count; n++) {
      const share = Math.exp(terms[n] - terms[best]);
      if (share === 0) continue;
      sum += share * mass[n * views + view];
      for (let i = 0; i < size; i++) x0Hat[view * size + i] += share * total[(n * views + view) * size + i];
    }
    for (let i = 0; i < size; i++) x0Hat[view * size + i] /= sum;
    [image[view], place[view], weight[view]] = [best, winner[best * views + view], 1 / sum];
  }
  return { x0Hat, image, place, weight, heard: told };
}

/** The answer of a machine {name, k, boundary, strength} to one image x at time t, over a set. */
function denoise(machine, set, x, t) {
  return posterior(evidence(machine, set, x, ...cosine(t)), machine);
}

/** How many candidates one pixel p has, and at most `most` of them as {image, place, weight}, the largest weight first.
 *
 * What p hears, `told`, is that of a whole answer. Distances are summed term by term, as the definition says. */
function candidates(machine, set, x, p, t, told, most) {
  const [{ height, width, channels }, [a, s], k] = [set, cosine(t), machine.k];
  const pattern = places(height, width, k, machine.boundary);
  const alike = Array.from(pattern.keys()).filter((u) => u === p || (machine.name === "ELS" && pattern[u] === pattern[p]));
  const plan = { ...set, d: k >> 1, boundary: machine.boundary };
  const stride = extend(SEEN, x, 0, plan, 1) * channels;
  const corner = (u) => Math.floor(u / width) * stride + (u % width) * channels; // where its window begins
  const [g, distances] = [rawStrength(machine, height * width), room(set.count * alike.length)];
  for (let n = 0, m = 0; n < set.count; n++) {
    extend(SHOWN, set.data, n * x.length, plan, 1);
    for (const u of alike) {
      distances[m++] = windowDistance(corner(p), stride, corner(u), stride, k, k * channels, a) + g * told.cost[n];
    }
  }
  const image = (m) => Math.floor(m / alike.length);
  const nearest = distances.reduce((least, one) => Math.min(least, one));
  const exponents = distances.map((distance, m) => g * told.logMass[image(m)] - exponent(distance - nearest, s));
  const largest = exponents.reduce((best, one) => Math.max(best, one));
  const terms = exponents.map((one) => Math.exp(one - largest));
  const sum = terms.reduce((all, one) => all + one);
  const shown = [];
  while (shown.length < most) {
    const m = terms.indexOf(terms.reduce((best, one) => Math.max(best, one)));
    if (terms[m] === 0) break;
    shown.push({ image: image(m), place: alike[m % alike.length], weight: terms[m] / sum });
    terms[m] = 0;
  }
  return { count: distances.length, shown };
}

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

/** The same as shifts of one axis: pixels from `first` to `last` - 1 may be explained by those that are `shift` further on. */
function shifts(side, { name, k, boundary }) {
  const d = k >> 1;
  const found = [{ shift: 0, first: 0, last: side }];
  for (let shift = 1; name === "ELS" && shift < side; shift++) {
    if (boundary === "circular") found.push({ shift, first: 0, last: side });
    else if (shift < side - 2 * d) {
      found.push({ shift, first: d, last: side - d - shift }, { shift: -shift, first: d + shift, last: side - d });
    }
  }
  return found;
}

const room = (count) => new Float64Array(count);
const least = (values) => values.reduce((one, other) => Math.min(one, other));
const greatest = (values) => values.reduce((one, other) => Math.max(one, other));

// What the loops below work in: x and a times one training image, with what is past their borders, and running sums.
const MOST = 32; // the largest side of an image
const [SEEN, SHOWN, ALONG, DOWN] = [27 * MOST ** 2, 27 * MOST ** 2, 4 * MOST, 3 * MOST ** 2].map(room);

// A rule answers with evidence {views, cost, mass, total, winner}: how well training image n explains view g by itself, at
// n * views + g. cost is the smallest squared distance, winner its candidate, mass the sum over candidates of
// exp(-(distance - cost) / (2 s^2)), and total the same sum of their values. Of one image it is kept here until it is complete.
const [COST, MASS, TOTAL, WINNER] = [...[1, 1, 3].map((each) => room(each * MOST ** 2)), new Int32Array(MOST ** 2)];

/** The evidence of all images; `one` puts that of the image in SHOWN into COST, MASS, TOTAL and WINNER. */
function ofEach(set, views, x, a, plan, turns, one) {
  const [cost, mass, total] = [views, views, x.length].map((each) => room(set.count * each));
  const winner = new Int32Array(set.count * views);
  plan.seenWide = extend(SEEN, x, 0, plan, 1, 1);
  for (let n = 0; n < set.count; n++) {
    plan.shownWide = extend(SHOWN, set.data, n * x.length, plan, turns, a);
    COST.fill(Infinity);
    for (const sums of [MASS, TOTAL]) sums.fill(0);
    one(plan);
    for (const [all, those] of [[cost, COST], [mass, MASS], [winner, WINNER]]) all.set(those.subarray(0, views), n * views);
    for (let i = 0; i < x.length; i++) total[n * x.length + i] = TOTAL[i] / a;
  }
  return { views, cost, mass, total, winner };
}

/** IS: the image is one view, and each training image one candidate. */
function ideal(set, x, a, s, machine, corners = [0]) {
  const [line, rows] = [set.width * set.channels, set.height];
  return ofEach(set, 1, x, a, { ...set, boundary: "circular", d: 0 }, 2, () => {
    const distances = corners.map((corner) => {
      const distance = windowDistance(0, line, corner, 2 * line, rows, line, COST[0] + reach(s));
      COST[0] = Math.min(COST[0], distance);
      return distance;
    });
    WINNER[0] = distances.indexOf(COST[0]);
    for (const [u, distance] of distances.entries()) {
      const weight = Math.exp(-exponent(distance - COST[0], s));
      MASS[0] += weight;
      for (let row = 0; weight > 0 && row < rows; row++) addRow(row * line, corners[u] + row * 2 * line, line, weight);
    }
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
  const plan = { ...set, ...machine, d: machine.k >> 1, far: reach(s), rate: s > 0 ? 0.5 / s / s : 0 };
  return ofEach(set, set.height * set.width, x, a, plan, 2, () => {
    for (const row of rows) {
      for (const column of columns) {
        explain(plan, row, column);
        weigh(plan, row, column);
      }
    }
  });
}

/** Put an image times `scale` into `out` with what its windows see past its border: zeros, or the torus, `turns` times so that
 * it holds all shifts. Returns the number of pixels in a row. */
function extend(out, data, at, { height, width, channels, boundary, d }, turns, scale) {
  const circular = boundary === "circular";
  const [tall, wide] = [height, width].map((side) => 2 * d + (circular ? turns * side : side));
  const [top, bottom, left, right] = circular ? [0, tall, 0, wide] : [d, d + height, d, d + width];
  if (!circular) out.fill(0, 0, tall * wide * channels);
  for (let row = top; row < bottom; row++) {
    const from = at + ((row - d + height) % height) * width * channels;
    for (let column = left; column < right; column++) {
      const [to, other] = [(row * wide + column) * channels, from + ((column - d + width) % width) * channels];
      for (let c = 0; c < channels; c++) out[to + c] = scale * data[other + c];
    }
  }
  return wide;
}

// --- the one formula -------------------------------------------------------------------------------------------------

// Squared differences are rounded to whole multiples of 2^-34, so that their sums below 2^19 are exact. A difference of two running
// sums then loses nothing: equal windows have equal distances, and a window's distance to itself is 0.
const GRID = 1.5 * 2 ** 18;

/** The squared distance of a window of SEEN to one of SHOWN: `rows` rows of `count` numbers, a stride apart; Infinity if it is
 * above `limit`. */
function windowDistance(from, stride, other, otherStride, rows, count, limit) {
  let sum = 0;
  for (let row = 0; row < rows && sum <= limit; row++) sum += rowDistance(from + row * stride, other + row * otherStride, count);
  return sum <= limit ? sum : Infinity;
}

// Each loop over a row is a function of its own: browsers make a short one faster.
function rowDistance(from, other, count) {
  let sum = 0;
  for (let i = 0; i < count; i++) {
    const difference = SEEN[from + i] - SHOWN[other + i];
    sum += difference * difference + GRID - GRID;
  }
  return sum;
}

function addRow(to, from, count, weight) {
  for (let i = 0; i < count; i++, to++) TOTAL[to] += weight * SHOWN[from + i];
}

/** The distances of the pixels at one shift are box sums over one plane of squared differences: first along its rows, then down.
 * That of pixel p is DOWN[p + k * width] - DOWN[p] afterwards. */
function explain({ height, width, channels, k, boundary, seenWide, shownWide }, row, column) {
  const [tall, wide] = [row.last - row.first, column.last - column.first];
  const [rows, columns] = boundary === "circular" ? [height, width] : [tall + k - 1, wide + k - 1]; // then a torus repeats
  let [seen, shown] = [row.first * seenWide + column.first, (row.first + row.shift) * shownWide + column.first + column.shift];
  let to = row.first * width + column.first;
  DOWN.fill(0, to, to + wide);
  for (let i = 0; i < rows; i++, to += width, seen += seenWide, shown += shownWide) {
    if (channels === 1) sumAlong(seen, shown, columns);
    else sumChannelsAlong(seen * channels, shown * channels, columns, channels);
    for (let j = columns + 1; j < wide + k; j++) ALONG[j] = ALONG[j - columns] + ALONG[columns];
    sumDown(to, to + width, wide, k);
  }
  for (let i = rows + 1; i < tall + k; i++) repeatDown(i * width, rows * width, width);
}

function sumAlong(seen, shown, count) {
  let sum = 0;
  for (let j = 0; j < count; j++) {
    const difference = SEEN[seen + j] - SHOWN[shown + j];
    sum += difference * difference + GRID - GRID;
    ALONG[j + 1] = sum;
  }
}

function sumChannelsAlong(seen, shown, count, channels) {
  for (let j = 0; j < count; j++) {
    ALONG[j + 1] = ALONG[j] + rowDistance(seen + j * channels, shown + j * channels, channels);
  }
}

function sumDown(from, to, count, k) {
  for (let j = 0; j < count; j++, from++, to++) DOWN[to] = DOWN[from] + (ALONG[j + k] - ALONG[j]);
}

function repeatDown(to, period, count) {
  for (let j = 0; j < count; j++, to++) DOWN[to] = DOWN[to - period] + DOWN[period + j];
}

/** The exponent gap / (2 s^2) of a distance that is that much above the smallest; at s = 0 only the nearest count. */
function exponent(gap, s) {
  return gap === 0 ? 0 : gap / s / s / 2;
}

// A candidate with less than exp(-REACH) of the largest term of its image counts as 0; so many are left out at most, 300 images
// of 32 x 32, that all together stay below 1e-5 of the largest.
const REACH = 25;
const reach = (s) => REACH * 2 * s * s;

// exp(-q) is exp(-i / 256), from a table, times three terms of exp(-r), r < 1 / 256: off by at most 1e-8 of itself, and quick.
const POWERS = Float64Array.from({ length: 256 * REACH + 1 }, (_, i) => Math.exp(-i / 256));

function expMinus(q) {
  const i = (q * 256) | 0;
  const r = q - i / 256;
  return POWERS[i] * (1 - r + r * r * 0.5);
}

/** Weigh the candidates of one shift. */
function weigh(plan, row, column) {
  const { height, width, channels, k, d, shownWide, far, rate } = plan;
  for (let i = row.first; i < row.last; i++) {
    const [p, u] = [i * width + column.first, ((i + row.shift) % height) * width];
    const value = ((i + row.shift + d) * shownWide + column.first + column.shift + d) * channels;
    weighRow(p, k * width, column.last - column.first, u, column.first + column.shift, width, value, channels, far, rate);
  }
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
    if (channels === 1) TOTAL[p] += weight * SHOWN[value]; // by itself, as a loop of one turn takes time
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

/** How well each training image explains each view. In the words of theory.py, L = log(mass) - cost / (2 s^2). */
function evidence(machine, set, x, a, s) {
  return { IS: ideal, ES: equivariant, LS: throughWindows, ELS: throughWindows }[machine.name](set, x, a, s, machine);
}

/** What all views hear of each image, in two parts as in theory.py: g times the mean over views of L.
 *
 * machine.strength is in units of H W / k^2, so that at 1 each pixel counts about once. */
function hear({ views, cost, mass }, { name, k, strength = 0 }) {
  const [further, logPrior] = [1, 2].map(() => room(cost.length / views));
  if (name === "IS" || name === "ES" || strength === 0) return { further, logPrior };
  const g = strength / k ** 2; // times views, for the unit, and by views, for the mean
  for (let i = 0; i < cost.length; i++) {
    further[Math.floor(i / views)] += g * cost[i];
    logPrior[Math.floor(i / views)] += g * Math.log(mass[i]);
  }
  return { further, logPrior };
}

/** The answer of a machine {name, k, boundary, strength} to one image x at time t, over a set: x0Hat; the image, place and
 * weight of each view's winner; and what all heard. */
function denoise(machine, set, x, t) {
  const [a, s] = cosine(t);
  const { views, cost, mass, total, winner } = evidence(machine, set, x, a, s);
  const [heard, size] = [hear({ views, cost, mass }, machine), x.length / views];
  const [x0Hat, weight, image, place] = [room(x.length), room(views), new Int32Array(views), new Int32Array(views)];
  for (let view = 0; view < views; view++) {
    const distances = heard.further.map((further, n) => cost[n * views + view] + further);
    const smallest = least(distances);
    const exponents = heard.logPrior.map((prior, n) => prior - exponent(distances[n] - smallest, s));
    const largest = greatest(exponents);
    let sum = 0;
    for (let n = 0; n < set.count; n++) {
      const share = Math.exp(exponents[n] - largest);
      if (share === 0) continue;
      sum += share * mass[n * views + view];
      for (let i = 0; i < size; i++) x0Hat[view * size + i] += share * total[(n * views + view) * size + i];
    }
    for (let i = 0; i < size; i++) x0Hat[view * size + i] /= sum;
    image[view] = exponents.indexOf(largest);
    [place[view], weight[view]] = [winner[image[view] * views + view], 1 / sum];
  }
  return { x0Hat, image, place, weight, heard };
}

/** How many candidates one pixel p has, and at most `most` of them as {image, place, weight}, the largest weight first.
 *
 * What p hears is that of a whole answer. Distances are summed term by term, as the definition says. */
function candidates(machine, set, x, p, t, { further, logPrior }, most) {
  const [{ height, width, channels }, [a, s], k] = [set, cosine(t), machine.k];
  const pattern = places(height, width, k, machine.boundary);
  const alike = [...pattern.keys()].filter((u) => u === p || (machine.name === "ELS" && pattern[u] === pattern[p]));
  const plan = { ...set, d: k >> 1, boundary: machine.boundary };
  const stride = extend(SEEN, x, 0, plan, 1, 1) * channels;
  const [own, ...corners] = [p, ...alike].map((u) => Math.floor(u / width) * stride + (u % width) * channels);
  const distances = room(set.count * alike.length);
  let limit = Infinity; // where pixels hear nothing, what is further is of no weight
  for (let n = 0, m = 0; n < set.count; n++) {
    extend(SHOWN, set.data, n * x.length, plan, 1, a);
    for (const corner of corners) {
      distances[m] = windowDistance(own, stride, corner, stride, k, k * channels, limit) + further[n];
      if (!machine.strength) limit = Math.min(limit, distances[m] + reach(s));
      m++;
    }
  }
  const image = (m) => Math.floor(m / alike.length);
  const smallest = least(distances);
  const exponents = distances.map((distance, m) => logPrior[image(m)] - exponent(distance - smallest, s));
  const largest = greatest(exponents);
  const terms = exponents.map((one) => Math.exp(one - largest));
  const sum = terms.reduce((all, one) => all + one);
  let best = [];
  for (let m = 0; m < terms.length; m++) {
    if (best.length < most || terms[m] > terms[best.at(-1)]) {
      best = [...best, m].sort((one, other) => terms[other] - terms[one] || one - other).slice(0, most);
    }
  }
  const shown = best.filter((m) => terms[m] > 0);
  return {
    count: distances.length,
    shown: shown.map((m) => ({ image: image(m), place: alike[m % alike.length], weight: terms[m] / sum })),
  };
}

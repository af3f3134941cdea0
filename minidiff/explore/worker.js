// What runs beside the page, so that it never freezes. The page sends sets of images, and jobs; a new job ends the one before.
"use strict";

const sets = {};
let latest = 0;

/** The window's side at time t, from a number or a list from least to most noise. */
function windowAt(k, t) {
  return Array.isArray(k) ? k[Math.max(Math.ceil(t * k.length - 1e-9) - 1, 0)] : k;
}

/** A set without some of its images; `kept` are the numbers of those that stay. */
function chosen({ set, without }) {
  const whole = sets[set];
  const size = whole.data.length / whole.count;
  const kept = Array.from({ length: whole.count }, (_, n) => n).filter((n) => !without.includes(n));
  const data = new Float64Array(kept.length * size);
  kept.forEach((n, i) => data.set(whole.data.subarray(n * size, (n + 1) * size), i * size));
  return { ...whole, count: kept.length, data, kept };
}

function answerOf(machine, set, x, t) {
  const found = denoise({ ...machine, k: windowAt(machine.k, t) }, set, x, t);
  return { ...found, image: found.image.map((n) => set.kept[n]) };
}

const jobs = {
  /** Several machines walk back from the same noise: {step, answers: one for each}, from step 0 to the last. */
  *walk(job) {
    const set = chosen(job);
    const noise = unitNoise(job.seed, set.data.length / set.count);
    const walks = job.machines.map((machine) => walkBack((x, t) => answerOf(machine, set, x, t), noise, job.steps));
    for (let step = 0; step <= job.steps; step++) yield { step, answers: walks.map((walk) => walk.next().value) };
  },
  /** What several machines answer to one image. */
  *denoise(job) {
    const set = chosen(job);
    yield { answers: job.machines.map((machine) => answerOf(machine, set, job.x, job.t)) };
  },
  /** The candidates of one pixel. */
  *point(job) {
    const set = chosen(job);
    const found = candidates(job.machine, set, job.x, job.pixel, job.t, job.heard, job.most);
    for (const one of found.shown) one.image = set.kept[one.image];
    yield found;
  },
  /** The network and machines walk back from the same noise, step by step. */
  *compare(job) {
    const set = chosen(job);
    const size = set.data.length / set.count;
    const network = (x, t) => networkAnswer(job.network, x, t);
    const denoisers = [network, ...job.machines.map((machine) => (x, t) => answerOf(machine, set, x, t))];
    const walks = denoisers.map((denoiser) => walkBack(denoiser, unitNoise(job.seed, size), job.steps));
    const other = walkBack(network, unitNoise(job.seed + 1, size), job.steps);
    const mean = Float64Array.from({ length: size }, (_, i) => {
      let sum = 0;
      for (let n = 0; n < set.count; n++) sum += set.data[n * size + i];
      return sum / set.count;
    });
    for (let step = 0; step <= job.steps; step++) {
      const [truth, ...rest] = [...walks, other].map((walk) => walk.next().value.x);
      yield { step, x: [truth, ...rest, mean], r: [...rest, mean].map((x) => pearson(x, truth)) };
    }
  },
};

onmessage = async ({ data }) => {
  if (data.sets) {
    Object.assign(sets, data.sets);
    return;
  }
  latest = data.id;
  try {
    for (const result of jobs[data.job](data)) {
      postMessage({ id: data.id, ...result });
      await new Promise((resume) => setTimeout(resume));
      if (latest !== data.id) return;
    }
    postMessage({ id: data.id, done: true });
  } catch (error) {
    postMessage({ id: data.id, error: `${error}` });
  }
};

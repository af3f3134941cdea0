// What runs beside the page, so that it never freezes: jobs, which bring the sets that are new. A new job ends the one before.
"use strict";

const sets = {};
let latest = 0;

/** A set without some of its images; `kept` are the numbers of those that stay. */
function chosen({ set, without }) {
  const whole = sets[set];
  const size = whole.data.length / whole.count;
  const kept = Array.from({ length: whole.count }, (_, n) => n).filter((n) => !without.includes(n));
  if (kept.length === whole.count) return { ...whole, kept };
  const data = Float64Array.from(kept.flatMap((n) => [...whole.data.subarray(n * size, (n + 1) * size)]));
  return { ...whole, count: kept.length, data, kept };
}

/** What a machine answers, or a network; a machine's window may be a list for times t from 0 to 1. */
function answerOf({ network, ...machine }, set, x, t) {
  if (network) return networkAnswer(network, x, t);
  const k = [machine.k].flat();
  const found = denoise({ ...machine, k: k[Math.max(Math.ceil(t * k.length - 1e-9) - 1, 0)] }, set, x, t);
  return { ...found, image: found.image.map((n) => set.kept[n]) };
}

const jobs = {
  /** Several machines walk back from the noise of a seed, or each from its own: {step, answers: one for each}, step by step. */
  *walk({ machines, seed, steps }, set) {
    const noise = (machine) => unitNoise(machine.seed ?? seed, set.data.length / set.count);
    const walks = machines.map((machine) => walkBack((x, t) => answerOf(machine, set, x, t), noise(machine), steps));
    for (let step = 0; step <= steps; step++) yield { step, answers: walks.map((walk) => walk.next().value) };
  },
  /** What several machines answer to one image. */
  *denoise({ machines, x, t }, set) {
    yield { answers: machines.map((machine) => answerOf(machine, set, x, t)) };
  },
  /** The candidates of one pixel. */
  *point({ machine, x, pixel, t, heard, most }, set) {
    const { count, shown } = candidates(machine, set, x, pixel, t, heard, most);
    yield { count, shown: shown.map((one) => ({ ...one, image: set.kept[one.image] })) };
  },
};

onmessage = async ({ data }) => {
  Object.assign(sets, data.news);
  latest = data.id;
  try {
    for (const result of jobs[data.job](data, chosen(data))) {
      postMessage({ id: data.id, ...result });
      await new Promise((resume) => setTimeout(resume));
      if (latest !== data.id) return;
    }
    postMessage({ id: data.id, done: true });
  } catch (error) {
    postMessage({ id: data.id, error: `${error}` });
  }
};

// What runs beside the page, so that it never freezes: jobs, which bring their set if it is new. A new job ends the one before.
"use strict";

let [kept, latest] = [null, 0];

/** What a machine answers, or a network; a machine's window may be a list for times t from 0 to 1. */
function answerOf({ network, ...machine }, set, x, t) {
  if (network) return networkAnswer(network, set, x, t);
  const k = [machine.k].flat();
  return denoise({ ...machine, k: k[Math.max(Math.ceil(t * k.length - 1e-9) - 1, 0)] }, set, x, t);
}

const jobs = {
  /** Several machines walk back from the noise of a seed, or each from its own: {step, answers: one for each}, step by step. */
  *walk({ machines, seed, steps }, set) {
    const noise = (machine) => unitNoise(machine.seed ?? seed, set.data.length / set.count);
    const walks = machines.map((machine) => walkBack((x, t) => answerOf(machine, set, x, t), noise(machine), steps));
    for (let step = 0; step <= steps; step++) yield { step, answers: walks.map((walk) => walk.next().value) };
  },
  /** The candidates of one pixel. */
  *point({ machine, pixel, answer }, set) {
    yield candidates(machine, set, pixel, answer);
  },
};

onmessage = ({ data }) => {
  kept = data.set ?? kept;
  latest = data.id;
  const results = jobs[data.job](data, { ...kept, without: data.without });
  const next = () => {
    if (data.id !== latest) return;
    const { value, done } = results.next();
    postMessage({ ...value, id: data.id, done });
    if (!done) setTimeout(next);
  };
  setTimeout(next); // jobs that wait already are heard first
};

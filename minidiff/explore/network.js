// The network of minidiff/nets/network.py, forwards only: residual 3 x 3 convolutions, an offset by time in each, v at the end.
"use strict";

/** cos(f t) and sin(f t), for frequencies f from 1 to 100 in equal ratios. */
function timeFeatures(t, size) {
  const half = size / 2;
  const angle = (i) => t * 100 ** ((i % half) / (half - 1));
  return Float64Array.from({ length: size }, (_, i) => (i < half ? Math.cos(angle(i)) : Math.sin(angle(i))));
}

const relu = (values) => values.map((value) => Math.max(value, 0));

/** out[p] = bias + the sum over i, j of in[p moved by (i, j)] weight[i, j], with zeros around; weight is (k, k, C, O). */
function convolve(x, height, width, weight, k, bias) {
  const [channels, outputs, d] = [x.length / (height * width), bias.length, k >> 1];
  const out = new Float64Array(height * width * outputs);
  for (let p = 0; p < height * width; p++) {
    const sums = out.subarray(p * outputs, (p + 1) * outputs);
    sums.set(bias);
    for (let i = 0; i < k * k; i++) {
      const [row, column] = [Math.floor(p / width) + Math.floor(i / k) - d, (p % width) + (i % k) - d];
      if (row < 0 || row >= height || column < 0 || column >= width) continue;
      for (let c = 0; c < channels; c++) {
        const value = x[(row * width + column) * channels + c];
        const from = (i * channels + c) * outputs;
        if (value !== 0) for (let o = 0; o < outputs; o++) sums[o] += value * weight[from + o];
      }
    }
  }
  return out;
}

/** x0_hat of one image x, of the size of a set's, by the network {params, depth}. */
function networkAnswer({ params, depth }, { height, width }, x, t) {
  const [a, s] = cosine(t);
  const features = timeFeatures(t, params["time.hidden.bias"].length);
  const linear = (values, name) => convolve(values, 1, 1, params[`${name}.weight`], 1, params[`${name}.bias`]);
  const offsets = linear(relu(linear(features, "time.hidden")), "time.layers");
  const channels = offsets.length / (depth + 1);
  const offset = (layer) => offsets.subarray(layer * channels, (layer + 1) * channels);
  let h = convolve(x, height, width, params["input.weight"], 3, offset(0));
  for (let layer = 1; layer <= depth; layer++) {
    const change = convolve(relu(h), height, width, params[`block${layer}.weight`], 3, offset(layer));
    h = h.map((value, i) => value + change[i]);
  }
  const v = convolve(relu(h), height, width, params["output.weight"], 1, params["output.bias"]);
  return { x0Hat: x.map((value, i) => (a * value - s * v[i]) / (a * a + s * s)) };
}

/** Pearson's r between the numbers of two images. */
function pearson(one, other) {
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [p, q] = [one, other].map((values) => values.map((value) => value - mean(values)));
  const product = (u, v) => u.reduce((sum, value, i) => sum + value * v[i], 0);
  return product(p, q) / Math.sqrt(product(p, p) * product(q, q));
}

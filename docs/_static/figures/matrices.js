// The mathematics of the figures of chapters 3 and 4: who shares a scale, and who decides the codes.
// The same definitions as in the package `ternary`; a test feeds both the same numbers.

import { normals, roundToFloat16 } from "./mathematics.js";

const sum = (values) => values.reduce((total, value) => total + value, 0);

/** Mean magnitude of some weights. */
export const meanMagnitude = (w) => sum(w.map(Math.abs)) / w.length;

/** Codes of weights by a threshold: a tie is 0. */
export const codesBy = (w, threshold) => w.map((x) => (Math.abs(x) > threshold ? Math.sign(x) : 0));

/** Which weights share a scale, beginning with the fewest. */
export const SCOPES = {
  group: "every group",
  "per-row": "every row",
  "per-tensor": "the whole matrix",
};

/** A matrix, rows of groups of weights, with one scale for each of a scope. */
export function projectMatrix(W, scope) {
  const whole = meanMagnitude(W.flat(2));
  let lost = 0;
  let power = 0;
  const groups = W.map((row) => {
    const mean = scope === "per-row" ? meanMagnitude(row.flat()) : whole;
    return row.map((w) => {
      const m = scope === "group" ? meanMagnitude(w) : mean;
      const scale = roundToFloat16(m);
      const codes = codesBy(w, scale > 0 ? m / 2 : Infinity);
      const own = sum(w.map((x, i) => (x - scale * codes[i]) ** 2));
      const whole = sum(w.map((x) => x * x));
      lost += own;
      power += whole;
      const zeros = codes.filter((code) => code === 0).length;
      return { codes, scale, zeros, error: whole ? own / whole : 0 };
    });
  });
  return { groups, error: power ? lost / power : 0 };
}

/** A matrix of even weights with a loudness for every group, and one for every column of a group. */
export function loudMatrix(z, loudness, columns) {
  return z.map((row, i) => row.map((w, g) => w.map((x, k) => x * loudness[i][g] * columns[k])));
}

/** Even weights: rows of groups of standard normal numbers. */
export function evenMatrix({ rows, groups, size, seed }) {
  const normal = normals(seed);
  const list = (n, make) => Array.from({ length: n }, make);
  return list(rows, () => list(groups, () => list(size, normal)));
}

const EPSILON = 1e-5;

/** What decides the codes of a group whose mean magnitude is m; `rho` is free. */
export const DECIDERS = {
  rho: { label: "a scale \u03c1 times the mean: move the line", scale: (m, rho) => rho * m },
  own: { label: "the group's own mean (this book)", scale: (m) => (roundToFloat16(m) > 0 ? m : Infinity) },
  clamp: { label: "the mean, but at least 0.00001", scale: (m) => Math.max(m, EPSILON) },
  sum: { label: "the mean plus 0.00001", scale: (m) => m + EPSILON },
  stored: { label: "the float16 scale that is stored", scale: (m) => roundToFloat16(m) },
};

/** Codes of a group and the ratio \u03c1 of the scale that decided them to the mean that is there. */
export function decide(w, decider, rho = 1) {
  const m = meanMagnitude(w);
  const scale = DECIDERS[decider].scale(m, rho);
  const codes = codesBy(w, scale / 2);
  return { mean: m, rho: scale / m, codes, zeros: codes.filter((code) => code === 0).length };
}

/** The error function, by a series whose terms are all positive. */
export function erf(x) {
  if (x > 6) return 1;
  let term = x;
  let total = x;
  for (let n = 1; term > 1e-17 * total; n++) total += term *= (2 * x * x) / (2 * n + 1);
  return ((2 * total) / Math.sqrt(Math.PI)) * Math.exp(-x * x);
}

/** Share of zeros that the ratio makes of normal weights. */
export const expectedZeros = (rho) => erf(rho / (2 * Math.sqrt(Math.PI)));

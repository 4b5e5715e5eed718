// The layer of chapter 6 that imitates a random matrix: forward, backward, AdamW, projection.
// The same mathematics as `TernaryLinear` and `AdamW`; a test feeds both the same numbers.

import { normals, roundToFloat16 } from "./mathematics.js";

const GROUP = 128;
const [BETA1, BETA2, EPSILON] = [0.9, 0.95, 1e-8];

/** A matrix of so many rows, as one array a row. */
export function randomMatrix(rows, columns, normal, size = 1) {
  return Array.from({ length: rows }, () => Float64Array.from({ length: columns }, () => size * normal()));
}

/** y = x W^T, for rows of x. */
export function product(x, W) {
  return x.map((row) =>
    Float64Array.from(W, (w) => {
      let total = 0;
      for (let k = 0; k < w.length; k++) total += row[k] * w[k];
      return total;
    }),
  );
}

/** Projected weights; a mean that counts the padding divides by 128 in every group. */
export function projectRows(W, countsPadding) {
  return W.map((row) => {
    const projected = new Float64Array(row.length);
    for (let first = 0; first < row.length; first += GROUP) {
      const end = Math.min(first + GROUP, row.length);
      let total = 0;
      for (let k = first; k < end; k++) total += Math.abs(row[k]);
      const m = total / (countsPadding ? GROUP : end - first);
      const scale = roundToFloat16(m);
      const threshold = scale > 0 ? m / 2 : Infinity;
      for (let k = first; k < end; k++) {
        projected[k] = Math.abs(row[k]) > threshold ? scale * Math.sign(row[k]) : 0;
      }
    }
    return projected;
  });
}

/** Mean magnitude of some columns of a matrix. */
export function sizeOf(W, first, end) {
  let total = 0;
  for (const row of W) for (let k = first; k < end; k++) total += Math.abs(row[k]);
  return total / (W.length * (end - first));
}

/** A ternary layer that learns to do what the matrix `teacher` does. */
export class Imitation {
  constructor(latent, teacher, countsPadding) {
    Object.assign(this, { teacher, countsPadding, t: 0 });
    this.latent = latent.map((row) => row.slice());
    this.m = latent.map((row) => new Float64Array(row.length));
    this.v = latent.map((row) => new Float64Array(row.length));
    this.weights = projectRows(this.latent, countsPadding);
  }

  /** One step on rows of x with their targets; returns the squared error over that of silence. */
  step(x, target, lr) {
    const y = product(x, this.weights);
    let [lost, power] = [0, 0];
    const error = y.map((row, i) =>
      row.map((value, j) => {
        lost += (value - target[i][j]) ** 2;
        power += target[i][j] ** 2;
        return value - target[i][j];
      }),
    );
    this.t += 1;
    const [first, second] = [1 - BETA1 ** this.t, 1 - BETA2 ** this.t];
    this.latent.forEach((w, j) => {
      const [m, v] = [this.m[j], this.v[j]];
      const gradient = new Float64Array(w.length); // of a sum over the batch, divided by its rows
      x.forEach((row, i) => {
        const d = error[i][j] / x.length;
        for (let k = 0; k < w.length; k++) gradient[k] += d * row[k];
      });
      for (let k = 0; k < w.length; k++) {
        m[k] = BETA1 * m[k] + (1 - BETA1) * gradient[k];
        v[k] = BETA2 * v[k] + (1 - BETA2) * gradient[k] ** 2;
        w[k] -= (lr * m[k]) / first / (Math.sqrt(v[k] / second) + EPSILON);
      }
    });
    this.weights = projectRows(this.latent, this.countsPadding);
    return lost / power;
  }
}

/** Two layers that see the same data: one right, one whose mean counts the padding. */
export function twoLayers(columns, seed) {
  const normal = normals(seed);
  const [rows, size] = [8, columns ** -0.5];
  const [teacher, latent] = [0, 1].map(() => randomMatrix(rows, columns, normal, size));
  const layers = [false, true].map((counts) => new Imitation(latent, teacher, counts));
  const step = (lr) => {
    const x = randomMatrix(32, columns, normal);
    const target = product(x, teacher);
    return layers.map((layer) => layer.step(x, target, lr));
  };
  return { teacher, layers, step };
}

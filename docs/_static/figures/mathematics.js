// The mathematics of the interactive figures: the same definitions as the package `ternary`.
// A test feeds both the same numbers, see tests/site.

/** The float16 number nearest to x >= 0, ties to even; infinity above the range. */
export function roundToFloat16(x) {
  if (!(x > 0)) return 0;
  const exponent = Math.max(Math.floor(Math.log2(x)), -14); // below 2^-14 the spacing is constant
  const spacing = 2 ** (exponent - 10);
  const lower = Math.floor(x / spacing);
  const rest = x / spacing - lower;
  const up = rest > 0.5 || (rest === 0.5 && lower % 2 === 1);
  const rounded = (lower + (up ? 1 : 0)) * spacing;
  return rounded > 65504 ? Infinity : rounded;
}

const sum = (values) => values.reduce((total, value) => total + value, 0);

/** Mean magnitude of the weights that are larger than a threshold; 0 if there is none. */
function meanAbove(w, threshold) {
  const survivors = w.map(Math.abs).filter((magnitude) => magnitude > threshold);
  return survivors.length ? sum(survivors) / survivors.length : 0;
}

/** Threshold and scale of a group of weights, rule by rule. */
export const RULES = {
  absmean: { label: "mean magnitude (this book)", measure: (m) => [m / 2, m] },
  "least-squares": {
    label: "the same codes, least-squares scale",
    measure: (m, w) => [m / 2, meanAbove(w, m / 2)],
  },
  twn: { label: "TWN: threshold 0.7 of the mean", measure: (m, w) => [0.7 * m, meanAbove(w, 0.7 * m)] },
  absmax: {
    label: "largest magnitude",
    measure: (m, w) => {
      const largest = Math.max(...w.map(Math.abs));
      return [largest / 2, largest];
    },
  },
};

/** Codes, stored scale and weights of a group, and what is lost by them. */
export function project(w, rule = "absmean") {
  const mean = sum(w.map(Math.abs)) / w.length;
  const [threshold, unrounded] = RULES[rule].measure(mean, w);
  const scale = roundToFloat16(unrounded);
  const codes = w.map((x) => (scale > 0 && Math.abs(x) > threshold ? Math.sign(x) : 0));
  const weights = codes.map((code) => scale * code);
  const lost = sum(w.map((x, i) => (x - weights[i]) ** 2));
  const whole = sum(w.map((x) => x * x));
  return { mean, threshold, scale, codes, weights, error: whole ? lost / whole : 0 };
}

/** Entropy of codes in bits a code, from their shares in the group. */
export function entropy(codes) {
  const shares = [-1, 0, 1].map((code) => codes.filter((c) => c === code).length / codes.length);
  return sum(shares.map((p) => (p > 0 ? -p * Math.log2(p) : 0)));
}

/** The layer of chapter 2: four weights, one input, a squared error. */
export const STAIRCASE = { w: [0.9, -0.1, -1.2, 0.4], x: [1, 2, 3, 4], target: -1 };

/** Loss of that layer, its codes, and the straight-through gradient of every latent. */
export function staircase(w, { x, target } = STAIRCASE) {
  const { codes, weights, scale } = project(w);
  const difference = sum(x.map((xi, i) => xi * weights[i])) - target;
  return { loss: difference ** 2 / 2, codes, scale, gradient: x.map((xi) => difference * xi) };
}

/** Five codes as one byte in base 3, the first code the least significant digit. */
export function packFive(codes) {
  return codes.reduceRight((number, code) => 3 * number + code + 1, 0);
}

/** The five codes of a byte, or null where it is none of the 243. */
export function unpackFive(byte) {
  if (!(byte >= 0 && byte < 243)) return null;
  return [1, 3, 9, 27, 81].map((power) => (Math.floor(byte / power) % 3) - 1);
}

/** A small generator of uniform numbers in (0, 1) (mulberry32), so that every reader sees the same. */
export function uniforms(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296 + 1 / 8589934592;
  };
}

/** Standard normal numbers from uniform ones (Box and Muller). */
export function normals(seed) {
  const uniform = uniforms(seed);
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}

/** The whole number nearest to x, ties to even; with uniform numbers, one of its two neighbours. */
export function roundGrid(x, uniform = null) {
  const lower = Math.floor(x);
  if (uniform) return x - lower > uniform() ? lower + 1 : lower;
  const rest = x - lower;
  return rest > 0.5 || (rest === 0.5 && lower % 2 !== 0) ? lower + 1 : lower;
}

/** Places, in spacings, of a number that starts at 0 and is rounded after every step. */
export function gridWalk(step, steps, uniform = null) {
  const places = [0];
  for (let k = 0; k < steps; k++) places.push(roundGrid(places[k] + step, uniform));
  return places;
}

/**
 * Groups of latents under noise gradients: Adam without momentum moves each by lr, up or down.
 * Decay shrinks them; the share of codes that flip says how much the model is still changing.
 */
export class NoisyGroups {
  constructor({ groups = 16, size = 128, std = 0.0884, seed = 1 } = {}) {
    const normal = normals(seed);
    this.coin = uniforms(seed + 1);
    this.latents = Array.from({ length: groups }, () => Array.from({ length: size }, () => std * normal()));
    this.projected = this.latents.map((w) => project(w));
  }

  /** One step; returns root mean square of the latents, mean scale, and share of flipped codes. */
  step(lr, decay) {
    let flips = 0;
    let squares = 0;
    let scales = 0;
    let count = 0;
    this.latents.forEach((w, g) => {
      for (let i = 0; i < w.length; i++) {
        w[i] = (1 - lr * decay) * w[i] + (this.coin() < 0.5 ? -lr : lr);
        squares += w[i] * w[i];
      }
      const after = project(w);
      after.codes.forEach((code, i) => (flips += code !== this.projected[g].codes[i]));
      this.projected[g] = after;
      scales += after.scale;
      count += w.length;
    });
    return {
      rms: Math.sqrt(squares / count),
      scale: scales / this.latents.length,
      flips: flips / count,
    };
  }
}

/** The nearest whole number, ties to even, as IEEE 754 and NumPy round. */
export function roundToEven(x) {
  const lower = Math.floor(x);
  const rest = x - lower;
  return rest > 0.5 || (rest === 0.5 && lower % 2 !== 0) ? lower + 1 : lower;
}

/** A token rounded by its largest magnitude: codes, scale, values, and the relative error. */
export function quantize(x, bits) {
  const peak = 2 ** (bits - 1) - 1;
  const largest = Math.max(...x.map(Math.abs));
  const scale = largest / peak;
  const codes = x.map((value) => (scale > 0 ? roundToEven(value / scale) : 0));
  const values = codes.map((code) => scale * code);
  const whole = Math.sqrt(sum(x.map((value) => value * value)));
  const lost = Math.sqrt(sum(x.map((value, i) => (value - values[i]) ** 2)));
  const error = whole ? lost / whole : 0;
  return { codes, scale, values, error, peak: whole ? (largest * Math.sqrt(x.length)) / whole : 0 };
}

/** The fast Walsh-Hadamard transform of 2^k numbers, its own inverse. */
export function hadamard(x) {
  let y = x.slice();
  for (let n = 1; n < y.length; n *= 2) {
    y = y.map((value, i) => (i & n ? y[i - n] - value : value + y[i + n]));
  }
  return y.map((value) => value / Math.sqrt(y.length));
}

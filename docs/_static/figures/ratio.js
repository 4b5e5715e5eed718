// The magnitudes of a group, and the line below which a code is 0: wherever it came from.

import {
  announcer,
  button,
  choice,
  line,
  make,
  picture,
  range,
  readout,
  scale,
  slidable,
  text,
  widthOf,
} from "./drawing.js";
import { normals } from "./mathematics.js";
import { decide, DECIDERS, expectedZeros, meanMagnitude } from "./matrices.js";

const SIZE = 128;
const HEIGHT = 250;
const LARGEST = 4; // in means
const SHAPES = { normal: "normal", equal: "nearly equal in size" };
const power = (p) => (p < -2 ? (10 ** p).toExponential(0).replace("-", "\u2212") : (10 ** p).toPrecision(1));

const draw = (shape, seed) => {
  const normal = normals(seed);
  const one = shape === "normal" ? normal : () => Math.sign(normal()) * (1 + 0.12 * normal());
  return Array.from({ length: SIZE }, one);
};

export default function mount(place) {
  const WIDTH = widthOf(place);
  let shape = "normal";
  let seed = 7;
  let z = draw(shape, seed);
  let decider = "rho";
  let rho = 1;
  let std = -1;
  const x = scale([0, LARGEST], [12, WIDTH - 12]);
  const bin = WIDTH < 560 ? 0.2 : 0.1; // in means; a column of dots
  const apart = WIDTH < 560 ? 6.6 : 9;
  const base = HEIGHT - 44;
  const svg = picture(WIDTH, HEIGHT, `magnitudes of ${SIZE} weights and the threshold`);
  const band = make("svg:rect", { x: x(0), y: 8, height: base - 8, class: "band" });
  svg.append(band, line(x(0), base, x(LARGEST), base, "axis"));
  for (const tick of [0, 1, 2, 3, 4]) svg.append(text(x(tick), base + 18, String(tick)));
  svg.append(text(x(LARGEST / 2), HEIGHT - 6, "magnitude of a weight, in means of the group"));
  const dots = z.map(() => make("svg:circle", { r: apart / 2 - 0.5 }));
  const edge = make("svg:line", { y1: 8, y2: base, class: "law" });
  const words = text(0, 20, "threshold", "start");
  svg.append(...dots, edge, words);

  const weights = () => z.map((value) => 10 ** std * value);
  const now = () => decide(weights(), decider, rho);
  const handle = slidable(make("svg:circle", { r: 9, class: "handle" }), {
    label: "ratio \u03c1",
    min: 0,
    max: 2 * LARGEST,
    step: 0.1,
    value: () => Math.min(now().rho, 2 * LARGEST),
    move: (value) => {
      rho = Math.round(value * 100) / 100;
      decider = "rho";
      deciders.querySelector("select").value = decider;
      show();
    },
    fromPointer: ([px]) => 2 * x.inverse(px),
    describe: () => `\u03c1 ${now().rho.toFixed(2)}, ${now().zeros} of ${SIZE} codes are 0`,
  });
  svg.append(handle);

  const numbers = readout({
    rho: "\u03c1",
    zeros: "codes that are 0",
    expected: "expected of normal weights",
    state: "the group is",
  });
  const said = announcer();

  function arrange() {
    const mean = meanMagnitude(z);
    const heights = {};
    const order = z.map((value, i) => [Math.abs(value) / mean, i]).sort(([a], [b]) => a - b);
    for (const [size, i] of order) {
      const column = Math.min(Math.floor(size / bin), Math.round(LARGEST / bin) - 1);
      heights[column] = (heights[column] ?? 0) + 1;
      dots[i].setAttribute("cx", x((column + 0.5) * bin));
      dots[i].setAttribute("cy", Math.max(8, base - (heights[column] - 0.5) * apart - 1));
    }
  }

  function show() {
    const { codes, zeros, rho: ratio } = now();
    const at = x(Math.min(ratio / 2, LARGEST));
    codes.forEach((code, i) => dots[i].setAttribute("class", code ? "kept" : "gone"));
    band.setAttribute("width", at - x(0));
    for (const [key, v] of Object.entries({ x1: at, x2: at })) edge.setAttribute(key, v);
    words.setAttribute("x", at > WIDTH - 110 ? at - 6 : at + 6);
    words.setAttribute("text-anchor", at > WIDTH - 110 ? "end" : "start");
    words.textContent = ratio > 2 * LARGEST ? "threshold, far outside" : "threshold";
    handle.setAttribute("cx", at);
    handle.setAttribute("cy", base);
    handle.refresh();
    const state = zeros === SIZE ? "dead: only zeros" : zeros === 0 ? "binary: no zero" : "alive";
    numbers.show({
      rho: ratio === Infinity ? "off" : ratio.toPrecision(3),
      zeros: `${zeros} of ${SIZE}`,
      expected: shape === "normal" ? (SIZE * expectedZeros(ratio)).toFixed(0) : "\u2013",
      state,
    });
    said.say(`\u03c1 ${ratio.toPrecision(3)}, ${zeros} codes are 0, ${state}`);
  }

  const deciders = choice(
    "codes decided by",
    Object.fromEntries(Object.entries(DECIDERS).map(([name, { label }]) => [name, label])),
    (name) => {
      decider = name;
      show();
    },
  );
  const again = (next, by) => {
    shape = next;
    z = draw(shape, (seed += by));
    arrange();
    show();
  };
  place.append(
    svg,
    make(
      "div",
      { class: "controls" },
      deciders,
      range("standard deviation of the weights", { min: -9, max: 0, step: 0.25, value: std }, power, (p) => {
        std = p;
        show();
      }).element,
      choice("magnitudes", SHAPES, (name) => again(name, 0)),
      button("new weights", () => again(shape, 1)),
    ),
    numbers.element,
    said.element,
  );
  arrange();
  show();
}

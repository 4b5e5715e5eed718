// One token of 32 numbers, the levels that its largest leaves to the others, and a rotation.

import { announcer, button, choice, line, make, picture, range, readout, scale, slidable, text, widthOf } from "./drawing.js";
import { hadamard, normals, quantize } from "./mathematics.js";

const SIZE = 32;
const HEIGHT = 270;
const LOUDEST = 20;
const BASES = { plain: "as it comes", rotated: "rotated" };

const draw = (seed) => {
  const normal = normals(seed);
  return Array.from({ length: SIZE }, normal);
};

export default function mount(place) {
  const WIDTH = widthOf(place);
  let seed = 3;
  let token = draw(seed);
  let loud = 8;
  let bits = 4;
  let basis = "plain";
  const x = scale([-0.5, SIZE - 0.5], [14, WIDTH - 14]);
  const y = scale([-1, 1], [HEIGHT - 30, 14]); // in the largest of what is rounded
  const svg = picture(WIDTH, HEIGHT, `${SIZE} activations of one token and the levels they are rounded to`);
  const levels = make("svg:g");
  svg.append(levels, line(x(-0.5), y(0), x(SIZE - 0.5), y(0), "axis"));
  const stems = token.map(() => make("svg:line", { class: "stem" }));
  const dots = token.map(() => make("svg:circle", { r: 4 }));
  svg.append(...stems, ...dots, text(WIDTH / 2, HEIGHT - 6, "features of one token; dots: what rounding makes of them"));

  const given = () => token.map((value, i) => (i === 5 ? loud : value));
  const shown = () => (basis === "rotated" ? hadamard(given()) : given());

  const handle = slidable(make("svg:circle", { r: 9, class: "handle" }), {
    label: "size of the loudest feature",
    min: 0,
    max: LOUDEST,
    step: 0.5,
    value: () => loud,
    move: (value) => {
      loud = Math.round(value * 2) / 2;
      show();
    },
    fromPointer: ([, py]) => (LOUDEST * (HEIGHT - 30 - py)) / (HEIGHT - 44),
    describe: () => `loudest feature ${loud}, error ${(100 * quantize(shown(), bits).error).toFixed(1)} percent`,
  });
  const track = make("svg:g", {}, line(WIDTH - 8, 14, WIDTH - 8, HEIGHT - 30, "grid"), handle);
  svg.append(track);

  const numbers = readout({
    largest: "largest magnitude",
    peak: "peak: largest over rms",
    error: "error of rounding",
    zeros: "codes that are 0",
  });
  const said = announcer();

  function show() {
    const values = shown();
    const result = quantize(values, bits);
    const largest = Math.max(...values.map(Math.abs)) || 1;
    const top = 2 ** (bits - 1) - 1;
    const drawn = top > 31 ? [-top, 0, top] : Array.from({ length: 2 * top + 1 }, (_, k) => k - top);
    levels.replaceChildren(...drawn.map((k) => line(x(-0.5), y(k / top), x(SIZE - 0.5), y(k / top), "grid")));
    values.forEach((value, i) => {
      const at = { x1: x(i), x2: x(i), y1: y(0), y2: y(value / largest) };
      for (const [key, v] of Object.entries(at)) stems[i].setAttribute(key, v);
      dots[i].setAttribute("cx", x(i));
      dots[i].setAttribute("cy", y(result.values[i] / largest));
      dots[i].setAttribute("class", result.codes[i] ? "ternary" : "gone");
    });
    handle.setAttribute("cx", WIDTH - 12);
    handle.setAttribute("cy", HEIGHT - 30 - (loud / LOUDEST) * (HEIGHT - 44));
    handle.refresh();
    const zeros = result.codes.filter((code) => code === 0).length;
    numbers.show({
      largest: largest.toFixed(2),
      peak: result.peak.toFixed(2),
      error: `${(100 * result.error).toFixed(1)} %`,
      zeros: `${zeros} of ${SIZE}`,
    });
    said.say(`peak ${result.peak.toFixed(2)}, error ${(100 * result.error).toFixed(1)} percent, ${zeros} codes are 0`);
  }

  place.append(
    svg,
    make(
      "div",
      { class: "controls" },
      range("bits", { min: 2, max: 8, step: 1, value: bits }, String, (value) => {
        bits = value;
        show();
      }).element,
      choice("the token", BASES, (name) => {
        basis = name;
        show();
      }),
      button("another token", () => {
        token = draw((seed += 1));
        show();
      }),
    ),
    numbers.element,
    said.element,
  );
  show();
}

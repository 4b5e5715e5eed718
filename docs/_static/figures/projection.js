// A group of weights that can be dragged, and what the projection makes of it.

import {
  announcer,
  button,
  choice,
  line,
  make,
  picture,
  readout,
  scale,
  slidable,
  text,
  widthOf,
} from "./drawing.js";
import { entropy, normals, project, RULES } from "./mathematics.js";

const SIZE = 16;
const LIMIT = 2.5;
const HEIGHT = 290;

const draw = (seed) => {
  const normal = normals(seed);
  const round = () => Math.round(Math.max(-LIMIT, Math.min(LIMIT, 0.8 * normal())) * 100) / 100;
  return Array.from({ length: SIZE }, round);
};

export default function mount(place) {
  const WIDTH = widthOf(place);
  let w = draw(5);
  let rule = "absmean";
  let seed = 5;
  const x = scale([-0.5, SIZE - 0.5], [46, WIDTH - 8]);
  const y = scale([-LIMIT, LIMIT], [HEIGHT - 34, 12]);

  const svg = picture(WIDTH, HEIGHT, `${SIZE} latent weights of a group and their ternary weights`);
  for (const tick of [-2, -1, 0, 1, 2]) {
    svg.append(line(x(-0.5), y(tick), x(SIZE - 0.5), y(tick), tick ? "grid" : "axis"));
    svg.append(text(38, y(tick) + 4, String(tick).replace("-", "\u2212"), "end"));
  }
  const band = make("svg:rect", { x: x(-0.5), width: x(SIZE - 0.5) - x(-0.5), class: "band" });
  svg.append(band);
  const columns = w.map((_, i) => {
    const stem = make("svg:line", { class: "stem" });
    const bar = make("svg:rect", { width: 0.42 * (x(1) - x(0)), class: "ternary" });
    const code = text(x(i), HEIGHT - 10, "", "middle", "code");
    const handle = slidable(make("svg:circle", { r: 9, class: "handle" }), {
      label: `latent weight ${i + 1}`,
      min: -LIMIT,
      max: LIMIT,
      step: 0.05,
      value: () => w[i],
      move: (value) => {
        w[i] = Math.round(value * 100) / 100;
        show();
      },
      fromPointer: ([, py]) => y.inverse(py),
      describe: () => `${w[i].toFixed(2)}, code ${project(w, rule).codes[i]}`,
    });
    svg.append(bar, stem, code, handle);
    return { stem, bar, code, handle };
  });

  const numbers = readout({
    mean: "mean |w|",
    threshold: "threshold",
    scale: "stored scale",
    zeros: "codes that are 0",
    entropy: "bits a code carries",
    error: "squared error lost",
  });
  const said = announcer();

  function show() {
    const p = project(w, rule);
    const top = y(Math.min(p.threshold, LIMIT));
    const bottom = y(-Math.min(p.threshold, LIMIT));
    band.setAttribute("y", top);
    band.setAttribute("height", bottom - top);
    columns.forEach(({ stem, bar, code, handle }, i) => {
      const value = p.weights[i];
      handle.setAttribute("cx", x(i));
      handle.setAttribute("cy", y(w[i]));
      for (const [key, v] of Object.entries({ x1: x(i), x2: x(i), y1: y(0), y2: y(w[i]) })) {
        stem.setAttribute(key, v);
      }
      bar.setAttribute("x", x(i) - 0.21 * (x(1) - x(0)));
      bar.setAttribute("y", Math.min(y(value), y(0)));
      bar.setAttribute("height", Math.abs(y(value) - y(0)));
      code.textContent = ["\u2212", "0", "+"][p.codes[i] + 1];
      code.setAttribute("class", p.codes[i] ? "code" : "code zero");
      handle.refresh();
    });
    const zeros = p.codes.filter((c) => c === 0).length;
    numbers.show({
      mean: p.mean.toFixed(3),
      threshold: p.threshold.toFixed(3),
      scale: p.scale.toFixed(3),
      zeros: `${zeros} of ${SIZE}`,
      entropy: entropy(p.codes).toFixed(2),
      error: `${(100 * p.error).toFixed(0)} %`,
    });
    said.say(`${zeros} codes are zero, scale ${p.scale.toFixed(3)}`);
  }

  const times = (c) => () => {
    const most = LIMIT / Math.max(...w.map(Math.abs), 1e-9); // all by the same factor, or none
    w = w.map((value) => value * Math.min(c, most));
    show();
  };
  place.append(
    svg,
    make(
      "div",
      { class: "controls" },
      choice("rule", Object.fromEntries(Object.entries(RULES).map(([k, r]) => [k, r.label])), (name) => {
        rule = name;
        show();
      }),
      button("all weights \u00d7 \u00bd", times(0.5)),
      button("\u00d7 2", times(2)),
      button("new weights", () => {
        w = draw(++seed);
        show();
      }),
    ),
    numbers.element,
    said.element,
  );
  show();
}

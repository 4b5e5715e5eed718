// Two ternary layers learn the same matrix; one of them counts the padding in its means.

import {
  announcer,
  button,
  choice,
  line,
  make,
  path,
  picture,
  range,
  readout,
  scale,
  text,
  widthOf,
} from "./drawing.js";
import { projectRows, sizeOf, twoLayers } from "./imitation.js";

const [HEIGHT, STEPS, EVERY, TAIL] = [310, 400, 5, 128];
const WIDTHS = { 130: "130 inputs: 2 in the last group", 160: "160: 32", 192: "192: 64", 256: "256: all 128" };
const rate = (power) => (10 ** power).toPrecision(2);

export default function mount(place) {
  const WIDTH = widthOf(place);
  let lr = -2;
  let columns = 130;
  let seed = 1;
  let timer = 0;
  const x = scale([0, STEPS], [56, WIDTH - 16]);
  const panels = [
    { words: "squared error, relative", y: scale([0, 2], [136, 16]), ticks: [0, 1, 2], show: String },
    {
      words: "size of the last columns, of the teacher's",
      y: scale([-2, 0.5], [276, 168]),
      ticks: [-2, -1, 0],
      show: (power) => String(10 ** power),
    },
  ];
  const svg = picture(WIDTH, HEIGHT, "error and size of the last columns over 400 steps, for two layers");
  for (const panel of panels) {
    for (const tick of panel.ticks) {
      svg.append(line(x(0), panel.y(tick), x(STEPS), panel.y(tick), "grid"));
      svg.append(text(48, panel.y(tick) + 4, panel.show(tick), "end"));
    }
    panel.curves = ["curve", "curve second dashed"].map((kind) => make("svg:path", { class: kind }));
    svg.append(...panel.curves);
  }
  svg.append(text(x(STEPS), 12, panels[0].words, "end"), text(x(STEPS), 160, panels[1].words, "end"));
  for (const step of [0, 200, 400]) svg.append(text(x(step), 294, String(step)));
  svg.append(text(x(100), 294, "steps"));

  const numbers = readout({
    losses: "error at the end",
    used: "size used in the last columns",
    latent: "their latents, over the others",
    exported: "size after a right export",
  });
  const said = announcer();
  const both = (values, digits = 2) => values.map((value) => value.toFixed(digits)).join(" and ");

  function run() {
    cancelAnimationFrame(timer);
    const { teacher, layers, step: learn } = twoLayers(columns, seed);
    const whole = sizeOf(teacher, TAIL, columns);
    const tail = (W) => sizeOf(W, TAIL, columns) / whole;
    const points = panels.map(() => [[], []]);
    let step = 0;
    let losses = [0, 0];
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const advance = () => {
      const until = Math.min(step + 20, STEPS);
      while (step < until) {
        const now = learn(10 ** lr * (1 - step / STEPS));
        losses = losses.map((loss, i) => loss + now[i] / EVERY);
        if (++step % EVERY) continue;
        layers.forEach(({ weights }, i) => {
          points[0][i].push([x(step), panels[0].y(Math.min(losses[i], 2.1))]);
          const power = Math.log10(Math.max(tail(weights), 1e-9));
          points[1][i].push([x(step), panels[1].y(Math.max(-2.1, Math.min(0.6, power)))]);
        });
        if (step < STEPS) losses = [0, 0];
      }
      if (!still || step === STEPS) {
        panels.forEach(({ curves }, p) =>
          curves.forEach((curve, i) => curve.setAttribute("d", path(points[p][i]).getAttribute("d"))),
        );
      }
      if (step < STEPS) {
        timer = requestAnimationFrame(advance);
        return;
      }
      const latent = layers.map(({ latent: W }) => sizeOf(W, TAIL, columns) / sizeOf(W, 0, TAIL));
      numbers.show({
        losses: both(losses),
        used: both(layers.map(({ weights }) => tail(weights))),
        latent: both(latent, 1),
        exported: both(layers.map(({ latent: W }) => tail(projectRows(W, false))), 1),
      });
      said.say(`errors ${both(losses)}; sizes used ${both(layers.map(({ weights }) => tail(weights)))}`);
    };
    advance();
  }

  const again = (change) => (value) => {
    change(value);
    run();
  };
  place.append(
    svg,
    make(
      "p",
      { class: "key" },
      make("span", { class: "sample" }),
      "the package's projection; ",
      make("span", { class: "sample second" }),
      "a mean that counts the padding. The numbers below are in this order.",
    ),
    make(
      "div",
      { class: "controls" },
      range("learning rate", { min: -4, max: -0.5, step: 0.1, value: lr }, rate, again((p) => (lr = p))).element,
      choice("width", WIDTHS, again((name) => (columns = Number(name)))),
      button("other weights", again(() => (seed += 1))),
    ),
    numbers.element,
    said.element,
  );
  run();
}

// Noise gradients and weight decay: how large the latents become, and how many codes flip.

import {
  announcer,
  button,
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
import { NoisyGroups } from "./mathematics.js";

const HEIGHT = 300;
const STEPS = 1000;
const EVERY = 5;
const LR = Math.log10(0.003); // that of the text

const exponential = (digits) => (power) => (10 ** power).toPrecision(digits);

export default function mount(place) {
  const WIDTH = widthOf(place);
  let lr = LR;
  let decay = 0;
  let off = 1;
  let timer = 0;
  const x = scale([0, STEPS], [56, WIDTH - 20]);
  const panels = [
    { key: "rms", words: "rms of the latents", y: scale([-2.5, -0.5], [140, 14]), ticks: [-2, -1] },
    { key: "flips", words: "flips a step", y: scale([-3.5, -0.5], [270, 160]), ticks: [-3, -2, -1] },
  ];
  const svg = picture(WIDTH, HEIGHT, "size of the latents and flips of codes over a thousand steps");
  for (const panel of panels) {
    for (const tick of panel.ticks) {
      svg.append(line(x(0), panel.y(tick), x(STEPS), panel.y(tick), "grid"));
      svg.append(text(48, panel.y(tick) + 4, String(10 ** tick), "end"));
    }
    svg.append(text(x(STEPS) - 2, panel.y(panel.ticks.at(-1)) - 6, panel.words, "end"));
    panel.curve = make("svg:path", { class: panel.key === "rms" ? "curve" : "curve second" });
    svg.append(panel.curve);
  }
  const law = make("svg:line", { class: "law", x1: x(0), x2: x(STEPS) });
  svg.append(law, line(x(0), 270, x(STEPS), 270, "axis"));
  for (const step of [0, 500, 1000]) svg.append(text(x(step), 288, String(step)));
  svg.append(text(x(STEPS / 4), 288, "steps"));

  const numbers = readout({
    rms: "rms of the latents",
    law: "\u221a(lr / 2 decay)",
    scale: "mean scale",
    flips: "codes that flip in a step",
  });
  const said = announcer();
  const logarithm = (value) => Math.log10(Math.max(value, 1e-9));

  function run() {
    cancelAnimationFrame(timer);
    const [rate, strength] = [10 ** lr, 10 ** decay];
    const groups = new NoisyGroups();
    const points = { rms: [], flips: [] };
    const formula = logarithm(Math.sqrt(rate / (2 * strength)));
    const { y } = panels[0];
    const inside = formula > -2.5 && formula < -0.5;
    law.setAttribute("visibility", inside ? "visible" : "hidden");
    law.setAttribute("y1", y(formula));
    law.setAttribute("y2", y(formula));
    let step = 0;
    let mean = { rms: 0, scale: 0, flips: 0 };
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const advance = () => {
      const until = still ? STEPS : Math.min(step + 25, STEPS);
      while (step < until) {
        const now = groups.step(rate, step < off * STEPS ? strength : 0);
        for (const key of Object.keys(mean)) mean[key] += now[key] / EVERY;
        if (++step % EVERY) continue;
        for (const panel of panels) {
          const height = panel.y(logarithm(mean[panel.key]));
          points[panel.key].push([x(step), Math.min(panel.y.floor ?? 290, height)]);
        }
        numbers.show({
          rms: mean.rms.toPrecision(3),
          law: Math.sqrt(rate / (2 * strength)).toPrecision(3),
          scale: mean.scale.toPrecision(3),
          flips: `${(100 * mean.flips).toFixed(2)} %`,
        });
        if (step === STEPS) said.say(`after ${STEPS} steps ${(100 * mean.flips).toFixed(2)} % of the codes flip in a step`);
        mean = { rms: 0, scale: 0, flips: 0 };
      }
      for (const panel of panels) panel.curve.setAttribute("d", path(points[panel.key]).getAttribute("d"));
      if (step < STEPS) timer = requestAnimationFrame(advance);
    };
    advance();
  }

  place.append(
    svg,
    make(
      "div",
      { class: "controls" },
      range("learning rate", { min: LR - 1, max: LR + 1, step: 0.1, value: lr }, exponential(2), (p) => {
        lr = p;
        run();
      }).element,
      range("weight decay", { min: -2, max: 1.5, step: 0.1, value: decay }, exponential(2), (p) => {
        decay = p;
        run();
      }).element,
      range("decay until", { min: 0, max: 1, step: 0.05, value: off }, (p) => `${Math.round(100 * p)} %`, (p) => {
        off = p;
        run();
      }).element,
      button("run again", run),
    ),
    numbers.element,
    said.element,
  );
  run();
}

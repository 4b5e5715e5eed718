// What a teacher and a student say about the next byte, and the gradient of their soft loss.

import { announcer, choice, line, make, picture, range, readout, scale, text, widthOf } from "./drawing.js";
import { entropyBits, softLoss } from "./distill.js";

const places = await (await fetch(new URL("temperature.json", import.meta.url))).json();
const [HEIGHT, SHOWN] = [270, 10];
const spell = (byte) => ({ 10: "\u21b5", 32: "\u2423" })[byte] ?? String.fromCharCode(byte);
const quote = (words) => words.replaceAll("\n", "\u21b5").replaceAll(" ", "\u2423");

export default function mount(place) {
  const WIDTH = widthOf(place);
  const y = scale([-1, 1], [HEIGHT - 34, 12]);
  const svg = picture(WIDTH, HEIGHT, "probabilities of the next byte, and the gradient");
  for (const tick of [-1, -0.5, 0, 0.5, 1]) {
    svg.append(line(40, y(tick), WIDTH - 8, y(tick), tick ? "grid" : "axis"), text(34, y(tick) + 4, String(tick), "end"));
  }
  const x = scale([0, SHOWN], [44, WIDTH - 8]);
  const wide = (x(1) - x(0)) * 0.28;
  const bars = Array.from({ length: SHOWN }, () =>
    ["teacher", "student", "gradient"].map((kind) => make("svg:rect", { width: wide, class: `bar ${kind}` })),
  );
  const names = Array.from({ length: SHOWN }, (_, i) => text(x(i + 0.5), HEIGHT - 12, ""));
  svg.append(...bars.flat(), ...names);
  const numbers = readout({
    next: "the next byte was",
    loss: "loss of the student, nats",
    entropy: "entropy of the teacher, bits",
    size: "length of the gradient",
  });
  const said = announcer();
  let [which, tau, weight] = [0, 1, 1];

  function show() {
    const { teacher, student, next } = places[which];
    const { p, q, loss, gradient } = softLoss(student, teacher, next, weight, tau);
    const order = teacher.map((value, v) => [-value, v]).sort(([a], [b]) => a - b);
    order.slice(0, SHOWN).forEach(([, v], i) => {
      [q[v], p[v], gradient[v]].forEach((value, kind) => {
        const [top, bottom] = [y(Math.min(1, Math.max(value, 0))), y(Math.max(-1, Math.min(value, 0)))];
        const bar = bars[i][kind];
        bar.setAttribute("x", x(i + 0.08) + kind * wide);
        bar.setAttribute("y", top);
        bar.setAttribute("height", Math.max(bottom - top, 0.5));
      });
      names[i].textContent = spell(v);
    });
    const size = Math.sqrt(gradient.reduce((sum, value) => sum + value ** 2, 0));
    numbers.show({
      next: spell(next),
      loss: loss.toFixed(2),
      entropy: entropyBits(q).toFixed(2),
      size: size.toFixed(3),
    });
    said.say(`entropy ${entropyBits(q).toFixed(2)} bits, loss ${loss.toFixed(2)}, gradient ${size.toFixed(3)}`);
  }

  const contexts = Object.fromEntries(places.map(({ context }, i) => [i, `\u2026${quote(context)}`]));
  place.append(
    svg,
    make(
      "div",
      { class: "controls" },
      choice("the text so far", contexts, (name) => {
        which = Number(name);
        show();
      }),
      range("temperature", { min: 0.5, max: 6, step: 0.1, value: tau }, (v) => v.toFixed(1), (v) => {
        tau = v;
        show();
      }).element,
      range("share of the teacher", { min: 0, max: 1, step: 0.05, value: weight }, (v) => v.toFixed(2), (v) => {
        weight = v;
        show();
      }).element,
    ),
    numbers.element,
    said.element,
  );
  show();
}

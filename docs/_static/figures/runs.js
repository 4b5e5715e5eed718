// Which of the eight sick runs is this? Four instruments beside those of the healthy run.
// The curves are made by book/figures/which_run.py.

import { announcer, button, line, make, path, picture, readout, scale, text, widthOf } from "./drawing.js";
import { uniforms } from "./mathematics.js";

const runs = await (await fetch(new URL("runs.json", import.meta.url))).json();
const SICK = Object.keys(runs).filter((name) => name !== "healthy");
const WHY = {
  "not projected":
    "It forgets to project: not few codes flip, but none. The loss falls a little, by the gains alone.",
  uphill:
    "A sign is wrong: the loss rises far above the level of knowing nothing. Only a direction does that.",
  adding:
    "Each gradient is added to the last: the norm before clipping grows from step to step.",
  "rate too small":
    "The rate is too small: codes do flip, but a thousandth of the healthy share, and nothing happens.",
  "rate too large":
    "The rate is too large: half of the codes flip in the first step, and the loss leaps up before it falls.",
  "latents too large":
    "The latents are too large: a first loss of 33 is confident nonsense, and few codes flip.",
  epsilon:
    "An epsilon in the scale: all codes are 0, the loss is log 256 exactly, and the norm is 0.",
  shuffled:
    "The targets are shuffled: flips, zeros and norm are healthy. The loss stands at log 32, all that these data teach.",
};
const LABELS = { epsilon: "an epsilon in the scale", shuffled: "shuffled targets", adding: "adding gradients" };
const PANELS = {
  loss: { words: "loss, nats", from: 0.8, to: 250, ticks: [1, 10, 100] },
  flips: { words: "codes that flip in a step", from: 6e-6, to: 1, ticks: [1e-4, 1e-2, 1] },
  zeros: { words: "codes that are 0", from: 0, to: 1.05, ticks: [0, 0.5, 1], even: true },
  norm: { words: "norm before clipping", from: 0.3, to: 150, ticks: [1, 10, 100] },
};
const STEPS = 100;

/** The sick runs in an order of their own, the same for every reader. */
function shuffled(seed) {
  const uniform = uniforms(seed);
  return SICK.map((name) => [uniform(), name]).sort(([a], [b]) => a - b).map(([, name]) => name);
}

export default function mount(place) {
  const WIDTH = widthOf(place);
  const wide = WIDTH / 2;
  const HIGH = WIDTH < 480 ? 130 : 160;
  const svg = picture(WIDTH, 2 * HIGH + 20, "loss, flips, zeros and gradient norm of a sick run");
  const panels = Object.entries(PANELS).map(([key, { words, from, to, ticks, even }], i) => {
    const [left, top] = [wide * (i % 2) + 46, HIGH * Math.floor(i / 2) + 24];
    const x = scale([1, STEPS], [left, left + wide - 58]);
    const map = even ? (v) => v : (v) => Math.log10(Math.max(v, from));
    const onto = scale([map(from), map(to)], [top + HIGH - 44, top]);
    const y = (v) => onto(map(v));
    svg.append(text(x(STEPS), top - 8, words, "end"));
    for (const tick of ticks) {
      svg.append(line(x(1), y(tick), x(STEPS), y(tick), "grid"));
      svg.append(text(left - 6, y(tick) + 4, tick === 1e-4 ? "10⁻⁴" : String(tick), "end"));
    }
    svg.append(line(x(1), y(from), x(STEPS), y(from), "axis"));
    for (const step of [1, 50, 100]) svg.append(text(x(step), y(from) + 15, String(step)));
    const draw = (name) => path(runs[name][key].map((v, step) => [x(step + 1), y(v)])).getAttribute("d");
    const [guess, curve] = ["curve second dashed", "curve"].map((kind) => make("svg:path", { class: kind }));
    svg.append(make("svg:path", { class: "law", d: draw("healthy"), fill: "none" }), guess, curve);
    return { draw, guess, curve };
  });
  const colours = make("p", { class: "key" });
  const verdict = make("p", { class: "verdict" });
  const numbers = readout({
    run: "run",
    first: "first loss",
    last: "last loss",
    flips: "flips, first ten steps",
    zeros: "zeros at the end",
    found: "found",
  });
  const said = announcer();
  const order = shuffled(3);
  let number = 0;
  let guesses = 0;
  let found = 0;
  let open = true;
  const mean = (values) => values.reduce((total, v) => total + v, 0) / values.length;

  function say(words) {
    verdict.textContent = words;
    said.say(words);
    const run = runs[order[number]];
    numbers.show({
      run: `${number + 1} of ${order.length}`,
      first: run.loss[0].toFixed(2),
      last: run.loss.at(-1).toFixed(2),
      flips: mean(run.flips.slice(0, 10)).toPrecision(1).replace("-", "−"),
      zeros: run.zeros.at(-1).toFixed(2),
      found: `${found} in ${guesses}`,
    });
  }

  function show(next) {
    number = next % order.length;
    open = true;
    for (const { draw, curve, guess } of panels) {
      curve.setAttribute("d", draw(order[number]));
      guess.setAttribute("d", "");
    }
    answers.forEach((answer) => answer.classList.remove("right", "wrong"));
    legend();
    say("A run with one mistake in it. Which of the eight is it?");
  }

  function legend(guess) {
    const sample = (kind) => make("span", { class: `sample ${kind}` });
    colours.replaceChildren(sample(""), "this run; ", sample("healthy"), "the healthy run; what is 0 lies on the axis");
    if (guess) colours.append("; ", sample("second"), `your guess: ${LABELS[guess] ?? guess}`);
  }

  const answers = SICK.map((name) =>
    button(LABELS[name] ?? name, () => {
      const answer = order[number];
      for (const { draw, guess } of panels) guess.setAttribute("d", name === answer ? "" : draw(name));
      legend(name === answer ? undefined : name);
      answers[SICK.indexOf(name)].classList.add(name === answer ? "right" : "wrong");
      if (open) guesses += 1;
      if (open && name === answer) found += 1;
      if (name === answer) open = false;
      say(name === answer ? `Yes. ${WHY[name]}` : `Not that one; its curves are dashed. ${WHY[name]}`);
    }),
  );
  place.append(
    svg,
    colours,
    make("div", { class: "controls answers", role: "group", "aria-label": "eight mistakes" }, ...answers),
    verdict,
    make("div", { class: "controls" }, button("another run", () => show(number + 1))),
    numbers.element,
    said.element,
  );
  show(0);
}

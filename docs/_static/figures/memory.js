// Short steps on a grid: exact, rounded to the nearest, and by chance.

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
import { gridWalk, uniforms } from "./mathematics.js";

const HEIGHT = 300;
const STEPS = 200;
const WALKS = 5;
const places = (x) => x.toFixed(x < 10 ? 1 : 0);

/** A walk as stairs: it stays where it is until the next step. */
const stairs = (walk, x, y) =>
  walk.flatMap((place, k) => (k ? [[x(k), y(walk[k - 1])], [x(k), y(place)]] : [[x(0), y(place)]]));

export default function mount(place) {
  const WIDTH = widthOf(place);
  let step = 0.2;
  let seed = 1;
  const x = scale([0, STEPS], [46, WIDTH - 12]);
  const svg = picture(WIDTH, HEIGHT, "place of a number against steps, for three ways of rounding");
  const drawn = make("svg:g");
  svg.append(drawn);
  for (const tick of [0, 50, 100, 150, 200]) svg.append(text(x(tick), HEIGHT - 22, String(tick)));
  svg.append(text(x(STEPS / 2), HEIGHT - 5, "steps"), text(50, 16, "place, in spacings", "start"));

  const numbers = readout({
    exact: "exact",
    nearest: "to the nearest",
    chance: `by chance, mean of ${WALKS}`,
    spread: "expected spread",
  });
  const said = announcer();

  function show() {
    const dice = uniforms(seed);
    const nearest = gridWalk(step, STEPS);
    const walks = Array.from({ length: WALKS }, () => gridWalk(step, STEPS, dice));
    const most = Math.max(4, nearest[STEPS], ...walks.map((walk) => walk[STEPS]));
    const y = scale([0, most], [HEIGHT - 40, 26]);
    const every = [1, 2, 5, 10, 20, 50, 100].find((size) => most / size <= 5);
    drawn.replaceChildren();
    for (let tick = 0; tick <= most; tick += every) {
      drawn.append(line(x(0), y(tick), x(STEPS), y(tick), tick ? "grid" : "axis"));
      drawn.append(text(38, y(tick) + 4, String(tick), "end"));
    }
    for (const walk of walks) drawn.append(path(stairs(walk, x, y), "curve"));
    drawn.append(line(x(0), y(0), x(STEPS), y(step * STEPS), "law"));
    drawn.append(path(stairs(nearest, x, y), "curve second dashed"));
    const mean = walks.reduce((total, walk) => total + walk[STEPS], 0) / WALKS;
    const rest = step % 1;
    numbers.show({
      exact: places(step * STEPS),
      nearest: places(nearest[STEPS]),
      chance: places(mean),
      spread: places(Math.sqrt(STEPS * rest * (1 - rest))),
    });
    said.say(
      `steps of ${step.toFixed(2)}: exact ${places(step * STEPS)}, ` +
        `to the nearest ${places(nearest[STEPS])}, by chance ${places(mean)}`,
    );
  }

  const steps = range(
    "step, in spacings",
    { min: 0.02, max: 1.2, step: 0.02, value: step },
    (value) => value.toFixed(2),
    (value) => {
      step = value;
      show();
    },
  );
  const again = button("other dice", () => {
    seed += 1;
    show();
  });
  const key = make("p", { class: "key" });
  key.append(
    make("span", { class: "sample" }),
    "by chance ",
    make("span", { class: "sample second" }),
    "to the nearest ",
    make("span", { class: "sample healthy" }),
    "exact",
  );
  place.append(
    svg,
    key,
    make("div", { class: "controls" }, steps.element, again),
    numbers.element,
    said.element,
  );
  show();
}

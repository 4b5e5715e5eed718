// The loss of one latent is a staircase; the straight-through gradient points down it all the same.

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
  slidable,
  text,
  widthOf,
} from "./drawing.js";
import { STAIRCASE, staircase } from "./mathematics.js";

const HEIGHT = 300;
const FROM = -1.5;
const TO = 1.5;
const LARGEST = 12;

const at = (i, value) => STAIRCASE.w.map((x, k) => (k === i ? value : x));

export default function mount(place) {
  const WIDTH = widthOf(place);
  let value = STAIRCASE.w[1];
  let rate = 0.02;
  const i = 1; // the second latent, as in the text
  const x = scale([FROM, TO], [46, WIDTH - 8]);
  const y = scale([0, LARGEST], [HEIGHT - 40, 12]);
  const svg = picture(WIDTH, HEIGHT, "loss against the second latent, and the straight-through step");

  for (const tick of [0, 4, 8, 12]) {
    svg.append(line(x(FROM), y(tick), x(TO), y(tick), tick ? "grid" : "axis"));
    svg.append(text(38, y(tick) + 4, String(tick), "end"));
  }
  for (const tick of [-1, 0, 1]) {
    svg.append(text(x(tick), HEIGHT - 22, String(tick).replace("-", "\u2212")));
  }
  svg.append(text(x(0), HEIGHT - 5, "the second latent"), text(x(FROM) + 4, 22, "loss", "start"));

  let tread = [];
  let before = null;
  for (let px = 46; px <= WIDTH - 8; px += 0.5) { // one path a tread, so that stairs stay open
    const { loss, codes } = staircase(at(i, x.inverse(px)));
    if (before !== null && codes[i] + 3 * codes[3] !== before) {
      svg.append(path(tread, "curve"));
      tread = [];
    }
    before = codes[i] + 3 * codes[3];
    tread.push([px, y(loss)]);
  }
  svg.append(path(tread, "curve"));

  const arrow = make("svg:path", { class: "arrow" });
  const handle = slidable(make("svg:circle", { r: 9, class: "handle" }), {
    label: "the second latent",
    min: FROM,
    max: TO,
    step: 0.02,
    value: () => value,
    move: (w) => {
      value = w;
      show();
    },
    fromPointer: ([px]) => x.inverse(px),
    describe: () => `${value.toFixed(2)}, loss ${staircase(at(i, value)).loss.toFixed(2)}`,
  });
  svg.append(arrow, handle);

  const numbers = readout({
    latent: "latent",
    code: "its code",
    loss: "loss",
    slope: "true slope",
    through: "straight-through gradient",
  });
  const said = announcer();

  function show() {
    const { loss, codes, gradient } = staircase(at(i, value));
    const [cx, cy] = [x(value), y(loss)];
    const length = Math.max(-150, Math.min(150, -gradient[i] * 14));
    const head = Math.sign(length) * 9;
    const end = cx + length;
    arrow.setAttribute(
      "d",
      Math.abs(length) < 2
        ? ""
        : `M${cx} ${cy}H${end}M${end - head} ${cy - 6}L${end} ${cy}L${end - head} ${cy + 6}`,
    );
    handle.setAttribute("cx", cx);
    handle.setAttribute("cy", cy);
    handle.refresh();
    numbers.show({
      latent: value.toFixed(3),
      code: String(codes[i]).replace("-", "\u2212"),
      loss: loss.toFixed(3),
      slope: "0",
      through: gradient[i].toFixed(2).replace("-", "\u2212"),
    });
    said.say(`latent ${value.toFixed(2)}, code ${codes[i]}, loss ${loss.toFixed(2)}`);
  }

  const step = () => {
    const { gradient } = staircase(at(i, value));
    value = Math.min(TO, Math.max(FROM, value - rate * gradient[i]));
    show();
  };
  const rates = range(
    "learning rate",
    { min: 0.005, max: 0.1, step: 0.005, value: rate },
    (r) => r.toFixed(3),
    (r) => (rate = r),
  );
  place.append(
    svg,
    make(
      "div",
      { class: "controls" },
      rates.element,
      button("one step", step),
      button("back to the start", () => {
        value = STAIRCASE.w[1];
        show();
      }),
    ),
    numbers.element,
    said.element,
  );
  show();
}

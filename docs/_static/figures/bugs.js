// Find the bug: marks of a gradient check on a model whose backward pass is wrong in one place.
// The numbers are made by book/figures/find_the_bug.py, with the bugs of the package.

import { pressable } from "./cells.js";
import { announcer, button, line, make, path, picture, readout, scale, text, widthOf } from "./drawing.js";

const { every, places, right, puzzles } = await (await fetch(new URL("bugs.json", import.meta.url))).json();
const ROW = 20;
const WHY = {
  "softmax without its sum":
    "The softmax hands back P · dP and does not take the sum of its row off. Values pass, queries and keys fail.",
  "score scale missing":
    "The factor 1/√head_dim is forgotten on the way back. Queries and keys fail alike: 0.75 is 1 − 1/√16.",
  "turned the wrong way":
    "The gradients of queries and keys are turned forward once more, and not back. The values pass.",
  "norm taken for a constant":
    "The norm takes its root mean square for a constant. Its own gain is right; what it hands back is not.",
  "gains get no gradient":
    "The gradient of this gain is never written. All that lies below passes, so nothing wrong was handed on.",
  "factor 2 of relu squared":
    "The derivative of max(h, 0)² is 2 max(h, 0), and the 2 is missing: the first to fail has an error of 0.5.",
  "attention passes nothing":
    "What comes back out of attention is not added to the stream. All parameters of the branch pass.",
  "skip path dropped":
    "Past the feed-forward branch nothing is passed on. The branch itself passes, and everything below it fails.",
  "sum instead of mean":
    "The gradient of a sum, not of a mean: all are too long by one factor, and Adam divides it out.",
  "embedding: last one wins": "Of all places where a token stands, only the last reaches its row of the table.",
};
const named = (place) => {
  const [, block, part] = place.match(/^layers\.(\d)\.(.*)$/) ?? [0, 0, place];
  const words = { "down+": "+ feed-forward", "o+": "+ attention", relu: "squared ReLU" }[part] ?? part;
  return [words, part === place ? "" : `, block ${block}`];
};
const inBranch = (place) => place.startsWith("layers") && !place.endsWith("+");

export default function mount(place) {
  const WIDTH = widthOf(place);
  const beside = WIDTH >= 560;
  const tall = places.length * ROW + 8;
  const svg = picture(WIDTH, beside ? tall : tall + 190, "a model, the marks of its check, and its loss");
  const middle = (i) => i * ROW + ROW / 2 + 4;
  svg.append(line(12, middle(0), 12, middle(places.length - 1), "axis"));
  places.forEach((name, i) => {
    if (!name.endsWith("+")) return;
    const end = i + (name.includes("down") ? 4.5 : 6.5);
    svg.append(path([[12, middle(i)], [46, middle(i)], [46, middle(end)], [12, middle(end)]], "axis wire"));
  });
  const cells = places.map((name, i) => {
    const at = inBranch(name) ? 34 : 4;
    const box = make("svg:rect", { x: at, y: middle(i) - 8, width: 118, height: 16, rx: 3, class: "box" });
    const mark = text(at + 126, middle(i) + 4, "", "start", "mark");
    const cell = make("svg:g", {}, box, text(at + 7, middle(i) + 4, named(name)[0], "start"));
    svg.append(cell, make("svg:g", { class: "over", "aria-hidden": "true" }, mark));
    return { cell, mark };
  });
  for (const i of [0, 1]) {
    svg.append(text(238, middle(places.indexOf(`layers.${i}.norm2`)) + 4, `block ${i}`, "start", "label faint"));
  }
  const [left, top] = beside ? [340, 40] : [40, tall + 20];
  const x = scale([0, right.length * every], [left, WIDTH - 12]);
  const y = scale([0, 3], [top + (beside ? 190 : 130), top]);
  for (const tick of [0, 1, 2, 3]) {
    svg.append(line(x(0), y(tick), x(right.length * every), y(tick), tick ? "grid" : "axis"));
    svg.append(text(left - 8, y(tick) + 4, String(tick), "end"));
  }
  for (const tick of [0, 100, 200, 300]) svg.append(text(x(tick), y(0) + 18, String(tick)));
  svg.append(text(x(150), y(0) + 34, "training step"), text(x(300), top - 8, "loss, nats", "end"));
  const draw = (curve) => path(curve.map((loss, i) => [x((i + 0.5) * every), y(loss)])).getAttribute("d");
  const curve = make("svg:path", { class: "curve" });
  const healthy = make("svg:path", { class: "law", d: draw(right), fill: "none" });
  svg.append(curve, healthy);

  const verdict = make("p", { class: "verdict" });
  const numbers = readout({
    model: "model",
    fails: "gradients that fail",
    found: "found, in guesses",
    loss: "loss at the end, and without the bug",
  });
  const said = announcer();
  let [number, guesses, found] = [0, 0, 0];
  let open = false; // whether the place is shown

  function say(words) {
    verdict.textContent = words;
    said.say(words);
    const { errors, curve: losses } = puzzles[number];
    const fails = Object.values(errors).filter((error) => error > 0).length;
    numbers.show({
      model: `${number + 1} of ${puzzles.length}`,
      fails: `${fails} of ${Object.keys(errors).length}`,
      found: `${found} in ${guesses}`,
      loss: `${losses.at(-1).toFixed(3)}, ${open ? right.at(-1).toFixed(3) : "?"}`,
    });
  }

  function show(next) {
    [number, open] = [next % puzzles.length, false];
    const { errors, curve: losses } = puzzles[number];
    curve.setAttribute("d", draw(losses));
    healthy.setAttribute("visibility", "hidden");
    places.forEach((name, i) => {
      const { cell, mark } = cells[i];
      const error = errors[name];
      mark.textContent = error === undefined ? "" : error ? `✗ ${error}` : "✓";
      cell.setAttribute("class", `cell ${error ? "wrong" : ""}`);
      mark.setAttribute("class", `mark ${error ? "fails" : ""}`);
      const state = error === undefined ? "no parameters" : error ? `gradient wrong, error ${error}` : "gradient right";
      cell.setAttribute("aria-label", `${named(name).join("")}: ${state}; press to guess that the bug is here`);
    });
    say("One place hands back a wrong gradient. Which? Go down from the loss, and press it.");
  }

  function guess(i) {
    const { bug, place: answer, possible, errors } = puzzles[number];
    const [name, words] = [places[i], named(places[i]).join("")];
    const first = places.find((each) => errors[each]);
    if (open) return;
    guesses += 1;
    cells[i].cell.classList.add("guess");
    if (possible.includes(name)) {
      found += 1;
      const same = `The marks allow ${words}; here it is ${named(answer).join("")}, which leaves the same`;
      reveal(`${name === answer ? "Yes" : same}. ${WHY[bug]}`);
    } else if (i > places.indexOf(first)) {
      say(`Not ${words}: ${named(first).join("")} fails already, and it is computed earlier.`);
    } else {
      say(`Not ${words}: a mistake there would leave other marks. Which fail first, and which of those below pass?`);
    }
  }

  function reveal(words) {
    open = true;
    cells[places.indexOf(puzzles[number].place)].cell.classList.add("answer");
    healthy.setAttribute("visibility", "visible");
    say(words);
  }

  pressable(cells.map(({ cell }) => cell), { press: guess });
  const told = () => reveal(`It is ${named(puzzles[number].place).join("")}. ${WHY[puzzles[number].bug]}`);
  place.append(
    svg,
    verdict,
    make("div", { class: "controls" }, button("show the place", told), button("another model", () => show(number + 1))),
    numbers.element,
    said.element,
  );
  show(0);
}

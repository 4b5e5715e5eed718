// A small matrix whose groups can be painted louder or quieter, under three scopes of the scale.

import { pressable } from "./cells.js";
import { announcer, choice, make, picture, range, readout, text, widthOf } from "./drawing.js";
import { evenMatrix, loudMatrix, projectMatrix, SCOPES } from "./matrices.js";
import { normals } from "./mathematics.js";

const [ROWS, GROUPS, SIZE] = [6, 4, 16];
const HIGH = 44; // of a cell
const STARTS = {
  uneven: "every group as it comes",
  even: "all alike",
  rows: "loud and quiet rows",
  columns: "loud and quiet columns",
};
const PAINTS = { group: "one group", row: "a row of groups", column: "a column of groups" };
const isClipped = (zeros) => zeros < SIZE / 10;
const times = (power) => `\u00d7${power < 0 ? `1/${2 ** -power}` : 2 ** power}`;

function start(name) {
  const normal = normals(8);
  const power = () => Math.max(-3, Math.min(3, Math.round((1.5 / Math.log(2)) * normal())));
  const rows = Array.from({ length: ROWS }, () => (name === "rows" ? power() : 0));
  const powers = rows.map((p) => Array.from({ length: GROUPS }, () => (name === "uneven" ? power() : p)));
  const columns = Array.from({ length: SIZE }, () => (name === "columns" ? 2 ** power() : 1));
  return { powers, columns };
}

export default function mount(place) {
  const WIDTH = widthOf(place);
  const z = evenMatrix({ rows: ROWS, groups: GROUPS, size: SIZE, seed: 7 });
  let { powers, columns } = start("uneven");
  let scope = "group";
  let brush = 3;
  let paints = "group";
  const wide = WIDTH / GROUPS;
  const svg = picture(WIDTH, ROWS * HIGH + 2, `${ROWS} rows of ${GROUPS} groups of ${SIZE} weights`);
  const cells = Array.from({ length: ROWS * GROUPS }, (_, i) => {
    const [x, y] = [wide * (i % GROUPS) + 1, HIGH * Math.floor(i / GROUPS) + 1];
    const ground = make("svg:rect", { x, y, width: wide - 3, height: HIGH - 3, rx: 3, class: "ground" });
    const label = text(x + 5, y + 14, "", "start");
    const state = text(x + wide - 9, y + 14, "", "end", "label state");
    const step = (wide - 13) / SIZE;
    const marks = Array.from({ length: SIZE }, (_, k) =>
      make("svg:rect", { x: x + 5 + k * step, width: Math.max(1.5, step - 1.5) }),
    );
    const cell = make("svg:g", {}, ground, ...marks);
    svg.append(cell, make("svg:g", { class: "over small", "aria-hidden": "true" }, label, state));
    return { cell, ground, label, state, marks, y: y + 28 };
  });

  const numbers = readout({
    error: "squared error of the matrix",
    mean: "mean error of a group",
    zeros: "codes that are 0",
    dead: "silent groups: only zeros",
    clipped: "clipped groups: hardly a zero",
  });
  const said = announcer();

  function show() {
    const loudness = powers.map((row) => row.map((power) => 2 ** power));
    const { groups, error } = projectMatrix(loudMatrix(z, loudness, columns), scope);
    const all = groups.flat();
    all.forEach(({ codes, zeros, error: own }, i) => {
      const { cell, ground, label, state, marks, y } = cells[i];
      const power = powers[Math.floor(i / GROUPS)][i % GROUPS];
      const words = zeros === SIZE ? "silent" : isClipped(zeros) ? "clipped" : "";
      ground.setAttribute("fill-opacity", 0.03 + 0.05 * (power + 3));
      label.textContent = times(power);
      state.textContent = words;
      cell.setAttribute(
        "aria-label",
        `row ${Math.floor(i / GROUPS) + 1}, group ${(i % GROUPS) + 1}: loudness ${times(power)}, ` +
          `${zeros} of ${SIZE} codes are 0, error ${own.toFixed(2)} ${words}`,
      );
      marks.forEach((mark, k) => {
        mark.setAttribute("class", ["minus", "zero", "plus"][codes[k] + 1]);
        mark.setAttribute("y", codes[k] ? (codes[k] > 0 ? y - 9 : y) : y - 1);
        mark.setAttribute("height", codes[k] ? 9 : 2);
      });
    });
    const count = (test) => all.filter(({ zeros }) => test(zeros)).length;
    const zeros = all.reduce((total, group) => total + group.zeros, 0);
    numbers.show({
      error: error.toFixed(2),
      mean: (all.reduce((total, group) => total + group.error, 0) / all.length).toFixed(2),
      zeros: `${Math.round((100 * zeros) / (all.length * SIZE))} %`,
      dead: `${count((n) => n === SIZE)} of ${all.length}`,
      clipped: `${count(isClipped)} of ${all.length}`,
    });
    said.say(`error ${error.toFixed(2)}, ${count((n) => n === SIZE)} groups are silent`);
  }

  pressable(cells.map(({ cell }) => cell), {
    columns: GROUPS,
    brush: true,
    press: (i) => {
      const [row, group] = [Math.floor(i / GROUPS), i % GROUPS];
      powers.forEach((list, r) =>
        list.forEach((_, g) => {
          const inRow = paints === "column" || r === row;
          if (inRow && (paints === "row" || g === group)) list[g] = brush;
        }),
      );
      show();
    },
  });
  place.append(
    svg,
    make(
      "div",
      { class: "controls" },
      choice("one scale for", SCOPES, (name) => {
        scope = name;
        show();
      }),
      choice("loudness", STARTS, (name) => {
        ({ powers, columns } = start(name));
        show();
      }),
      range("paint", { min: -3, max: 3, step: 1, value: brush }, times, (p) => (brush = p)).element,
      choice("on", PAINTS, (name) => (paints = name)),
    ),
    numbers.element,
    said.element,
  );
  show();
}

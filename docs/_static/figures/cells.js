// Cells of a picture that can be pressed: one stop for the Tab key, arrow keys from cell to cell.

/**
 * Make elements buttons in a grid of so many columns; `press(i)` is called by a click, by Enter and
 * by the space bar. With `brush`, a mouse that is held down presses every cell that it enters.
 */
export function pressable(cells, { columns = 1, press, brush = false }) {
  const stop = (i) => cells.forEach((cell, k) => cell.setAttribute("tabindex", k === i ? "0" : "-1"));
  cells.forEach((cell, i) => {
    cell.classList.add("cell");
    cell.setAttribute("role", "button");
    cell.addEventListener("focus", () => stop(i));
    cell.addEventListener("click", () => press(i));
    for (const name of brush ? ["pointerdown", "pointerenter"] : []) {
      cell.addEventListener(name, (event) => {
        if (event.buttons === 1 && event.pointerType !== "touch") press(i); // a finger may be scrolling
      });
    }
    cell.addEventListener("keydown", (event) => {
      const next = {
        ArrowUp: i - columns,
        ArrowDown: i + columns,
        ArrowLeft: i % columns ? i - 1 : i,
        ArrowRight: (i + 1) % columns ? i + 1 : i,
        Home: 0,
        End: cells.length - 1,
      }[event.key];
      if (event.key === "Enter" || event.key === " ") press(i);
      else if (next === undefined) return;
      else if (next >= 0 && next < cells.length) cells[next].focus();
      event.preventDefault();
    });
  });
  stop(0);
}

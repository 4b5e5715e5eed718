// What the interactive figures share: SVG elements, scales, handles that keyboards can move, controls.

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes and children; `svg:` names make SVG elements. */
export function make(name, attributes = {}, ...children) {
  const isSvg = name.startsWith("svg:");
  const element = isSvg
    ? document.createElementNS(SVG, name.slice(4))
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** A picture of a width and height in its own units, that fills the width of the page. */
export function picture(width, height, label) {
  return make("svg:svg", { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": label });
}

/** Width of a picture in its own units: that of the page, so that its letters keep their size. */
export function widthOf(place) {
  return Math.max(300, Math.min(680, place.clientWidth || 680));
}

/** A linear map from data to the picture, and its inverse. */
export function scale([a, b], [from, to]) {
  const map = (x) => from + ((x - a) / (b - a)) * (to - from);
  map.inverse = (y) => a + ((y - from) / (to - from)) * (b - a);
  return map;
}

export function line(x1, y1, x2, y2, kind) {
  return make("svg:line", { x1, y1, x2, y2, class: kind });
}

export function text(x, y, words, anchor = "middle", kind = "label") {
  return make("svg:text", { x, y, "text-anchor": anchor, class: kind }, words);
}

/** A path through points [x, y]. */
export function path(points, kind) {
  const d = points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
  return make("svg:path", { d, class: kind });
}

/**
 * Make an element a slider: it is dragged by a pointer, and moved by the arrow keys.
 * `value()` reads and `move(value)` writes; `fromPointer([x, y])` gives the value under a point.
 */
export function slidable(element, { label, min, max, step, value, move, fromPointer, describe }) {
  const svg = () => element.ownerSVGElement;
  const set = (x) => move(Math.min(max, Math.max(min, x)));
  element.setAttribute("tabindex", "0");
  element.setAttribute("role", "slider");
  element.setAttribute("aria-label", label);
  element.setAttribute("aria-valuemin", min);
  element.setAttribute("aria-valuemax", max);
  element.refresh = () => {
    element.setAttribute("aria-valuenow", value().toFixed(2));
    element.setAttribute("aria-valuetext", describe ? describe() : value().toFixed(2));
  };
  element.addEventListener("pointerdown", (event) => {
    element.setPointerCapture(event.pointerId);
    element.focus({ preventScroll: true });
    event.preventDefault();
  });
  element.addEventListener("pointermove", (event) => {
    if (!element.hasPointerCapture(event.pointerId)) return;
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(
      svg().getScreenCTM().inverse(),
    );
    set(fromPointer([point.x, point.y]));
  });
  element.addEventListener("keydown", (event) => {
    const steps = {
      ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 10, PageDown: -10,
    }[event.key];
    if (steps) set(value() + steps * step);
    else if (event.key === "Home") set(min);
    else if (event.key === "End") set(max);
    else return;
    event.preventDefault();
  });
  return element;
}

let controls = 0;

/** A labelled range input; `show` writes its value. */
export function range(words, { min, max, step, value }, show, change) {
  const id = `figure-control-${++controls}`;
  const input = make("input", { id, type: "range", min, max, step, value });
  const output = make("output", { for: id });
  const update = () => {
    output.textContent = show(Number(input.value));
    input.setAttribute("aria-valuetext", output.textContent);
    change(Number(input.value));
  };
  input.addEventListener("input", update);
  output.textContent = show(Number(value));
  input.setAttribute("aria-valuetext", output.textContent);
  return { input, element: make("div", { class: "control" }, make("label", { for: id }, words), input, output) };
}

/** A labelled choice among `options`, an object of labels by name. */
export function choice(words, options, change) {
  const id = `figure-control-${++controls}`;
  const select = make("select", { id });
  for (const [name, label] of Object.entries(options)) {
    select.append(make("option", { value: name }, label));
  }
  select.addEventListener("change", () => change(select.value));
  return make("div", { class: "control" }, make("label", { for: id }, words), select);
}

export function button(words, press) {
  const element = make("button", { type: "button" }, words);
  element.addEventListener("click", press);
  return element;
}

/** Numbers with names, in a list that a screen reader can be sent to. */
export function readout(names) {
  // The theme indents the values of every list that is not called simple.
  const list = make("dl", { class: "readout simple" });
  const values = Object.entries(names).map(([key, words]) => {
    const value = make("dd");
    list.append(make("div", {}, make("dt", {}, words), value));
    return [key, value];
  });
  const cells = Object.fromEntries(values);
  return {
    element: list,
    show(numbers) {
      for (const [key, words] of Object.entries(numbers)) cells[key].textContent = words;
    },
  };
}

/** A line that is read out when it changes, but not at every pixel of a drag. */
export function announcer() {
  const element = make("p", { class: "said", role: "status" });
  let timer = 0;
  return {
    element,
    say(words) {
      clearTimeout(timer);
      timer = setTimeout(() => (element.textContent = words), 400);
    },
  };
}

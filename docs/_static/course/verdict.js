// A verdict in words, as the terminal prints it; its form is that of ternary.course.
import { element } from "../runnable/element.js";

export const SIGNS = { passed: "✓", untouched: "○", stopped: "■" };
const WORDS = {
  passed: "Passed", failed: "Not yet", untouched: "Still the stub", error: "An error", refused: "Refused",
  stopped: "Stopped",
};

// What stands between back ticks is code.
export function prose(text) {
  return text.split("`").map((part, i) => (i % 2 ? element("code", { textContent: part }) : part));
}

export const headline = ({ status, message }) =>
  [sign(SIGNS[status] ?? "✗"), ` ${WORDS[status] ?? status}: `, ...prose(message)];

export function sign(text) {
  const made = element("span", { className: "run-sign", textContent: text });
  made.ariaHidden = "true";
  return made;
}

// What follows the headline: each law with whether it holds, the known mistake, what to read again.
export function details({ status, checks, mistake, notes, printed, reread }, address) {
  const parts = [];
  if (checks?.length) {
    parts.push(element("ul", { className: "course-laws" }, ...checks.map(({ law, passed }) =>
      element("li", {}, sign(passed ? "✓" : "✗"),
        element("span", { className: "course-unseen", textContent: passed ? "Holds: " : "Does not hold: " }),
        " ", ...prose(law)))));
  }
  if (mistake) parts.push(element("p", {}, element("strong", { textContent: "The mistake: " }), ...prose(mistake)));
  for (const note of notes ?? []) parts.push(element("p", {}, ...prose(note)));
  if (printed) {
    const box = element("pre", { className: "course-printed", textContent: printed });
    parts.push(element("p", { textContent: "It printed:" }), box);
  }
  if (status !== "passed" && reread?.heading) parts.push(rereadLink(reread.heading, address));
  return parts;
}

export function rereadLink(heading, address) {
  return element("p", {}, "Reread: ", element("a", { href: address, textContent: heading }));
}

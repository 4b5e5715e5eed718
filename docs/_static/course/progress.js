// The page that shows how far one is, and gives one's work away and takes it back.
import { button, element } from "../runnable/element.js";
import { mark } from "./step.js";
import { exported, keeps, stateOf, take } from "./store.js";

const place = document.querySelector(".course-progress");
const marks = [...place.querySelectorAll(".course-mark")];
const known = marks.map((each) => each.dataset.of);
const done = (anchor) => ["passed", "answered"].includes(stateOf(anchor));
const isStep = (anchor) => anchor.startsWith("step-");

const meter = element("progress", { max: known.filter(isStep).length });
meter.setAttribute("aria-label", "Steps passed");
const total = element("p", { className: "course-total" });
const status = element("span", { className: "run-status", role: "status" });
const picker = element("input", { type: "file", accept: ".json,application/json", hidden: true });
const undoButton = button("Undo", "Undo the import", () => undo());
undoButton.hidden = true;
const bar = element("div", { className: "run-bar", role: "group", ariaLabel: "Your work as a file" },
  button("Export", "Export your work", () => save()),
  button("Import", "Import your work", () => picker.click()), undoButton, picker, status);
place.prepend(element("div", { className: "course-summary" }, total, meter), bar);

function show() {
  for (const each of marks) mark(each, each.dataset.of);
  for (const row of place.querySelectorAll("tbody tr")) {
    const of = [...row.querySelectorAll(".course-mark")].map((each) => each.dataset.of).filter(isStep);
    row.querySelector(".course-count").textContent = of.length ? `${of.filter(done).length} of ${of.length}` : "";
  }
  const steps = known.filter(isStep), predictions = known.filter((anchor) => !isStep(anchor));
  meter.value = steps.filter(done).length;
  total.textContent = `${meter.value} of ${steps.length} steps passed, ` +
    `${predictions.filter(done).length} of ${predictions.length} predictions answered.`;
}

function save() {
  const href = URL.createObjectURL(new Blob([exported()], { type: "application/json" }));
  element("a", { href, download: "three-values-course.json" }).click();
  setTimeout(() => URL.revokeObjectURL(href), 10_000);
  status.textContent = "Exported to three-values-course.json";
}

let undo = () => {};
picker.addEventListener("change", async () => {
  const [file] = picker.files;
  if (!file) return;
  try {
    const { taken, replaced, unknown, undo: back } = take(await file.text(), known);
    status.textContent = `Took ${taken} entries, of which ${replaced} replaced yours` +
      (unknown ? `; ${unknown} belong to no step of this book and were left out` : "");
    undoButton.hidden = false;
    undo = () => {
      back();
      undoButton.hidden = true;
      status.textContent = "As it was before";
      show();
    };
  } catch (error) {
    status.textContent = error.message;
  }
  picker.value = "";
  show();
});

addEventListener("storage", show); // a step that was checked in another tab
addEventListener("pageshow", show);
if (!keeps) status.textContent = "This browser keeps nothing of this page; your work ends with the visit";
show();

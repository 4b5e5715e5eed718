// Makes the boxes of a page work. Python is the one that Run uses, and it is not fetched before Check.
import { PredictionBox } from "./predict.js";
import { StepBox } from "./step.js";
import { stateOf } from "./store.js";

const KINDS = { step: StepBox, prediction: PredictionBox };
const listing = document.querySelector(".course-listing"); // the book's own answer to the steps
const { page } = window.runnable; // runnable.js stands before this script
const boxes = new Map();
for (const box of document.querySelectorAll(".course-box")) {
  boxes.set(box.id, new KINDS[box.dataset.kind](page, box));
  // What is wider than the page can be focused only once it is seen.
  box.addEventListener("toggle", () => {
    dispatchEvent(new Event("resize"));
    // Who opens a step means to write it: the answer below it folds away.
    if (listing && box.open && box.dataset.kind === "step" && stateOf(box.id) !== "passed") listing.open = false;
  });
}

// A link to a box opens it.
function open() {
  const box = boxes.get(location.hash.slice(1))?.box;
  if (!box) return;
  box.open = true;
  box.scrollIntoView();
}
addEventListener("hashchange", open);
open();

window.course = { boxes }; // for the checks in tests/site

// A graded step: the stub in an editor, Check, hints level by level, Reset, and the verdict.
import { editorOf } from "../runnable/editor.js";
import { button, element, swap } from "../runnable/element.js";
import { ask } from "./ask.js";
import { load, save, stateOf } from "./store.js";
import { details, headline, prose, sign } from "./verdict.js";

const SAVED_AFTER = 400; // milliseconds without a key
export const MARKS = { passed: ["✓", "passed"], begun: ["·", "begun"], answered: ["✓", "answered"] };

// Show in a line what has come of a step or a prediction.
export function mark(place, anchor) {
  const [text, words] = MARKS[stateOf(anchor)] ?? [];
  place.replaceChildren(...(text ? [sign(text), ` ${words}`] : []));
  place.dataset.state = stateOf(anchor);
}

export class StepBox {
  constructor(page, box) {
    Object.assign(this, { page, box, anchor: box.id, timer: null, discarded: null });
    this.step = JSON.parse(box.querySelector("script").textContent);
    const stub = box.querySelector(".course-stub");
    this.stub = stub.textContent;
    this.entry = load(this.anchor);
    const { id } = this.step;
    this.editor = editorOf({
      code: this.entry.text ?? this.stub, label: `Answer to ${id}`, verb: "checks",
      run: () => this.check(), changed: () => this.changed(),
    });
    this.checkButton = button("Check", `Check ${id}`, () => this.check());
    this.stopButton = button("Stop", `Stop ${id}`, () => page.python.stop());
    this.hintButton = button("Hint", `Hint for ${id}`, () => this.hint());
    this.resetButton = button("Reset", `Reset ${id}`, () => this.reset());
    this.stopButton.hidden = true;
    this.status = element("span", { className: "run-status", role: "status" });
    this.bar = element("div", { className: "run-bar", role: "group", ariaLabel: `Answer to ${id}` },
      this.checkButton, this.stopButton, this.hintButton, this.resetButton, this.status);
    this.hints = element("ol", { className: "course-hints", hidden: true });
    this.hints.setAttribute("aria-label", `Hints for ${id}`);
    this.live = element("div", { className: "course-live", role: "status" }, this.hints);
    this.headline = element("p", { className: "course-headline", role: "status" });
    this.details = element("div", { className: "course-details" });
    stub.replaceWith(this.editor);
    this.editor.after(this.bar, this.live, this.headline, this.details);
    for (const line of this.box.querySelectorAll(".course-terminal")) line.remove();
    addEventListener("pagehide", () => this.keep());
    this.showHints();
    this.showVerdict();
  }

  // --- The answer ----------------------------------------------------------------------------------

  changed() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.keep(), SAVED_AFTER);
    if (this.discarded !== null) this.offerReset();
    if (this.entry.verdict && !this.entry.changed) {
      this.entry.changed = true;
      this.showVerdict();
    }
  }

  // Keep what stands in the editor; the stub alone is nothing to keep.
  keep() {
    if (!this.timer) return;
    clearTimeout(this.timer);
    this.timer = null;
    if (this.editor.value === this.stub) delete this.entry.text;
    else this.entry.text = this.editor.value;
    this.store();
  }

  store() {
    if (!save(this.anchor, this.entry)) this.status.textContent = "This browser keeps nothing: copy your answer";
    mark(this.box.querySelector(".course-mark"), this.anchor);
  }

  // Put the stub back; until the next key, the answer can be brought back.
  reset() {
    const back = this.discarded;
    this.discarded = back === null ? this.editor.value : null;
    this.editor.value = back ?? this.stub;
    this.timer = -1;
    this.entry.changed = true;
    this.keep();
    this.nameReset();
    this.showVerdict();
  }

  offerReset() {
    this.discarded = null;
    this.nameReset();
  }

  nameReset() {
    const label = this.discarded === null ? "Reset" : "Bring back";
    this.resetButton.textContent = label;
    this.resetButton.setAttribute("aria-label", `${label} ${this.step.id}`);
  }

  // --- Hints ---------------------------------------------------------------------------------------

  hint() {
    this.entry.hints = Math.min((this.entry.hints ?? 0) + 1, this.step.hints.length);
    this.store();
    this.showHints();
  }

  showHints() {
    const shown = this.entry.hints ?? 0, all = this.step.hints.length;
    for (const hint of this.step.hints.slice(this.hints.children.length, shown)) {
      this.hints.append(element("li", {}, ...prose(hint)));
    }
    this.hints.hidden = !shown;
    this.hintButton.textContent = shown ? `Hint ${Math.min(shown + 1, all)} of ${all}` : "Hint";
    if (shown === all) this.hintButton.textContent = "No more hints";
    this.hintButton.setAttribute("aria-label", `${this.hintButton.textContent} for ${this.step.id}`);
    if (shown === all) this.hintButton.setAttribute("aria-disabled", "true");
  }

  // --- Check ---------------------------------------------------------------------------------------

  async check() {
    if (this.checkButton.hasAttribute("aria-disabled")) return;
    this.timer ??= -1;
    this.keep();
    const text = this.editor.value, began = performance.now();
    this.checkButton.setAttribute("aria-disabled", "true");
    const stop = setTimeout(() => swap(this.checkButton, this.stopButton), 300);
    this.status.textContent = "";
    const say = (words) => setTimeout(() => { if (this.checkButton.hasAttribute("aria-disabled")) this.status.textContent = words; }, 100);
    const found = await ask(this.page, "grade", [this.step.id, text], this.step.seconds, say);
    clearTimeout(stop);
    swap(this.stopButton, this.checkButton);
    this.checkButton.removeAttribute("aria-disabled");
    this.took = (performance.now() - began) / 1000;
    this.status.textContent = "";
    const verdict = found.ended ? this.step.ended[found.ended] : found;
    if (verdict) {
      Object.assign(this.entry, { verdict, changed: this.editor.value !== text });
      this.store();
      this.showVerdict();
    } else {
      this.status.textContent = found.words || "Stopped; Check starts Python again";
    }
    return verdict;
  }

  showVerdict() {
    const { verdict, changed } = this.entry;
    mark(this.box.querySelector(".course-mark"), this.anchor);
    this.headline.dataset.state = verdict?.status ?? "";
    this.headline.replaceChildren(...(verdict ? headline(verdict) : []));
    this.details.replaceChildren(...(verdict ? details(verdict, this.step.reread) : []));
    if (verdict && changed) {
      this.headline.prepend(element("em", { textContent: "Of an earlier version: " }));
    }
  }
}

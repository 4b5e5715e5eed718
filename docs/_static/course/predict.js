// A prediction: the reader commits to an answer, and only then does the example run.
import { button, element } from "../runnable/element.js";
import { ask } from "./ask.js";
import { load, save } from "./store.js";
import { mark } from "./step.js";
import { prose, rereadLink, sign } from "./verdict.js";

export class PredictionBox {
  constructor(page, box) {
    Object.assign(this, { page, box, anchor: box.id });
    this.prediction = JSON.parse(box.querySelector("script").textContent);
    this.entry = load(this.anchor);
    this.form = element("form", { className: "course-form" });
    this.form.setAttribute("aria-label", `Your prediction of ${this.name}`);
    this.commitButton = element("button", { type: "submit", textContent: "Commit and run" });
    this.commitButton.setAttribute("aria-label", `Commit and run ${this.name}`);
    this.retryButton = button("Run", `Run ${this.name}`, () => this.reveal());
    this.retryButton.hidden = true;
    this.status = element("span", { className: "run-status", role: "status" });
    this.bar = element("div", { className: "run-bar" }, this.commitButton, this.retryButton, this.status);
    this.form.append(this.answers(), this.bar);
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.commit();
    });
    this.result = element("div", { className: "course-details", role: "status" });
    box.querySelector(".course-terminal").replaceWith(this.form, this.result);
    mark(box.querySelector(".course-mark"), this.anchor);
    if (this.entry.committed !== undefined) this.lock();
    if (this.entry.came !== undefined) this.show();
    else if (this.entry.committed !== undefined) this.retryButton.hidden = false;
  }

  get name() {
    return this.box.querySelector(".course-title").textContent;
  }

  // The choices, or a line to type a number into.
  answers() {
    const { id, choices } = this.prediction;
    if (!choices.length) {
      const field = element("input", { type: "text", inputMode: "decimal", name: id, autocomplete: "off", size: 12 });
      return element("label", { className: "course-answer" }, "Your prediction: ", field);
    }
    const legend = element("legend", { textContent: "Your prediction" });
    return element("fieldset", { className: "course-answer" }, legend, ...choices.map((value) =>
      element("label", {}, element("input", { type: "radio", name: id, value }), ` ${value}`)));
  }

  // What has been typed or chosen; the first step to a commitment, which nothing takes back.
  commit() {
    if (this.entry.committed !== undefined) return;
    const typed = String(new FormData(this.form).get(this.prediction.id) ?? "").trim();
    const number = /^[+-]?(\d[\d,]*\.?\d*|\.\d+)(e[+-]?\d+)?\s*%?$/i;
    if (!typed || (!this.prediction.choices.length && !number.test(typed))) {
      this.status.textContent = this.prediction.choices.length
        ? "Choose one first; then it runs"
        : "Type a number first; then it runs";
      return;
    }
    this.entry.committed = typed;
    save(this.anchor, this.entry);
    this.lock();
    return this.reveal();
  }

  lock() {
    const { committed } = this.entry;
    for (const field of this.form.querySelectorAll("input")) {
      if (field.type === "radio") field.checked = field.value === committed;
      else field.value = committed;
      field.disabled = true;
    }
    this.commitButton.hidden = true;
  }

  async reveal() {
    const { id, seconds } = this.prediction;
    this.retryButton.hidden = true;
    const found = await ask(this.page, "reveal", [id, this.entry.committed], seconds, (words) => {
      this.status.textContent = words === "Checking" ? "Running" : words;
    });
    this.status.textContent = "";
    if (found.came === undefined) {
      this.status.textContent = found.error ?? found.words ?? "Stopped";
      this.retryButton.hidden = false;
      return;
    }
    const { came, right, explanation } = found;
    Object.assign(this.entry, { came, right, explanation });
    save(this.anchor, this.entry);
    mark(this.box.querySelector(".course-mark"), this.anchor);
    this.show();
  }

  show() {
    const { committed, came, right, explanation } = this.entry;
    this.bar.hidden = true;
    const headline = element("p", { className: "course-headline" },
      sign(right ? "✓" : "≠"), ` ${right ? "As you predicted" : "Not as you predicted"}: you said `,
      element("strong", { textContent: committed }), ", and it printed ",
      element("strong", { textContent: came }), ".");
    headline.dataset.state = right ? "passed" : "failed";
    this.result.replaceChildren(headline, element("p", {}, ...prose(explanation)),
      ...(right ? [] : [rereadLink(this.prediction.heading, this.prediction.reread)]));
  }
}

// One block of examples: its buttons, its editor, what it printed, and how that compares.
import { editorOf } from "./editor.js";
import { button, element, swap } from "./element.js";
import { about, codeOf, examplesOf } from "./examples.js";

const VERDICTS = {
  same: ["✓", "Same output as printed"],
  differs: ["≠", "The output differs from the printed one"],
  ran: ["✓", "Ran your version"],
  failed: ["✗", "Ended with an error"],
  stopped: ["■", "Stopped; Run starts Python again"],
};

export class Block {
  constructor(page, number, pre, seconds) {
    Object.assign(this, { page, number, took: 0, outcome: null, printed: "", editor: null });
    this.host = pre.closest("[class*=highlight-]") ?? pre;
    this.text = pre.textContent;
    this.source = this.text; // what Run runs; the page compares it with what has been run
    const example = `example ${number + 1}`;
    this.runButton = button("Run", `Run ${example}`, () => page.run(number));
    this.stopButton = button("Stop", `Stop ${example}`, () => page.python.stop());
    this.editButton = button("Edit", `Edit ${example}`, () => this.toggleEditor());
    this.againButton = button("From the top", `From the top, run to ${example}`, () =>
      page.run(number, true));
    this.stopButton.hidden = this.againButton.hidden = true;
    this.status = element("span", { className: "run-status", role: "status" });
    this.meter = element("progress", { hidden: true, max: 1 });
    this.meter.setAttribute("aria-label", `Progress of ${example}`);
    this.clock = element("span", { className: "run-clock" });
    if (seconds >= 3) this.clock.textContent = `takes ${about(seconds)} in a browser`;
    this.bar = element("div", { className: "run-bar", role: "group", ariaLabel: `Example ${number + 1}` },
      this.runButton, this.stopButton, this.editButton, this.againButton,
      this.status, this.meter, this.clock);
    this.bar.id = `example-${number + 1}`;
    this.output = element("pre", { className: "run-output", hidden: true, tabIndex: 0, role: "region" });
    this.output.setAttribute("aria-label", `Output of ${example}`);
    this.host.classList.add("run-host");
    this.host.after(this.bar, this.output);
  }

  // --- The editor ------------------------------------------------------------------------------

  toggleEditor() {
    if (this.editor) {
      this.editor.remove();
      this.editor = null;
      this.source = this.text;
    } else {
      const code = codeOf(this.text);
      this.editor = editorOf({
        code, label: `Code of example ${this.number + 1}`, verb: "runs",
        run: () => this.page.run(this.number),
        changed: (text) => { this.source = text + "\n"; },
      });
      this.source = code + "\n";
      this.host.after(this.editor);
      this.editor.focus();
    }
    this.host.hidden = Boolean(this.editor);
    this.editButton.textContent = this.editor ? "Restore" : "Edit";
    this.editButton.setAttribute("aria-label", `${this.editButton.textContent} example ${this.number + 1}`);
  }

  // --- A run -----------------------------------------------------------------------------------

  // `target` is the block whose Run was pressed; this one may be one of those before it.
  async execute(python, { startOver, expected, target }) {
    const examples = this.editor ? [[this.source, null]] : examplesOf(this.text);
    this.begin(expected);
    this.outcome = await python.run(examples, {
      text: (text) => this.print(text),
      state: (state) => {
        if (state === "running") {
          this.started = performance.now(); // without the start of Python, which comes only once
          this.say("", "Running", state);
        } else target.say("", `${capital(state)} …`, "starting");
      },
      progress: (step, steps, loss) => {
        this.progress = `step ${step} of ${steps}, loss ${loss.toFixed(3)}, `;
        this.meter.value = step / steps;
      },
    }, startOver);
    this.end();
    return this.outcome;
  }

  begin(expected) {
    this.stopTimers();
    this.printed = "";
    this.output.textContent = "";
    this.output.hidden = true;
    this.againButton.hidden = true;
    this.progress = "";
    this.began = this.started = performance.now();
    this.runButton.setAttribute("aria-disabled", "true");
    this.meter.removeAttribute("value");
    this.say("", "Running", "running");
    // A light example is over before anything has to move.
    this.timers = [
      setTimeout(() => swap(this.runButton, this.stopButton), 150),
      setInterval(() => this.tick(expected), 250),
      setInterval(() => this.say("", `Running, ${this.progress}${this.elapsed()} s`, "running"), 15000),
    ];
  }

  elapsed() {
    return Math.floor((performance.now() - this.began) / 1000);
  }

  tick(expected) {
    const seconds = this.elapsed();
    if (seconds < 1) return;
    this.meter.hidden = false;
    if (!this.progress && expected >= 3) this.meter.value = Math.min(seconds / expected, 0.95);
    const of = !this.progress && expected >= 3 ? ` of ${about(expected)}` : "";
    this.clock.textContent = `${this.progress}${seconds} s${of}`;
  }

  print(text) {
    this.printed += text;
    this.output.append(text);
    this.output.hidden = false;
  }

  end() {
    this.stopTimers();
    this.took = (performance.now() - this.started) / 1000;
    swap(this.stopButton, this.runButton);
    this.runButton.removeAttribute("aria-disabled");
    this.meter.hidden = true;
    this.clock.textContent = this.took >= 1 ? `${this.took.toFixed(1)} s` : "";
    this.output.hidden = this.outcome === "same" || !this.printed;
    this.say(...VERDICTS[this.outcome], this.outcome);
  }

  stopTimers() {
    for (const timer of this.timers ?? []) clearTimeout(timer); // an interval ends in the same way
    this.timers = [];
  }

  say(sign, words, state) {
    this.bar.dataset.state = state;
    this.status.replaceChildren();
    if (sign) {
      const mark = element("span", { className: "run-sign", textContent: sign });
      mark.ariaHidden = "true";
      this.status.append(mark, " ");
    }
    this.status.append(words);
  }

  // Blocks before this one come first; it can be stopped meanwhile.
  wait(words) {
    this.say("", `Runs ${words}`, "waiting");
    this.timers = [setTimeout(() => swap(this.runButton, this.stopButton), 150)];
  }

  // One of them ended badly.
  giveUp(block) {
    this.stopTimers();
    swap(this.stopButton, this.runButton);
    this.say("", "", "failed");
    const link = element("a", { href: `#${block.bar.id}`, textContent: `example ${block.number + 1}` });
    this.status.replaceChildren("Not run: ", link, ` ${block.outcome === "failed" ? "ended with an error" : "was stopped"}`);
  }

  // It did not run where it stands on the page, but after examples that come later, or after itself.
  sayAgain(later) {
    const [sign, verdict] = VERDICTS[this.outcome];
    const again = `it ran again${later ? ", after later examples" : ""}`;
    if (this.outcome === "differs") this.say(sign, `Differs from the printed output: ${again}`, this.outcome);
    else if (later) this.say(sign, `${verdict}; ${again}`, this.outcome);
    else return;
    this.againButton.hidden = false;
  }
}

const capital = (words) => words[0].toUpperCase() + words.slice(1);

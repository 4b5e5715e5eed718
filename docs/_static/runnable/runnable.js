// Gives every `>>>` block of the page its Run, Edit and Stop. Nothing is fetched until Run.
import { Block } from "./block.js";
import { about } from "./examples.js";
import { Python } from "./python.js";

const REPEAT_AT_MOST = 3; // seconds of earlier examples that are quietly run again

class Page {
  constructor({ pyodide, archive, seconds }) {
    const at = (address) => new URL(address, document.baseURI).href;
    this.python = new Python({ pyodide: at(pyodide), archive: at(archive) });
    this.seconds = seconds ? JSON.parse(seconds) : {}; // recorded for long blocks, by number
    this.speed = 1; // this computer's seconds for one of the record's
    this.done = []; // the sources that made the present names, in order
    this.busy = Promise.resolve();
    const hosts = [...document.querySelectorAll(".highlight > pre")]
      .filter((pre) => pre.textContent.startsWith(">>>"));
    this.blocks = hosts.map((pre, i) => new Block(this, i, pre, this.seconds[i] ?? 0));
  }

  // What to run for a block: the blocks before it and itself, less those that have just run. If it
  // ran already, or an earlier one has changed, the page is run again from its top, so that the
  // same page prints the same; unless that takes long: then the block goes on from where we are.
  plan(last) {
    const wanted = this.blocks.slice(0, last + 1);
    if (this.python.forgotten) this.done = [];
    const fresh = this.done.length <= last
      && this.done.every((source, i) => source === wanted[i].source);
    if (fresh) return { blocks: wanted.slice(this.done.length), startOver: false };
    const cost = wanted.slice(0, last).reduce((sum, block) => sum + block.took, 0);
    if (cost <= REPEAT_AT_MOST) return { blocks: wanted, startOver: true };
    const missing = wanted.slice(this.done.length, last);
    const later = this.done.length > last + 1;
    return { blocks: [...missing, wanted[last]], startOver: false, again: true, later };
  }

  // Run a block after all that it needs; several clicks queue up.
  run(last, fromTop = false) {
    return this.queue(() => this.carryOut(last, fromTop));
  }

  // Do something with Python when nobody else does.
  queue(action) {
    this.busy = this.busy.then(action);
    return this.busy;
  }

  async carryOut(last, fromTop) {
    const target = this.blocks[last];
    const plan = fromTop
      ? { blocks: this.blocks.slice(0, last + 1), startOver: true }
      : this.plan(last);
    if (plan.startOver) this.done = [];
    const expected = plan.blocks.reduce((sum, block) => sum + this.expect(block), 0);
    if (plan.blocks.length > 1) {
      const time = expected >= 3 ? `, ${about(expected)} in all` : "";
      target.wait(`after ${count(plan.blocks.length - 1)}${time}`);
    }
    let { startOver } = plan;
    for (const block of plan.blocks) {
      const outcome = await block.execute(this.python, {
        startOver, target, expected: this.expect(block),
      });
      startOver = false;
      if (outcome === "failed" || outcome === "stopped") {
        if (this.python.forgotten) this.done = [];
        else this.done.length = Math.min(this.done.length, block.number);
        if (block !== target) target.giveUp(block);
        return;
      }
      this.done[block.number] = block.source;
      if (this.seconds[block.number]) this.speed = block.took / this.seconds[block.number];
    }
    if (plan.again) target.sayAgain(plan.later);
  }

  // Seconds that a block will take here.
  expect(block) {
    return (this.seconds[block.number] ?? 0) * this.speed;
  }
}

const count = (n) => (n === 1 ? "the example before it" : `the ${n} examples before it`);

const tag = document.querySelector("script[data-archive]");
const page = new Page(tag.dataset);

// For the checks in tests/site: run everything, and say how each block went.
window.runnable = {
  page,
  async runAll() {
    await page.run(page.blocks.length - 1);
    return page.blocks.map(({ outcome, printed, took }) => ({ outcome, printed, took }));
  },
};

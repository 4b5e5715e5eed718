// Python, as the page sees it: examples go to a worker, and what they print comes back.

export class Python {
  // `where` has the addresses of Pyodide and of the archive with the package.
  constructor(where) {
    this.where = where;
    this.worker = null;
    this.job = null;
    this.forgotten = true; // nothing has run since the worker was started
    this.serial = 0;
  }

  // Run [source, printed] pairs; `on` hears of text, progress and state. Resolves to "same", "ran",
  // "differs", "failed" or "stopped". One block at a time: the page waits for each.
  run(examples, on, startOver = false) {
    return this.send({ examples, startOver }, on);
  }

  // Call a function of session.py that returns JSON; resolves to that text, "failed" or "stopped".
  call(name, args, on) {
    return this.send({ call: { name, args } }, on);
  }

  send(request, on) {
    if (location.protocol === "file:") {
      on.text("A page that was opened as a file cannot start Python. " +
        "Serve the folder, with: python -m http.server\n");
      return Promise.resolve("failed");
    }
    this.worker ??= this.start();
    this.forgotten &&= Boolean(request.call); // a call leaves the names of the page alone
    return new Promise((resolve) => {
      this.job = { id: ++this.serial, on, resolve };
      this.worker.postMessage({ id: this.serial, where: this.where, ...request });
    });
  }

  start() {
    const worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
    worker.onmessage = ({ data }) => {
      if (!this.job) return;
      const { id, on } = this.job;
      if (data.state) on.state(data.state);
      if (data.id !== id) return;
      if (data.text) on.text(data.text);
      if (data.progress) on.progress(...data.progress);
      if (data.outcome) this.finish(data.outcome);
    };
    worker.onerror = (event) => {
      this.job?.on.text(`Python cannot be started: ${event.message ?? "the worker failed"}\n`);
      this.end("failed");
    };
    return worker;
  }

  // The only way to end a computation is to end its worker, with all that it remembers.
  stop() {
    this.end("stopped");
  }

  end(outcome) {
    this.worker?.terminate();
    this.worker = null;
    this.forgotten = true;
    this.finish(outcome);
  }

  finish(outcome) {
    const job = this.job;
    this.job = null;
    job?.resolve(outcome);
  }
}

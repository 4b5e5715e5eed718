// Asks the Python of the page, with a limit of time: what has not ended by then is ended.

// Calls a function of session.py. `on` hears of what the reader waits for. Resolves to what it
// returned, or to { ended: "time" | "crash" | "reader" | "unavailable", words }.
export function ask(page, name, args, seconds, on) {
  const free = { now: false };
  const asked = page.queue(async () => {
    free.now = true;
    let running = false, timer = null, late = false, words = "";
    const limit = () => {
      late = true;
      page.python.stop();
    };
    const outcome = await page.python.call(name, args, {
      text: (text) => { words += text; },
      progress: () => {},
      state: (state) => {
        running = state === "running";
        on(running ? "Checking" : `${state[0].toUpperCase()}${state.slice(1)} …`);
        if (running) timer = setTimeout(limit, seconds * 1000); // its start does not count
      },
    });
    clearTimeout(timer);
    if (outcome === "stopped") return { ended: late ? "time" : "reader" };
    if (outcome !== "failed") return JSON.parse(outcome);
    page.python.end("failed"); // a worker whose Python has died
    return { ended: running ? "crash" : "unavailable", words };
  });
  if (!free.now) setTimeout(() => free.now || on("Waits for an example that runs"), 100);
  return asked;
}

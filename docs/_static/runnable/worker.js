// A worker: Python runs here, beside the page, so that no computation can freeze it.
import { speedUpNumpy, withMemory } from "./numpy.js";

const HOME = "/home/pyodide"; // the folder Python starts in; the repository's top, as it were

let session = null; // a promise of session.py's functions

async function start({ pyodide: from, archive }) {
  const tell = (state) => postMessage({ state });
  tell("fetching Python (9 MB, only once)");
  const fetching = fetch(archive); // while Python is fetched
  fetching.catch(() => {}); // reported below
  const { loadPyodide } = await import(from + "pyodide.mjs");
  const { pyodide, memory } = await withMemory(() =>
    loadPyodide({ indexURL: from, packageBaseUrl: from, packages: ["numpy"] }));
  tell("starting Python");
  const answer = await fetching;
  if (!answer.ok) throw new Error(`${archive}: ${answer.status} ${answer.statusText}`);
  pyodide.unpackArchive(await answer.arrayBuffer(), "zip", { extractDir: HOME });
  speedUpNumpy(pyodide, memory);
  pyodide.runPython(`import importlib, os, sys
importlib.invalidate_caches()
os.chdir("${HOME}")
sys.path.insert(0, "${HOME}")`);
  return pyodide.pyimport("page_session");
}

onmessage = async ({ data: { id, where, examples, startOver, call } }) => {
  try {
    session ??= start(where);
    const python = await session;
    postMessage({ state: "running" });
    if (call) {
      postMessage({ id, outcome: python[call.name](...call.args) });
      return;
    }
    if (startOver) python.start_over();
    const outcome = python.run_block(
      examples.map(([source, printed]) => [source, printed ?? undefined]),
      (text) => postMessage({ id, text }),
      (progress) => postMessage({ id, progress: progress.toJs() }),
    );
    postMessage({ id, outcome });
  } catch (error) {
    postMessage({ id, outcome: "failed", text: `Python cannot be started or has died: ${error}\n` });
    session = null;
  }
};

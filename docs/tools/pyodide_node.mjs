// Python on WebAssembly under Node.js, as the pages serve it: the same Pyodide, the same archive with
// the package, the same loops for NumPy.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

import { speedUpNumpy, withMemory } from "../_static/runnable/numpy.js";

export const HOME = "/home/pyodide";
export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");

// The folder of Pyodide with a slash at its end; the program ends if there is none.
export function pyodideIn(folder) {
  const from = path.resolve(folder) + path.sep;
  if (!fs.existsSync(from + "pyodide.mjs")) {
    console.error(`there is no Pyodide in ${from}: run python docs/tools/fetch_vendor.py`);
    process.exit(2);
  }
  return from;
}

// What travels to the reader's browser.
export function readerArchive() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "reader-"));
  const file = path.join(folder, "reader.zip");
  const python = process.env.PYTHON ?? "python3";
  execFileSync(python, [path.join(root, "docs/_ext/reader_archive.py"), file], { stdio: "inherit" });
  const bytes = new Uint8Array(fs.readFileSync(file)); // a Buffer is not known to Pyodide
  fs.rmSync(folder, { recursive: true });
  return bytes;
}

// An interpreter of its own, as each page has one in a browser.
export async function start(from, archive, fuse) {
  const { loadPyodide } = await import(pathToFileURL(from + "pyodide.mjs"));
  const { pyodide, memory } = await withMemory(() =>
    loadPyodide({ indexURL: from, packageBaseUrl: from, packageCacheDir: from, packages: ["numpy"] }));
  pyodide.unpackArchive(archive, "zip", { extractDir: HOME });
  if (!speedUpNumpy(pyodide, memory, fuse)) throw new Error("NumPy's loops could not be replaced");
  pyodide.runPython(`import sys; sys.path.insert(0, "${HOME}")`);
  return pyodide;
}

// Without this, node prints the line that threw, and that is a megabyte of Pyodide.
process.on("uncaughtException", (error) => {
  console.error(String(error?.stack ?? error).slice(0, 3000));
  process.exit(1);
});

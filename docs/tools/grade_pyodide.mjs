// Asks the grader of the course on WebAssembly what a page asks of it:
//
//     node docs/tools/grade_pyodide.mjs [--no-fma] vendor/pyodide <asked.json >answers.json
//
// Names of functions of docs/_static/runnable/session.py that return JSON, each with a list of
// arguments to call it with: {"grade": [["linear", "def linear(x, W): ..."], ...]}. The answers have
// the same names.
import fs from "node:fs";
import { parseArgs } from "node:util";

import { canFuse } from "../_static/runnable/numpy.js";
import { pyodideIn, readerArchive, start } from "./pyodide_node.mjs";

const { values: options, positionals: [folder] } = parseArgs({
  allowPositionals: true,
  options: { "no-fma": { type: "boolean" } },
});
if (!folder) {
  console.error("usage: node docs/tools/grade_pyodide.mjs [--no-fma] vendor/pyodide <asked.json");
  process.exit(2);
}
const asked = JSON.parse(fs.readFileSync(0, "utf-8"));
const python = await start(pyodideIn(folder), readerArchive(), !options["no-fma"] && canFuse());
const session = python.pyimport("page_session");

const answers = Object.entries(asked).map(([name, calls]) =>
  [name, calls.map((args) => JSON.parse(session[name](...args)))]);
process.stdout.write(JSON.stringify(Object.fromEntries(answers)));

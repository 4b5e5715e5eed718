// Grades answers on WebAssembly, as a page does: the verdicts of a list of [step, text].
//
//     node docs/tools/grade_pyodide.mjs [--no-fma] vendor/pyodide <answers.json >verdicts.json
//
// Each verdict has the JSON that the grader gives and the seconds that it took, and the first one
// what it takes to import the course.
import fs from "node:fs";
import { parseArgs } from "node:util";

import { canFuse } from "../_static/runnable/numpy.js";
import { pyodideIn, readerArchive, start } from "./pyodide_node.mjs";

const { values: options, positionals: [folder] } = parseArgs({
  allowPositionals: true,
  options: { "no-fma": { type: "boolean" } },
});
if (!folder) {
  console.error("usage: node docs/tools/grade_pyodide.mjs [--no-fma] vendor/pyodide <answers.json");
  process.exit(2);
}
const fuse = !options["no-fma"] && canFuse();
const answers = JSON.parse(fs.readFileSync(0, "utf-8"));
const python = await start(pyodideIn(folder), readerArchive(), fuse);
const session = python.pyimport("page_session");
const verdicts = answers.map(([step, text]) => {
  const began = performance.now();
  const verdict = JSON.parse(session.grade(step, text));
  return { verdict, seconds: (performance.now() - began) / 1000 };
});
process.stdout.write(JSON.stringify(verdicts));

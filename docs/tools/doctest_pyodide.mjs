// The doctests of pages on WebAssembly, as a reader's browser would run them:
//
//     node docs/tools/doctest_pyodide.mjs [--times] [--no-fma] vendor/pyodide book/*.md
//
// Python is the one that the pages serve, the package comes out of the same archive, and the
// doctest module is Python's own. With --times, how long the long blocks took is written to
// docs/_ext/example_times.json, from where the pages announce it; to begin that list anew, make it {}.
// Products are added with a single rounding (FMA) where Node.js knows how, from version 21 on;
// --no-fma does without, as browsers do that do not.
import fs from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";

import { canFuse } from "../_static/runnable/numpy.js";
import { pyodideIn, readerArchive, root, start } from "./pyodide_node.mjs";

const { values: options, positionals: [folder, ...pages] } = parseArgs({
  allowPositionals: true,
  options: { times: { type: "boolean" }, "no-fma": { type: "boolean" } },
});
const fuse = !options["no-fma"] && canFuse();
if (!folder || !pages.length) {
  console.error(
    "usage: node docs/tools/doctest_pyodide.mjs [--times] [--no-fma] vendor/pyodide PAGE.md ...");
  process.exit(2);
}
const from = pyodideIn(folder);

const DOCTEST = `
import doctest, hashlib, re

class Runner(doctest.DocTestRunner):
    """Notes how long every example takes."""
    def report_start(self, out, test, example):
        self.began = processor_seconds()
    def report_success(self, out, test, example, got):
        self.seconds[example.lineno] = processor_seconds() - self.began

def run_page(name, text):
    """How many examples ran and failed, and the seconds of every block that takes long."""
    runner = Runner()
    runner.seconds = {}
    test = doctest.DocTestParser().get_doctest(text, {"__name__": "__main__"}, name, name, 0)
    result = runner.run(test)
    long = {}
    for block in re.finditer(r"(?ms)^\`\`\`pycon\\n(>>>.*?)^\`\`\`", text):
        first, last = (text.count("\\n", 0, block.end(i)) for i in (0, 1))
        begin = text.count("\\n", 0, block.start())
        seconds = sum(s for line, s in runner.seconds.items() if begin <= line <= first)
        if seconds >= 1:
            key = hashlib.sha256(block[1].strip().encode()).hexdigest()[:12]
            long[key] = float(f"{seconds:.2g}")
    return result.attempted, result.failed, long
`;

const archive = readerArchive();
const times = path.join(root, "docs/_ext/example_times.json");
const seconds = JSON.parse(fs.readFileSync(times, "utf-8"));
let failed = 0;
console.log(`products are added ${fuse ? "with" : "without"} FMA`);
for (const page of pages) {
  const text = fs.readFileSync(page, "utf-8");
  if (!text.includes("```pycon")) continue;
  const began = performance.now();
  const python = await start(from, archive, fuse);
  python.runPython(DOCTEST);
  python.globals.set("page", page);
  python.globals.set("text", text);
  python.globals.set("processor_seconds", () => { // not disturbed by what else the machine does
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  const [attempted, wrong, long] = python.runPython("run_page(page, text)").toJs();
  Object.assign(seconds, long);
  if (options.times) fs.writeFileSync(times, JSON.stringify(seconds, null, 1) + "\n");
  failed += wrong;
  const took = (performance.now() - began) / 1000;
  console.log(`${wrong ? "FAIL" : "ok  "}  ${page}: ${attempted} examples, ${wrong} failed, ` +
    `${took.toFixed(1)} s`);
}
process.exit(failed ? 1 : 0);

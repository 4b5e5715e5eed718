// The reader's work, kept in the browser: one entry for each step and prediction, by its anchor.
const PREFIX = "three-values/course/";
const FORMAT = { course: "three-values", version: 1 };
const LONGEST = 200_000; // characters of an answer; the grader's own limit

let lost = null; // entries of this visit only, where the browser keeps nothing

function kept() {
  try {
    localStorage.setItem(`${PREFIX}?`, "1");
    localStorage.removeItem(`${PREFIX}?`);
    return true;
  } catch {
    return false;
  }
}
export const keeps = kept();
if (!keeps) lost = new Map();

// What is known of a step or a prediction; an object without entries if nothing is.
export function load(anchor) {
  try {
    const text = keeps ? localStorage.getItem(PREFIX + anchor) : lost.get(anchor);
    return JSON.parse(text ?? "{}");
  } catch {
    return {}; // not written by this page
  }
}

// Whether it has been kept: a full store keeps nothing more.
export function save(anchor, entry) {
  try {
    const text = JSON.stringify(entry);
    if (keeps) localStorage.setItem(PREFIX + anchor, text);
    else lost.set(anchor, text);
    return keeps;
  } catch {
    return false;
  }
}

export function forget(anchor) {
  if (keeps) localStorage.removeItem(PREFIX + anchor);
  else lost.delete(anchor);
}

export function anchors() {
  const names = keeps ? Object.keys(localStorage) : [...lost.keys()].map((name) => PREFIX + name);
  return names.filter((name) => name.startsWith(PREFIX)).map((name) => name.slice(PREFIX.length)).sort();
}

// "passed", "begun" or "" of a step; "answered" or "" of a prediction.
export function stateOf(anchor) {
  const { verdict, text, came } = load(anchor);
  if (anchor.startsWith("prediction-")) return came ? "answered" : "";
  if (verdict?.status === "passed") return "passed";
  return verdict || text ? "begun" : "";
}

// --- One's work as a file ------------------------------------------------------------------------

export function exported() {
  const work = Object.fromEntries(anchors().map((anchor) => [anchor, load(anchor)]));
  return JSON.stringify({ ...FORMAT, work }, null, 1) + "\n";
}

// Take entries from a file's text: `known` are the anchors of this book. Those of the file replace
// those that are here, the others stay. Returns what it did and how to undo it; throws an Error that
// says what is wrong with the file.
export function take(text, known) {
  const found = entriesOf(text);
  const wanted = Object.entries(found).filter(([anchor]) => known.includes(anchor));
  const before = wanted.map(([anchor]) => [anchor, load(anchor)]);
  const undo = () => before.forEach(([anchor, entry]) => {
    if (Object.keys(entry).length) save(anchor, entry);
    else forget(anchor);
  });
  if (!wanted.every(([anchor, entry]) => save(anchor, entry)) && keeps) {
    undo();
    throw new Error("This browser has no room for it; nothing was changed.");
  }
  const replaced = before.filter(([, entry]) => Object.keys(entry).length).length;
  return { taken: wanted.length, replaced, unknown: Object.keys(found).length - wanted.length, undo };
}

function entriesOf(text) {
  let found;
  try {
    found = JSON.parse(text);
  } catch {
    throw new Error("This is no JSON file; expected one that Export has made.");
  }
  if (found?.course !== FORMAT.course || typeof found.work !== "object" || !found.work) {
    throw new Error("This JSON file is not an export of this course; expected one that Export has made.");
  }
  if (found.version !== FORMAT.version) {
    throw new Error(`This file has version ${found.version}; this page reads version ${FORMAT.version}.`);
  }
  return Object.fromEntries(Object.entries(found.work).map(([anchor, entry]) => [anchor, checked(anchor, entry)]));
}

const KINDS = {
  text: "string", hints: "number", verdict: "object", changed: "boolean", // of a step
  committed: "string", came: "string", right: "boolean", explanation: "string", // of a prediction
};

// An entry with what a page reads of it, and nothing else.
function checked(anchor, entry) {
  for (const [key, value] of Object.entries(entry ?? {})) {
    const right = KINDS[key] === typeof value && value !== null && (value.length ?? 0) <= LONGEST;
    if (!right) throw new Error(`The entry ${anchor} has a ${key} that no page writes; nothing was changed.`);
  }
  return { ...entry };
}

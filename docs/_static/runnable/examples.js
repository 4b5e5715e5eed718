// The examples of a page: what stands behind the prompts, and what was printed.

// A block of `>>>` examples becomes [source, printed] pairs, as doctest reads it.
export function examplesOf(text) {
  const examples = [];
  let source = null, printed = null;
  const finish = () => {
    if (source) examples.push([source.join("\n") + "\n", printed.map((line) => line + "\n").join("")]);
  };
  for (const line of text.replace(/\s+$/, "").split("\n")) {
    const match = /^(>>>|\.\.\.)(?: (.*))?$/.exec(line);
    if (match?.[1] === ">>>") {
      finish();
      source = [match[2] ?? ""];
      printed = [];
    } else if (match && printed?.length === 0) {
      source.push(match[2] ?? "");
    } else {
      printed?.push(line);
    }
  }
  finish();
  return examples;
}

// The same block without prompts and printed values, to be edited.
export function codeOf(text) {
  return examplesOf(text).map(([source]) => source).join("").trimEnd();
}

// "about 40 s": honest to no more digits than a stranger's computer allows.
export function about(seconds) {
  if (seconds < 90) return `about ${seconds < 10 ? Math.ceil(seconds) : 5 * Math.ceil(seconds / 5)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes === 1 ? "about a minute" : `about ${minutes} minutes`;
}

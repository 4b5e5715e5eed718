// The editor of an example and of a step of the course: a text area that knows how Python is indented.
import { element } from "./element.js";

// `run` is called on Control+Enter, `changed` with the text whenever it has changed.
export function editorOf({ code, label, verb, run, changed }) {
  const editor = element("textarea", {
    className: "run-editor", value: code, rows: code.split("\n").length + 1, spellcheck: false,
    autocapitalize: "off", autocomplete: "off", title: `Ctrl+Enter ${verb} it`,
  });
  editor.setAttribute("aria-label", `${label}; Control Enter ${verb} it`);
  editor.addEventListener("input", () => changed(editor.value));
  editor.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    if (event.ctrlKey || event.metaKey || event.shiftKey) {
      event.preventDefault();
      run();
    } else breakLine(editor, event);
  });
  return editor;
}

// The next line begins where this one did, a step further after a colon.
function breakLine(editor, event) {
  const before = editor.value.slice(0, editor.selectionStart);
  const indent = /[^\n]*$/.exec(before)[0].match(/^ */)[0] + (/:\s*$/.test(before) ? "    " : "");
  if (!indent) return;
  event.preventDefault();
  editor.setRangeText("\n" + indent, editor.selectionStart, editor.selectionEnd, "end");
  editor.dispatchEvent(new Event("input"));
}

// Elements of a page, made in one line.

export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

export function button(label, name, action) {
  const made = element("button", { type: "button", textContent: label });
  made.setAttribute("aria-label", name);
  made.addEventListener("click", action);
  return made;
}

// One button takes the place of the other, and its focus.
export function swap(from, to) {
  const focused = document.activeElement === from;
  from.hidden = true;
  to.hidden = false;
  if (focused) to.focus();
}

// Run by make_pdf.py in the page that has the whole book: bring its parts into the order and the
// headings of a printed book. Takes the cover as an address; returns what became of each part.
(cover) => {
  document.documentElement.dataset.theme = document.body.dataset.theme = "light";
  document.body.classList.add("whole-book");
  const article = document.querySelector("article");
  const make = (tag, className, ...children) => {
    const element = Object.assign(document.createElement(tag), { className });
    element.append(...children);
    return element;
  };

  // Every page follows an empty span with its name. Taken out, they leave the front page behind.
  const spans = [...article.querySelectorAll("span[id^='document-']")];
  const pages = spans.map((span) => [span.id.slice("document-".length), span.nextElementSibling]);
  for (const [, section] of pages) section.remove();
  const front = article.querySelector("section");
  for (const contents of front.querySelectorAll(".toctree-wrapper")) contents.remove();

  // Names that are unique on a page are not in the whole book: put the page's name before them.
  const all = [["book/index", front], ...pages];
  for (const [name, section] of all) {
    for (const element of [section, ...section.querySelectorAll("[id]")]) {
      if (element.id) element.id = `${name}:${element.id}`;
    }
    section.prepend(Object.assign(document.createElement("a"), { id: `${name}:` }));
    for (const link of section.querySelectorAll("a[href^='#']")) {
      const [, page, anchor] = /^#(?:document-([^#]*))?#?(.*)$/.exec(link.getAttribute("href"));
      link.setAttribute("href", `#${page ?? name}:${anchor}`);
    }
  }

  // Headings: a chapter's is h1, and those below follow it; solutions and tables are one lower.
  const relevel = (section, top) => {
    const headings = [...section.querySelectorAll("h1, h2, h3, h4, h5, h6")];
    const shift = top - Math.min(...headings.map((heading) => Number(heading.tagName[1])));
    for (const heading of headings) {
      const level = Math.min(6, Number(heading.tagName[1]) + shift);
      const renamed = make(`h${level}`, heading.className, ...heading.childNodes);
      if (heading.id) renamed.id = heading.id;
      heading.replaceWith(renamed);
    }
    return section.querySelector(`h${top}`);
  };

  const book = make("div", "book"), list = make("ol", "");
  const enter = (text, name, className = "") => {
    list.append(make("li", className, Object.assign(make("a", "", text), { href: `#${name}` })));
  };
  const chapters = /^book\/(\d|model$|muon$|recipes$|scale$)/;  // and the pages that stand between them
  const parts = {
    Solutions: /^book\/solutions\//,
    Reference: /^book\/(?!\d|index|solutions|model$|muon$|recipes$|scale$)/,
  };
  const add = (name, section, top, numbered) => {
    section.classList.add("chapter");
    const heading = relevel(section, top);
    heading.querySelector(".headerlink")?.remove();
    if (numbered) heading.prepend(`${Number(/\d+/.exec(name)[0])}. `);
    book.append(section);
    enter(heading.textContent, `${name}:`, name === "book/index" ? "part" : "");
  };
  add("book/index", front, 1, false);
  for (const [name, section] of pages) {
    if (chapters.test(name)) add(name, section, 1, /\d/.test(name));
  }
  for (const [title, pattern] of Object.entries(parts)) {
    const heading = Object.assign(make("h1", "part", title), { id: `part:${title}` });
    const opening = make("section", "chapter part-title", heading);
    book.append(opening);
    enter(title, `part:${title}`, "part");
    for (const [name, section] of pages) if (pattern.test(name)) add(name, section, 2, false);
  }
  for (const hint of book.querySelectorAll("details")) hint.open = true;

  const image = Object.assign(new Image(), { src: cover, alt: "Three Values" });
  const contents = make("nav", "book-contents", make("h1", "", "Contents"), list);
  document.body.replaceChildren(make("div", "book-cover", image), contents, book);

  // A link that leads to nothing, into the API reference say, is plain text on paper.
  let dropped = 0;
  for (const link of book.querySelectorAll("a[href^='#']")) {
    if (!document.getElementById(link.getAttribute("href").slice(1))) {
      link.replaceWith(...link.childNodes);
      dropped += 1;
    }
  }
  return { pages: book.querySelectorAll("section.chapter").length, dropped };
}

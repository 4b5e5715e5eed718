"""Sphinx: the graded steps of the course on the pages of their chapters, and a table of them all.

Whatever is shown comes from the definitions in `ternary.course`; no page of the book lists a step.
A step of the program stands at the beginning of "Our program so far", before the listing that has
its answer; steps beside the program and predictions stand at the end of "Exercises". What the
reader does with them is the work of the scripts in ``docs/_static/course``; without scripts a page
shows the stubs and says how to check them in a terminal. ``{course-progress}`` is the table.
"""

import json
import re
from html import escape

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from ternary.course import PREDICTIONS, STEPS, Prediction, Step, ended, program
from ternary.course.limits import SECONDS

PAGE = "docs/course-progress"
CHAPTER = re.compile(r"book/\d\d-(?P<page>.+)")
LEADS = {
    "Our program so far": "Write it yourself, before you read ours. What is graded here is the "
    "function alone; what comes before it in the program is there.",
    "Exercises": "Graded steps and predictions to this chapter.",
}
# Around the book's own answer.
LISTING = '<details class="course-listing" open><summary>This part of the program</summary>'


class progress_table(nodes.General, nodes.Element):  # noqa: N801  (docutils names nodes so)
    """Where the table of all steps is put."""


class CourseProgress(SphinxDirective):
    """``{course-progress}``, without arguments or contents."""

    def run(self):
        return [progress_table()]


def is_site(app) -> bool:
    return app.builder.name in ("html", "dirhtml")


def place_of(item: Step | Prediction) -> str:
    """The heading of the section in which a step or a prediction stands."""
    beside = isinstance(item, Prediction) or program.file_with(item.id) == "beside"
    return "Exercises" if beside else "Our program so far"


def anchor(item: Step | Prediction) -> str:
    return f"{'prediction' if isinstance(item, Prediction) else 'step'}-{item.id}"


def data(found: dict) -> str:
    """What a script reads of a box; no text can end the element early."""
    text = json.dumps(found).replace("<", "\\u003c")
    return f'<script type="application/json">{text}</script>'


def summary(title: str, about: str) -> str:
    return (
        f'<summary><span class="course-title">{escape(title)}</span> '
        f'<span class="course-about">{escape(about)}</span> '
        '<span class="course-mark"></span></summary>'
    )


def in_a_terminal(command: str, name: str) -> str:
    """What to type where no script runs; a script takes it away."""
    return (
        '<p class="course-terminal">In a terminal: '
        f"<code>python -m ternary course {command} {name}</code></p>"
    )


def step_box(step: Step, reread: str) -> str:
    """A step: its stub, and what the scripts make an editor and its buttons of."""
    found = {
        "id": step.id,
        "hints": step.hints,
        "reread": reread,
        "seconds": SECONDS,
        "ended": {
            "time": ended(step.id, "time", SECONDS).to_json(),
            "crash": ended(step.id, "crash", "its worker").to_json(),
        },
    }
    return (
        f'<details class="course-box" id="{anchor(step)}" data-kind="step">'
        f"{summary(step.title, f'{step.minutes} minutes')}\n"
        f'<pre class="course-stub">{escape(step.stub)}</pre>\n'
        f"{in_a_terminal('start', step.id)}\n{in_a_terminal('check', step.id)}\n"
        f"{data(found)}</details>\n"
    )


def prediction_box(prediction: Prediction, code: str, reread: str) -> str:
    """A prediction: the question and the code, highlighted."""
    found = {
        "id": prediction.id,
        "choices": prediction.choices,
        "reread": reread,
        "heading": prediction.heading,
        "seconds": SECONDS,
    }
    title = prediction.id.replace("_", " ").capitalize()
    return (
        f'<details class="course-box" id="{anchor(prediction)}" data-kind="prediction">'
        f"{summary(title, 'a prediction')}\n"
        f'<p class="course-question">{escape(prediction.question)}</p>\n{code}\n'
        f"{in_a_terminal('predict', prediction.id)}\n{data(found)}</details>\n"
    )


def add_boxes(app, doctree, docname):
    """Put the boxes of a chapter into its sections."""
    chapter = CHAPTER.fullmatch(docname)
    if not is_site(app):
        return
    if chapter:
        sections = {section[0].astext(): section for section in doctree.findall(nodes.section)}
        for heading in LEADS:
            if boxes := boxes_of(app, docname, chapter["page"], heading, sections):
                insert(sections[heading], nodes.raw("", boxes, format="html"))


def boxes_of(app, docname: str, page: str, heading: str, sections: dict) -> str:
    """The HTML of the boxes of one section; empty if it has none."""
    made = ""
    for item in [*STEPS.values(), *PREDICTIONS.values()]:
        if item.page != page or place_of(item) != heading:
            continue
        reread = f"#{sections[item.heading]['ids'][0]}"
        if isinstance(item, Step):
            made += step_box(item, reread)
        else:
            code = app.builder.highlighter.highlight_block(item.code, "python")
            code = f'<div class="highlight-python notranslate">{code}</div>'
            made += prediction_box(item, code, reread)
    progress = app.builder.get_relative_uri(docname, PAGE)
    lead = f'{LEADS[heading]} <a href="{progress}">Your progress</a>'
    return made and f'<div class="course">\n<p class="course-lead">{lead}</p>\n{made}</div>\n'


def insert(section: nodes.section, box: nodes.raw) -> None:
    """Put a box before the first listing of a section, or at its end.

    That listing answers the steps: it is put where it can be folded away, open as long as no step
    was opened.
    """
    places = [i for i, child in enumerate(section.children) if list(child.findall(is_listing))]
    if section[0].astext() == "Exercises" or not places:
        section.append(box)
        return
    section.insert(places[0] + 1, nodes.raw("", "</details>", format="html"))
    section.insert(places[0], nodes.raw("", LISTING, format="html"))
    section.insert(places[0], box)


def is_listing(node: nodes.Node) -> bool:
    return isinstance(node, nodes.literal_block)


def fill_table(app, doctree, docname):
    """Put the table of all steps in its place: on paper the steps, on the site their state too."""
    for place in list(doctree.findall(progress_table)):
        if is_site(app):
            place.replace_self(nodes.raw("", table(app, docname), format="html"))
        else:
            place.replace_self(plain_list(app))


def by_chapter(app) -> dict[str, list[Step | Prediction]]:
    """What every chapter has, by the name of its page."""
    matches = filter(None, map(CHAPTER.fullmatch, app.env.found_docs))
    names = {match["page"]: match[0] for match in matches}
    items = [*STEPS.values(), *PREDICTIONS.values()]
    found = {names[item.page]: [] for item in sorted(items, key=lambda item: item.chapter)}
    for item in items:
        found[names[item.page]].append(item)
    return found


def table(app, docname: str) -> str:
    rows = ""
    for name, items in by_chapter(app).items():
        address = app.builder.get_relative_uri(docname, name)
        listed = "".join(
            f'<li><a href="{address}#{anchor(item)}">{escape(title_of(item))}</a> '
            f'<span class="course-mark" data-of="{anchor(item)}"></span></li>'
            for item in items
        )
        title = escape(f"{items[0].chapter}. {app.env.titles[name].astext()}")
        rows += (
            f'<tr><th scope="row"><a href="{address}">{title}</a></th>'
            f'<td><ul class="course-list">{listed}</ul></td><td class="course-count"></td></tr>\n'
        )
    return (
        '<div class="course-progress">\n<div class="table-wrapper"><table class="docutils">'
        '<thead><tr><th scope="col">Chapter</th><th scope="col">Steps and predictions</th>'
        f'<th scope="col">Passed</th></tr></thead>\n<tbody>\n{rows}</tbody></table></div>\n</div>\n'
    )


def title_of(item: Step | Prediction) -> str:
    if isinstance(item, Step):
        return f"{item.title}, {item.minutes} minutes"
    return f"A prediction: {item.id.replace('_', ' ')}"


def plain_list(app) -> nodes.bullet_list:
    made = nodes.bullet_list()
    for name, items in by_chapter(app).items():
        titles = "; ".join(map(title_of, items))
        text = f"{items[0].chapter}. {app.env.titles[name].astext()}: {titles}"
        made += nodes.list_item("", nodes.paragraph("", text))
    return made


def add_scripts(app, pagename, templatename, context, doctree):
    """Load the scripts on pages with boxes and on the page of the table, after those of Run."""
    if not is_site(app) or doctree is None:
        return
    if pagename == PAGE or 'class="course-box"' in context["body"]:
        app.add_css_file("course/course.css")
        if pagename == PAGE:
            app.add_css_file("runnable/runnable.css")
        script = "progress.js" if pagename == PAGE else "course.js"
        app.add_js_file(f"course/{script}", type="module", priority=900)


def setup(app):
    app.add_node(progress_table)
    app.add_directive("course-progress", CourseProgress)
    app.connect("doctree-resolved", add_boxes)
    app.connect("doctree-resolved", fill_table)
    app.connect("html-page-context", add_scripts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

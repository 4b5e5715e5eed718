"""`ternary course` from the reader's folder: what it writes, says and returns."""

import json

import pytest

from ternary.cli import main
from ternary.course import PREDICTIONS, STEPS, grade
from ternary.course.prediction import reveal, run


@pytest.fixture
def course(tmp_path, monkeypatch, capsys):
    """Run `ternary course` in an empty folder; its exit status and what it printed."""
    monkeypatch.chdir(tmp_path)

    def call(*words):
        status = main(["course", *words])
        out, err = capsys.readouterr()
        return status, out + err

    call.folder = tmp_path / "answers"
    call.write = lambda name, text: (call.folder / f"{name}.py").write_text(text, encoding="utf-8")
    return call


def test_list_shows_every_step_and_prediction_and_marks_the_started(course):
    course("start", "to_groups")
    status, out = course("list")
    assert status == 0
    assert all(f" {name} " in out for name in (*STEPS, *PREDICTIONS))
    assert [line.split()[1] for line in out.splitlines() if line.startswith("  * ")] == [
        "to_groups"
    ]


def test_start_writes_the_stub_and_never_replaces_a_file(course):
    assert course("start", "linear")[0] == 0
    path = course.folder / "linear.py"
    assert path.read_text() == STEPS["linear"].stub
    path.write_text("mine")
    status, out = course("start", "linear", "norm")
    assert (status, path.read_text()) == (0, "mine")
    assert "was left as it is" in out
    assert (course.folder / "norm.py").is_file()


def test_reset_keeps_every_backup(course):
    course("start", "linear")
    for text in ("first", "second"):
        course.write("linear", text)
        assert course("reset", "linear")[0] == 0
    kept = [course.folder / f"linear.py.backup{n}" for n in (1, 2)]
    assert [path.read_text() for path in kept] == ["first", "second"]
    assert (course.folder / "linear.py").read_text() == STEPS["linear"].stub


def test_check_says_what_the_grader_says_and_counts(course):
    course("start", "linear", "to_groups")
    course.write("linear", "def linear(x, W):\n    return x @ W\n")
    status, out = course("check", "linear")
    assert status == 1
    assert out.splitlines() == grade("linear", "def linear(x, W):\n    return x @ W\n").lines()
    course.write("linear", STEPS["linear"].reference)
    assert course("check", "linear")[0] == 0
    status, out = course("check")
    assert status == 1
    assert out.splitlines()[-1] == "1 of 2 steps pass"


def test_hints_come_one_level_at_a_time(course):
    course("start", "to_groups")
    hints = STEPS["to_groups"].hints
    for words, n in (
        ((), 0),
        (("--hint",), 1),
        (("--hint", "2"), 2),
        (("--hint", "9"), len(hints)),
    ):
        out = course("check", "to_groups", *words)[1]
        assert [hint in out for hint in hints] == [True] * n + [False] * (len(hints) - n)


def test_a_whole_program_can_be_checked_for_one_function(course):
    from ternary.course.program import text_of

    (course.folder.parent / "mine.py").write_text(text_of("ternary_train"), encoding="utf-8")
    assert course("check", "norm", "--file", "mine.py")[0] == 0


def test_an_endless_answer_is_stopped_after_the_seconds_given(course):
    course("start", "linear")
    course.write("linear", "while True: pass\n")
    status, out = course("check", "linear", "--seconds", "1")
    assert status == 1
    assert "still running after 1 seconds" in out


def test_progress_is_read_off_the_files_alone(course):
    course("start", "linear", "to_groups")
    course.write("linear", STEPS["linear"].reference)
    status, out = course("progress")
    assert status == 0
    chapters = {line.split()[0]: line for line in out.splitlines()}
    n = sum(step.chapter == 2 for step in STEPS.values())
    assert f"1 of {n} steps" in chapters["2"]
    assert f"1 of {len(STEPS)} steps pass; 1 are begun" in out
    course("reset", "linear")
    assert f"0 of {len(STEPS)} steps pass" in course("progress")[1]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["start", "to_group"], "did you mean to_groups"),
        (["check"], "no step was started"),
        (["check", "linear"], "begin with: ternary course start linear"),
        (["check", "--file", "x.py"], "--file needs a STEP"),
        (["check", "--seconds", "0"], "expected a positive number"),
        (["check", "--junit", "nowhere/x.xml"], "there is no folder for it"),
        (["reset", "linear"], "to reset"),
        (["predict", "nothing"], "there is no prediction 'nothing'"),
        (["predict", "zeros_of_a_group", "many"], "is no number"),
        (["predict", "zeros_of_a_group", "nan"], "is not finite; expected a number"),
        (["predict", "zeros_of_a_group", "1e999"], "is not finite; expected a number"),
        (["predict", "zeros_of_a_group", "0,01"], "write a point"),
        (["predict", "zeros_when_shrunk", "12"], "none of the answers: more, fewer, as many"),
    ],
)
def test_wrong_words_are_answered_with_what_to_do(course, words, told):
    status, out = course(*words)
    assert status == 2
    assert told in out


def test_a_prediction_runs_only_after_an_answer_and_the_first_answer_stays(course):
    status, out = course("predict", "zeros_of_a_group", "120")
    assert status == 1
    assert "You said 120; it prints 37." in out
    status, out = course("predict", "zeros_of_a_group", "37")
    assert "committed to 120 already" in out
    assert json.loads((course.folder / "predictions.json").read_text()) == {
        "zeros_of_a_group": "120"
    }
    assert "you said 120" in course("predict")[1]


def test_an_answer_of_several_words_needs_no_quotes(course):
    assert "You said as many;" in course("predict", "zeros_when_shrunk", "as", "many")[1]


@pytest.mark.parametrize("name", PREDICTIONS)
def test_what_a_prediction_prints_is_right_and_something_else_is_not(name):
    prediction = PREDICTIONS[name]
    came = run(prediction)
    assert reveal(name, came)["right"]
    others = [c for c in prediction.choices if c != came] or [str(float(came) * 2 + 1)]
    assert not any(reveal(name, other)["right"] for other in others)
    assert not prediction.choices or came in prediction.choices


def test_a_file_that_cannot_be_read_fails_its_step_alone(course):
    course("start", "linear", "norm")
    course.write("linear", STEPS["linear"].reference)
    (course.folder / "norm.py").write_bytes("# caf\xe9\n".encode("latin-1"))
    status, out = course("check")
    assert status == 1
    assert out.splitlines()[0].startswith("PASS  linear")
    assert "save it as UTF-8" in out
    assert "1 of 2 steps pass" in out
    assert course("progress")[0] == 0


def test_a_folder_that_is_a_file_is_refused_in_words(course):
    (course.folder.parent / "mine").write_text("")
    assert "is a file; name a folder" in course("start", "linear", "--folder", "mine")[1]
    assert "there is no folder nowhere" in course("check", "--folder", "nowhere")[1]


def test_an_answer_that_waits_is_given_longer_than_one_that_computes(course, monkeypatch):
    """Processor time is what is limited, so that a busy machine fails no right answer."""
    from ternary.course import isolated

    text = STEPS["linear"].reference.replace("return", "import time; time.sleep(0.6); return")
    monkeypatch.setattr(isolated, "PATIENCE", 100)
    assert not isolated.POSIX or isolated.grade_apart("linear", text, 1).passed
    waits = "import time\ntime.sleep(60)\n"
    monkeypatch.setattr(isolated, "PATIENCE", 1.5)
    assert isolated.grade_apart("linear", waits, 1).status == "stopped"

"""The starting code of the projects runs where it was copied to, and says what is missing."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROJECTS = ROOT / "docs" / "teaching" / "projects"
FOLDERS = sorted(path.parent for path in PROJECTS.glob("*/README.md"))


@pytest.fixture
def run(tmp_path):
    """Run a program in a copy of its folder, where only the package can be imported."""

    def run_there(project, *arguments):
        folder = tmp_path / project
        if not folder.exists():
            shutil.copytree(PROJECTS / project, folder)
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
        )

    return run_there


def test_no_prediction_no_run(run):
    refused = run("changed-assumption", "changed.py", "--quick")
    assert refused.returncode == 1 and "there is no prediction yet" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_changed_assumption_is_compared_with_the_book_s(run, tmp_path):
    run("changed-assumption", "changed.py", "--quick")
    program = tmp_path / "changed-assumption" / "changed.py"
    program.write_text(program.read_text().replace('PREDICTION = ""', 'PREDICTION = "both none"'))
    found = run("changed-assumption", "changed.py", "--quick")
    assert found.returncode == 0, found.stderr
    lines = found.stdout.splitlines()
    assert lines[0] == "prediction: both none"
    verdicts = [
        re.fullmatch(r"(.+): .*floor [\d.]+, 5 seeds: (lower|higher|none)", x) for x in lines
    ]
    assert [m[1] for m in verdicts if m] == ["as in the book", "changed"]


def test_your_text_becomes_a_file_of_llama_cpp(run, tmp_path):
    text = ROOT / "book" / "09-real-text.md"
    found = run("your-text", "ship.py", text, "--steps", 3)
    assert found.returncode == 0, found.stderr
    assert "GGUF 3, Q2_0 and F32" in found.stdout
    asked = re.search(r"^llama.cpp: logits differ by ([\d.]+)%", found.stdout, re.M)
    assert float(asked[1]) < 2 if asked else "is not installed" in found.stdout
    assert (tmp_path / "your-text" / "model.packed.npz").exists()
    missing = run("your-text", "ship.py", "nothing.txt")
    assert missing.returncode == 1 and "Traceback" not in missing.stderr


def test_an_entry_is_chosen_by_training_text_and_follows_the_rules(run, tmp_path):
    chosen = run("contest-entry", "entry.py", "select", "--steps", 2)
    assert chosen.returncode == 0, chosen.stderr
    assert len(re.findall(r"bits per byte in 2 steps", chosen.stdout)) == 3
    made = run("contest-entry", "entry.py", "final", "entry.npz", "--steps", 2)
    assert made.returncode == 0, made.stderr
    checked = run("contest-entry", "-m", "ternary", "contest", "check", "entry.npz")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_selection_holds_out_training_text_only(monkeypatch):
    monkeypatch.syspath_prepend(PROJECTS / "contest-entry")
    import entry

    from ternary.contest import ContestText, fixed_texts

    task = entry.Selection(64)
    both = [bytes(part.astype("uint8").tolist()) for part in (task.training, task.validation)]
    assert b"".join(both) == fixed_texts()[0]
    assert len(ContestText(64).validation) == len(fixed_texts()[1])


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_rubric_has_a_hundred_points(folder):
    page = (folder / "README.md").read_text()
    rubric = page.split("## Grading")[1].split("\n## ")[0]
    assert sum(int(n) for n in re.findall(r"^\| [^|]+, (\d+) \|", rubric, re.M)) == 100
    for part in ("*Goal.*", "## Steps", "## Two reports", "*Good.*", "*Poor.*", "minutes)"):
        assert part in page

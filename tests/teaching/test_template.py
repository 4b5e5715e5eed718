"""The repository for students works where it is copied to, by the commands of its own README."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEACHING = ROOT / "docs" / "teaching"
TEMPLATE = TEACHING / "template"
COURSE = re.compile(r"^(?:\.venv/bin/)?python -m (ternary course .+)$", re.M)


@pytest.fixture
def copied(tmp_path):
    return shutil.copytree(TEMPLATE, tmp_path / "somewhere else" / "my-course")


def run(folder, arguments):
    """A command of the package in a folder that knows nothing of this repository."""
    given = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", *arguments.split()]
    return subprocess.run(command, cwd=folder, env=given, capture_output=True, text=True)


def commands_of(folder):
    return COURSE.findall((folder / "README.md").read_text("utf-8"))


def test_readme_works_in_the_copy(copied):
    listed, started, checked, progress = (run(copied, command) for command in commands_of(copied))
    assert listed.returncode == 0
    assert "codes_and_scales" in listed.stdout
    assert started.returncode == 0
    assert checked.returncode == 1, "an untouched stub fails"
    assert "codes_and_scales" in checked.stdout
    assert progress.returncode == 0
    assert "Traceback" not in "".join(each.stderr for each in (listed, started, checked, progress))


def test_the_workflow_grades_and_keeps_the_results(copied):
    workflow = (copied / ".github" / "workflows" / "grade.yml").read_text("utf-8")
    (command,) = re.findall(r"- run: python -m (ternary course .+)", workflow)
    (kept,) = re.findall(r"path: (\S+)", workflow)
    run(copied, "ternary course start codes_and_scales")
    done = run(copied, command)
    assert "Traceback" not in done.stderr
    assert (copied / kept).read_text("utf-8").startswith("<?xml")


def test_the_policy_is_the_one_of_the_page():
    pages = TEACHING / "AGENTS.md", TEMPLATE / "AGENTS.md"
    assert pages[0].read_text("utf-8") == pages[1].read_text("utf-8")


def test_requirements_name_the_package_and_where_wheels_may_lie():
    lines = (TEMPLATE / "requirements.txt").read_text("utf-8").splitlines()
    assert "--find-links wheels" in lines
    assert "ternary-book[course]" in lines

"""The archive for a lab without internet: what is in it, and for whom its wheels are fetched."""

import re
import zipfile

import make_offline
import pytest


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """An archive with pages of one file, and wheels that nothing fetched; its names and texts."""
    commands = []

    def fetch(command, what):
        commands.append(command)
        folder = command[command.index("-w" if "-w" in command else "-d") + 1]
        with open(f"{folder}/made-{len(commands)}-py3-none-any.whl", "wb") as file:
            file.write(b"wheel")

    monkeypatch.setattr(make_offline, "run", fetch)
    pages = tmp_path / "pages"
    (pages / "book").mkdir(parents=True)
    (pages / "book" / "index.html").write_text("<p>a page")
    out = tmp_path / "course.zip"
    which = ["--platform", "linux", "windows", "--python", "3.11", "3.13"]
    make_offline.main(["--out", str(out), "--pages", str(pages), *which])
    with zipfile.ZipFile(out) as opened:
        return {name: opened.read(name) for name in opened.namelist()}, commands


def test_everything_lies_below_one_folder(archive):
    names = list(archive[0])
    assert {name.split("/")[0] for name in names} == {"course"}
    assert {"README.txt", "requirements.txt"} <= {name.split("/")[1] for name in names}
    assert "course/html/book/index.html" in names
    assert "course/template/README.md" in names
    assert "course/template/.github/workflows/grade.yml" in names
    assert sum(name.endswith(".whl") for name in names) == 5


def test_wheels_are_fetched_for_every_system_and_python(archive):
    own, *others = archive[1]
    assert "--no-deps" in own
    found = [
        (each[each.index("--platform") + 1], each[each.index("--python-version") + 1])
        for each in others
    ]
    assert found == [
        ("manylinux_2_28_x86_64", "3.11"),
        ("manylinux_2_28_x86_64", "3.13"),
        ("win_amd64", "3.11"),
        ("win_amd64", "3.13"),
    ]
    assert all("--only-binary=:all:" in each for each in others)


def test_windows_gets_what_pip_elsewhere_leaves_out(archive):
    """pytest needs colorama on Windows only, and pip asks the system that it runs on."""
    assert [("colorama" in each) for each in archive[1][1:]] == [False, False, True, True]


def test_readme_installs_what_the_list_names_without_an_index(archive):
    files, _ = archive
    readme = files["course/README.txt"].decode()
    commands = re.findall(r"^    (.+)$", readme, re.M)[:3]
    assert commands[0].endswith("-m venv course")
    assert "--no-index --find-links wheels -r requirements.txt" in commands[1]
    assert commands[2].endswith("-m ternary course list")
    listed = files["course/requirements.txt"].decode().split("\n")
    assert listed[0] == "ternary-book"
    assert any(line.startswith("numpy") for line in listed)
    assert any(line.startswith("pytest") for line in listed)


def test_the_students_copy_asks_no_server_either(archive):
    listed = archive[0]["course/template/requirements.txt"].decode().splitlines()
    assert "--no-index" in listed
    assert "--find-links wheels" in listed


def test_missing_pages_are_an_error_that_says_how_to_make_them(tmp_path):
    with pytest.raises(SystemExit, match="build_site"):
        make_offline.main(["--out", str(tmp_path / "x.zip"), "--pages", str(tmp_path)])

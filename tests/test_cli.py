"""The command line: what it prints, its exit statuses, and what it says to wrong input."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ternary import Trainer, TrainingConfig, load_model
from ternary.cli import main

SIZES = ["--d-model", "32", "--d-ff", "64", "--n-heads", "2"]
SMALL = [*SIZES, "--steps", "20"]
COMMAND = [sys.executable, "-m", "ternary"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Every test has an empty current folder, and finds the package from there."""
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()), prepend=os.pathsep)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def model(here):
    """A saved model of 20 steps."""
    trainer = Trainer(TrainingConfig(steps=20, d_model=32, d_ff=64, n_heads=2))
    trainer.run()
    trainer.save("model.npz")
    return "model.npz"


@pytest.fixture
def text(here):
    (here / "text.txt").write_bytes(b"The cat sat on the mat. " * 100)
    return "text.txt"


def status_of(arguments):
    """The exit status; argparse ends the program by itself when an option is wrong."""
    try:
        return main(arguments)
    except SystemExit as end:
        return end.code


def latents(path):
    return load_model(path)[0].parameters.values


# --- Training ---------------------------------------------------------------------------------


def test_a_run_says_what_it_does_and_fails_its_checks_when_it_is_too_short(capsys):
    assert main(SMALL) == 1
    out, err = capsys.readouterr()
    assert err == ""
    lines = out.splitlines()
    assert re.fullmatch(r"copy: random sequences of 16 tokens", lines[0])
    assert re.fullmatch(r"32928 parameters, projection group, seed 0", lines[1])
    assert re.fullmatch(r"Step 0: loss=\d\.\d+", lines[2])
    assert re.fullmatch(r"Step 19: loss=\d\.\d+", lines[3])
    assert re.fullmatch(r"20 steps in .* s, \d+ steps/s", lines[4])
    assert [line[:4] for line in lines[5:]] == ["FAIL", "PASS", "PASS", "FAIL"]


def test_a_run_that_passes_its_checks_ends_with_zero(here):
    """Two bytes that are equally frequent and take turns are soon known better than by count."""
    (here / "text").write_bytes(b"ab" * 1000)
    settings = ["--text", "text", "--length", "8", "--steps", "150", "--lr", "0.01"]
    assert main([*SIZES, *settings, "--quiet"]) == 0


def test_a_line_every_hundred_steps(capsys):
    main([*SIZES, "--steps", "150", "--batch-size", "2"])
    assert re.findall(r"Step (\d+):", capsys.readouterr().out) == ["0", "100", "149"]


def test_quiet_prints_the_checks_only(capsys):
    assert main([*SMALL, "--quiet"]) == 1
    assert [line[:4] for line in capsys.readouterr().out.splitlines()] == [
        "FAIL",
        "PASS",
        "PASS",
        "FAIL",
    ]


def test_train_is_the_command_when_none_is_given(capsys):
    main(SMALL)
    without = capsys.readouterr().out
    main(["train", *SMALL])
    timing = re.compile(r"in .* steps/s")
    assert timing.sub("", capsys.readouterr().out) == timing.sub("", without)


def test_the_same_command_writes_the_same_file(here):
    for name in ("one.npz", "other.npz"):
        main([*SMALL, "--save", name])
    assert (here / "one.npz").read_bytes() == (here / "other.npz").read_bytes()


def test_text_is_named_with_its_size_and_digest_and_ends_in_a_sample(capsys, text):
    main([*SMALL, "--text", text, "--length", "16", "--save", "model.npz"])
    out = capsys.readouterr().out
    assert re.match(r"text: text\.txt, 2400 bytes, 240 held out, SHA-256 [0-9a-f]{16}\n", out)
    assert "held-out bits per byte" in out
    sample = out.split("A sample:\n\n")[1]
    prompt = "The cat sat on the mat. "[:16]  # the first window that was held out
    main(["generate", "model.npz", "--prompt", prompt, "--length", "300"])
    assert sample == capsys.readouterr().out


def test_without_a_file_the_text_is_python_s_documentation(capsys):
    main([*SIZES, "--task", "text", "--steps", "1"])
    assert capsys.readouterr().out.startswith("text: documentation topics of Python 3")


@pytest.mark.parametrize("projection", ["per-row", "per-tensor", "twn", "binary", "full-precision"])
def test_any_projection_trains(capsys, projection):
    assert main([*SMALL, "--projection", projection]) == 1
    assert f"projection {projection}," in capsys.readouterr().out


def test_help_and_version_end_with_zero(capsys):
    for option in ("--help", "--version"):
        assert status_of([option]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("ternary 0.")


# --- Saving and resuming ----------------------------------------------------------------------


def test_saved_and_resumed_at_the_end_reports_the_same(capsys):
    main([*SMALL, "--save", "model.npz", "--quiet"])
    out = capsys.readouterr().out
    assert "saved to model.npz\n" in out
    main(["--resume", "model.npz", "--quiet"])
    assert capsys.readouterr().out == out


def test_an_existing_file_is_replaced_only_by_force(here, model, capsys):
    before = (here / model).read_bytes()
    assert main([*SMALL, "--seed", "1", "--save", model]) == 2
    assert "--force" in capsys.readouterr().err
    assert (here / model).read_bytes() == before
    assert main([*SMALL, "--seed", "1", "--save", model, "--force"]) == 1
    assert (here / model).read_bytes() != before


@pytest.mark.parametrize(
    ("option", "value"),
    [("--lr", "0.5"), ("--seed", "1"), ("--steps", "30"), ("--task", "induction")],
)
def test_resuming_with_another_setting_is_refused_by_name(capsys, model, option, value):
    assert main(["--resume", model, option, value]) == 2
    assert f"{option} {value} was given" in capsys.readouterr().err


def test_resuming_with_the_same_setting_is_accepted(model):
    assert main(["--resume", model, *SMALL, "--lr", "0.003", "--quiet"]) == 1


@pytest.mark.parametrize(
    ("number", "save"), [(signal.SIGINT, []), (signal.SIGTERM, ["--save", "model.npz"])], ids=str
)
def test_an_interrupted_run_saves_and_goes_on_as_if_nothing_had_happened(number, save):
    steps = ["--steps", "250", "--batch-size", "8"]
    process = subprocess.Popen(
        [*COMMAND, *SIZES, *steps, *save],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stdout:
        if line.startswith("Step 0"):
            process.send_signal(number)
            break
    out, err = process.communicate()
    assert process.returncode == 130
    assert err == ""
    path = "model.npz" if save else "copy-interrupted.npz"
    assert f"saved to {path}\n" in out
    assert out.endswith(f"go on with: python -m ternary --resume {path}\n")
    assert 0 < Trainer.resume(path).step < 250

    main(["--resume", path, "--quiet"])
    main([*SIZES, *steps, "--save", "whole.npz", "--quiet"])
    np.testing.assert_array_equal(latents(path), latents("whole.npz"))
    assert Trainer.resume(path).losses == Trainer.resume("whole.npz").losses


# --- Check and generate -----------------------------------------------------------------------


def test_check_repeats_the_checks_of_the_run(capsys, model):
    main(["--resume", model, "--quiet"])
    report = capsys.readouterr().out.replace(f"saved to {model}\n", "")
    assert main(["check", model]) == 1
    assert capsys.readouterr().out == report


def test_generate_continues_the_prompt_by_as_many_bytes_as_asked(here, model):
    done = subprocess.run(
        [*COMMAND, "generate", model, "--prompt", "Zoë: ", "--length", "50", "--temperature", "0"],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "utf-8:surrogateescape"},
    )
    assert done.returncode == 0
    prompt = np.frombuffer("Zoë: ".encode(), np.uint8).astype(int)
    expected = load_model(model)[0].generate(prompt, 50, temperature=0)
    text = (bytes(prompt.tolist()) + bytes(expected)).decode(errors="replace")
    assert done.stdout.decode() == text + "\n"


def test_generate_depends_on_its_seed_only(capsys, model):
    def text(seed):
        assert main(["generate", model, "--prompt", "abc", "--seed", seed]) == 0
        return capsys.readouterr().out

    assert text("1") == text("1")
    assert text("1") != text("2")


def test_a_prompt_of_any_bytes_is_continued(model):
    """Arguments that are not valid UTF-8 reach Python as surrogates."""
    done = subprocess.run(
        [*COMMAND, "generate", model, "--prompt", b"\xff\xfe", "--length", "3"],
        capture_output=True,
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_generated_bytes_can_be_printed_in_any_encoding(model):
    done = subprocess.run(
        [*COMMAND, "generate", model, "--prompt", "abc"],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert (done.returncode, done.stderr) == (0, b"")


# --- Wrong input ------------------------------------------------------------------------------

WRONG_SETTINGS = [
    *(
        [option, value]
        for option in ("--steps", "--batch-size", "--length", "--group-size")
        for value in ("0", "-1", "1.5", "many")
    ),
    *([option, value] for option in ("--lr", "--clip") for value in ("0", "-1", "nan", "inf")),
    *([option, "nan"] for option in ("--weight-decay", "--seed", "--warmup")),
    *([option, "-1"] for option in ("--weight-decay", "--seed", "--warmup", "--save-every")),
    *(
        [option, value]
        for option in ("--weight-decay-until", "--projection-warmup")
        for value in ("-0.1", "1.1", "nan", "half")
    ),
    ["--length", "1"],
    ["--task", "induction", "--length", "86"],
    ["--task", "unknown"],
    ["--projection", "unknown"],
    ["--projection", "full-precision", "--group-size", "0"],
    ["--projection", "full-precision", "--group-size", "-1"],
    ["--decay", "unknown"],
    ["--unknown"],
    ["unknown"],
    *([option, "0"] for option in ("--d-model", "--n-layers", "--n-heads", "--d-ff")),
    ["--d-model", "-32"],
    ["--d-model", "30", "--n-heads", "4"],
    ["--d-model", "12", "--n-heads", "4"],
    ["--d-model", "1000000000000000"],
    ["--group-size", "1000000000000"],
    ["--batch-size", "1000000000000"],
    ["--task", "copy", "--text", "text.txt"],
    ["--text", "missing.txt"],
    ["--text", "."],
    ["--text", "empty.txt"],
    ["--text", "text.txt", "--length", "240"],
    ["--save", "missing/model.npz"],
    ["--save", "text.txt/model.npz"],
    ["--save", "."],
    ["--save", "text.txt"],
    ["--save", ""],
    ["--resume", "missing.npz"],
    ["--resume", "."],
    ["--resume", "text.txt"],
    ["--resume", "cut.npz"],
    ["--resume", "foreign.npz"],
    ["--resume", "model.npz", "--save", "text.txt"],
    ["check"],
    ["check", "missing.npz"],
    ["check", "cut.npz"],
    ["check", "foreign.npz"],
    ["check", "text.txt"],
    ["generate", "model.npz"],
    ["generate", "missing.npz", "--prompt", "a"],
    ["generate", "cut.npz", "--prompt", "a"],
    ["generate", "foreign.npz", "--prompt", "a"],
    ["generate", "model.npz", "--prompt", ""],
    *(["generate", "model.npz", "--prompt", "a", "--length", n] for n in ("0", "-1", "x")),
    *(["generate", "model.npz", "--prompt", "a", "--temperature", t] for t in ("-1", "nan", "x")),
    ["generate", "model.npz", "--prompt", "a", "--seed", "-1"],
]


@pytest.mark.parametrize("arguments", WRONG_SETTINGS, ids=" ".join)
def test_wrong_input_ends_with_two_and_one_clear_message(here, model, text, capsys, arguments):
    (here / "empty.txt").touch()
    (here / "cut.npz").write_bytes((here / model).read_bytes()[:1000])
    np.savez(here / "foreign.npz", weights=np.ones(3))
    files = {path: path.read_bytes() for path in here.iterdir()}
    if arguments[0].startswith("--") and "--steps" not in arguments:
        arguments = [*arguments, "--steps", "1"]  # to end soon should it be accepted
    assert status_of(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    *usage, message = err.splitlines()
    assert re.match(r"ternary( \w+)?: error: \S", message)
    assert not usage or usage[0].startswith("usage:")
    assert {path: path.read_bytes() for path in here.iterdir()} == files


def test_a_diverged_run_ends_with_two_and_names_the_layer(capsys):
    assert main([*SMALL, "--lr", "1e9"]) == 2
    message = capsys.readouterr().err
    assert re.match(r"ternary: error: .*(row \d+, group \d+|the gradient of \S+)", message)
    assert len(message.splitlines()) == 1


def test_a_reader_that_has_seen_enough_ends_the_run_without_a_traceback():
    process = subprocess.Popen(
        [*COMMAND, *SIZES, "--steps", "200", "--batch-size", "4"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout.readline().startswith(b"copy")
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 0


def test_without_standard_output_nothing_is_written_anywhere():
    """As some services and `>&-` start a program."""
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *COMMAND, *SMALL], stderr=subprocess.PIPE
    )
    assert (done.returncode, done.stderr) == (1, b"")


def test_a_second_interrupt_ends_with_130_and_no_traceback():
    program = (
        "import os, signal, sys\n"
        "from ternary import Trainer\n"
        "from ternary.cli import main\n"
        "def twice(self):\n"
        "    os.kill(os.getpid(), signal.SIGINT); os.kill(os.getpid(), signal.SIGINT)\n"
        "Trainer.take_step = twice\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    done = subprocess.run([sys.executable, "-c", program, *SMALL], capture_output=True, text=True)
    assert done.returncode in (130, -signal.SIGINT)
    assert "Traceback" not in done.stderr

"""What `faults.py` kills: how each kind of program runs, and how what it left is judged."""

from __future__ import annotations

import hashlib
import itertools
import os
import sys
import time
from pathlib import Path
from typing import ClassVar

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2]))

import toy

from ternary import TernaryError, Trainer, TrainingConfig, cli, experiments
from ternary.experiments.partial import Partial

experiments.all_experiments = lambda: {"toy": toy.EXPERIMENT}
# A run of a moment: what is to be disturbed is its saving.
RUN = "--task text --length 8 --batch-size 4 --steps 12 --threads 1"
RUN += " --d-model 16 --d-ff 16 --n-heads 2 --n-layers 1 --group-size 16"
TEXT = bytes(range(32, 122)) * 6


def digest(path: Path) -> str:
    """Of a file, or of all files of a folder and their names."""
    found = hashlib.sha256()
    for each in sorted(path.iterdir()) if path.is_dir() else [path]:
        found.update(each.name.encode() + b"\0" + each.read_bytes())
    return found.hexdigest()


class Kind:
    """A program that writes into a folder; `seconds` are those that it takes undisturbed."""

    seconds = 0.0

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def start(self, *before: object) -> int:
        """Run it in a process of its own, after some calls; the number of that process."""
        sys.stdout.flush()
        process = os.fork()
        if process:
            return process
        try:
            for call in before:
                call()
            os._exit(self.run())
        finally:
            os._exit(70)

    def quiet(self) -> None:
        """Run it once, undisturbed."""
        began = time.monotonic()
        silent = os.open(os.devnull, os.O_WRONLY)
        _, status = os.waitpid(self.start(lambda: os.dup2(silent, 1)), 0)
        os.close(silent)
        assert os.waitstatus_to_exitcode(status) in (0, 1), status
        self.seconds = time.monotonic() - began

    def run(self) -> int:
        """What the process does; its exit status."""
        return cli.main(self.words)

    words: list[str]

    def mark(self) -> object:
        """Something that is different once there is more of what it writes."""
        raise NotImplementedError

    def unfinished(self) -> set[tuple[str, int]]:
        """What there is of files and folders that were not finished, and since when."""
        return {(each.name, each.stat().st_mtime_ns) for each in self.folder.glob("*.partial")}

    def problem(self) -> str:
        """What is wrong with what is there; empty, if nothing is."""
        raise NotImplementedError

    def is_as_expected(self) -> bool:
        """Whether what was completed is what it is undisturbed."""
        raise NotImplementedError

    def begin_anew(self) -> None:
        """After completion."""
        raise NotImplementedError


class Training(Kind):
    """It saves after each of its steps; each time it goes on from what was saved last."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.path, self.step = folder / "run.npz", 0
        (folder / "text.txt").write_bytes(TEXT)
        self.quiet()
        self.expected = digest(self.path)
        self.begin_anew()

    @property
    def words(self) -> list[str]:
        path = str(self.path)
        new = [*RUN.split(), "--text", str(self.folder / "text.txt")]
        how = ["--resume", path] if self.path.exists() else new
        return [*how, "--save", path, "--save-every", "1", "--quiet"]

    def mark(self) -> object:
        return self.path.exists() and self.path.stat().st_mtime_ns

    def problem(self) -> str:
        if not self.path.exists():
            return "the checkpoint is lost" if self.step else ""
        try:
            step = Trainer.resume(self.path).step
        except TernaryError as error:
            return f"the checkpoint cannot be read: {error}"
        if step < self.step:
            return f"the checkpoint is of step {step}, an earlier one was of {self.step}"
        self.step = step
        return ""

    def is_as_expected(self) -> bool:
        return digest(self.path) == self.expected

    def begin_anew(self) -> None:
        self.path.unlink()
        self.step = 0


class ExperimentRun(Kind):
    """Trials of a moment each, kept one by one, in threads: a process pool takes long to start."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        os.environ["TOY_SECONDS"] = "0.005"
        self.words = ["experiment", "toy", "--folder", str(folder), "--executor", "threads"]
        self.words += ["--jobs", "1"]
        self.partial, self.trials = folder / "toy.partial.jsonl", 0
        self.quiet()
        self.expected = self.values()
        assert self.expected
        self.begin_anew()

    def values(self) -> list[tuple[object, ...]]:
        trials = experiments.load_record("toy", self.folder).trials
        return [(trial["settings"], trial["seed"], trial["values"]) for trial in trials]

    def mark(self) -> object:
        return self.partial.exists() and self.partial.stat().st_mtime_ns

    def unfinished(self) -> set[tuple[str, int]]:
        whole = not self.partial.exists() or self.partial.read_bytes().endswith(b"\n")
        return super().unfinished() | (set() if whole else {("line", self.partial.stat().st_size)})

    def problem(self) -> str:
        if (self.folder / "toy.json").exists():
            return "" if self.is_as_expected() else "the record is another one"
        try:
            found = Partial.read(self.partial)
        except TernaryError as error:
            return f"the trials cannot be read: {error}"
        trials = len(found.trials) if found else 0
        if trials < self.trials:
            return f"{self.trials} trials were kept, now there are {trials}"
        self.trials = trials
        return ""

    def is_as_expected(self) -> bool:
        return self.values() == self.expected

    def begin_anew(self) -> None:
        (self.folder / "toy.json").unlink()
        self.partial.unlink(missing_ok=True)
        self.trials = 0


class Writer(Kind):
    """It writes two models in turn under one name, again and again, until it is killed."""

    arguments: ClassVar[list[str]]  # {model} and {target} stand for two files

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.target = folder / "target"
        models = folder / "models"
        models.mkdir()
        self.calls, self.expected = list[list[str]](), set[str]()
        every = []
        for seed in (1, 2):
            model = models / f"{seed}.npz"
            Trainer(TrainingConfig(seed=seed, d_model=128, d_ff=128, n_layers=1)).save(model)
            self.calls = [[w.format(model=model, target=self.target) for w in self.arguments]]
            self.quiet()
            every += self.calls
            self.expected.add(digest(self.target))
        assert len(self.expected) == 2
        self.seconds *= 3
        self.calls = every

    def run(self) -> int:
        if len(self.calls) == 1:
            return cli.main(self.calls[0])
        for words in itertools.cycle(self.calls):
            cli.main(words)
        return 0

    def mark(self) -> object:
        return self.target.exists() and self.target.stat().st_mtime_ns

    def problem(self) -> str:
        if not self.target.exists():
            return f"the target is lost; there are {sorted(p.name for p in self.folder.iterdir())}"
        return "" if digest(self.target) in self.expected else "the target is neither old nor new"


class Pack(Writer):
    arguments: ClassVar[list[str]] = ["pack", "{model}", "-o", "{target}", "--force"]


class Gguf(Writer):
    arguments: ClassVar[list[str]] = [
        "export",
        "{model}",
        "{target}",
        "--to",
        "gguf",
        "--type",
        "F16",
        "--force",
    ]


class HuggingFace(Writer):
    arguments: ClassVar[list[str]] = [
        "export",
        "{model}",
        "{target}",
        "--to",
        "huggingface",
        "--force",
    ]


class Mlx(Writer):
    arguments: ClassVar[list[str]] = ["export", "{model}", "{target}", "--to", "mlx", "--force"]


KINDS = {
    "training": Training,
    "experiment": ExperimentRun,
    "pack": Pack,
    "gguf": Gguf,
    "huggingface": HuggingFace,
    "mlx": Mlx,
}

"""The fingerprint of an experiment changes with the code that its trials run, and with no other."""

import importlib
import sys

import pytest

from ternary import TernaryError
from ternary.experiments import all_experiments
from ternary.experiments.fingerprint import code_of, fingerprint

EXPERIMENTS = all_experiments()

MAIN = '''\
"""An experiment."""
from dataclasses import dataclass
from NAME.steps import RATES, Base
from NAME import tables, unused
import NAME.deep.deeper as deeper

STEPS = 5
CLAIMS = [text for text in ("a", "b")]


@dataclass
class Run(Base):
    """A run."""
    steps: int = STEPS

    def go(self) -> float:  # a comment
        return RATES[self.name] + self.steps + tables.look_up(self.name)


def measure(settings, seed, quick):
    """Measure."""
    from NAME.late import late
    return {"bpb": Run("a").go() + deeper.value + late(f"{seed:>{STEPS}}")}


def claim(record):
    return record.bpb > 1
'''
FILES = {
    "__init__": "",
    "main": MAIN,
    "steps": "class Base:\n    name = 'a'\n\n\ndef fast():\n    return 1\n\n\n"
    "RATES = {}\nRATES['a'] = fast()\nRATES |= {'b': 2}\n",
    "tables": "from NAME.inner import look_up\n\n\ndef other():\n    return 1\n",
    "inner": "LIMIT = 1\n\n\ndef look_up(name):\n    return LIMIT\n",
    "unused": "def nothing():\n    return 1\n",
    "late": "def late(x):\n    return len(x)\n",
    "deep/__init__": "",
    "deep/deeper": "value = 1\n",
}


@pytest.fixture
def print_of(tmp_path, monkeypatch):
    """The fingerprint of a small package in which some text has been replaced."""
    monkeypatch.syspath_prepend(tmp_path)

    def changed(file="main", old="", new=""):
        name = "package"
        for path in list(sys.modules):
            if path.split(".")[0] == name:
                del sys.modules[path]
        for path, source in FILES.items():
            source = source.replace("NAME", name)
            if path == file and old:
                assert old in source
                source = source.replace(old, new)
            (tmp_path / name / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / f"{path}.py").write_text(source)
        importlib.invalidate_caches()
        sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
        try:
            return fingerprint(importlib.import_module(f"{name}.main").measure)
        finally:
            sys.dont_write_bytecode = before

    return changed


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("main", '"""Measure."""', '"""Measured anew."""'),
        ("main", '    """A run."""\n', ""),
        ("main", "  # a comment", ""),
        ("main", " -> float", ""),
        ("main", "steps: int", "steps: float"),
        ("main", "record.bpb > 1", "record.bpb > 2"),
        ("main", '("a", "b")', '("a", "c")'),
        ("main", "self.steps + tables", "self.steps  +  \\\n            tables"),
        ("main", "STEPS = 5\n", "\n\nSTEPS = 5\nMORE = 6\n"),
        ("main", 'f"{seed:>{STEPS}}"', "f'{seed:>{STEPS}}'"),
        ("tables", "return 1", "return 2"),
        ("unused", "return 1", "return 2"),
    ],
)
def test_what_no_trial_runs_makes_no_difference(print_of, file, old, new):
    assert print_of(file, old, new) == print_of()


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("main", "STEPS = 5", "STEPS = 6"),
        ("main", "self.steps +", "self.steps -"),
        ("main", "@dataclass\n", "@dataclass(frozen=True)\n"),
        ("main", "Run(Base)", "Run(Base, object)"),
        ("main", "steps: int", "n_steps: int"),
        ("main", 'f"{seed:>', 'f"{seed:<'),
        ("steps", "name = 'a'", "name = 'b'"),
        ("steps", "return 1", "return 2"),
        ("steps", "RATES['a'] = fast()", "RATES['a'] = 3"),
        ("steps", "{'b': 2}", "{'b': 3}"),
        ("inner", "LIMIT = 1", "LIMIT = 2"),
        ("late", "len(x)", "-len(x)"),
        ("deep/deeper", "value = 1", "value = 2"),
    ],
)
def test_what_a_trial_runs_makes_a_difference(print_of, file, old, new):
    assert print_of(file, old, new) != print_of()


def test_every_version_of_python_finds_the_same(print_of):
    """As 3.11, 3.12 and 3.13 found it; a record is not stale because Python is newer."""
    assert print_of() == "5afda0c4bfd9931b"


def test_a_function_without_source_is_refused():
    exec("def measure(): pass", namespace := {"__name__": "nowhere"})
    with pytest.raises(TernaryError, match="cannot be read; expected def in a module"):
        fingerprint(namespace["measure"])


TRAINER = {
    ("ternary.training", "Trainer"),
    ("ternary.optim", "AdamW"),
    ("ternary.optim", "_two_stage"),  # found through the table of decays
    ("ternary.projection", "GroupAbsMean"),  # and of projections
    ("ternary.layers", "TernaryMatrix"),  # the base of a layer
    ("ternary.transformer", "TernaryTransformer"),
}
NEVER = {"claims", "EXPERIMENT", "trials", "Claim", "Experiment", "Record"}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_code_of_an_experiment_holds_its_trainer_and_none_of_its_claims(name):
    places = set(code_of(EXPERIMENTS[name].measure))
    if not EXPERIMENTS[name].timed:
        assert places >= TRAINER
    assert not NEVER & {what for module, what in places if module.startswith("ternary.exp")}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_that_reads_a_clock_says_so(name):
    """Else its trials would run side by side, and measure each other."""
    code = str(code_of(EXPERIMENTS[name].measure))
    clocks = ("perf_counter", "per_token_ms")  # Python's, and that of llama.cpp's server
    assert EXPERIMENTS[name].timed is any(clock in code for clock in clocks)

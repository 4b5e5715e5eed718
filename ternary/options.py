"""The options of the command line."""

from __future__ import annotations

import argparse
import os

from ternary import __version__
from ternary.config import OPTIMIZERS, TrainingConfig
from ternary.contest.options import add_contest
from ternary.course.options import add_course
from ternary.data import TASKS
from ternary.export import TARGETS
from ternary.export.gguf import FILE_TYPES
from ternary.optim import DECAYS
from ternary.projection import PROJECTIONS


def make_parser() -> argparse.ArgumentParser:
    """The parser of all commands; ``command`` is the one that was chosen."""
    parser = argparse.ArgumentParser(
        prog="ternary",
        description="Native ternary training in NumPy. Without a command: train.",
    )
    parser.add_argument("--version", action="version", version=f"ternary {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="command")
    _add_train(commands.add_parser("train", help="train a model and check it (the default)"))
    checking = commands.add_parser("check", help="run the checks on a saved model")
    checking.add_argument("model", help="a file written by --save, or packed")
    generating = commands.add_parser("generate", help="continue a prompt with a saved model")
    generating.add_argument("model", help="a file written by --save, or packed")
    generating.add_argument("--prompt", required=True, help="text to continue")
    generating.add_argument(
        "--length", type=int, default=200, help="bytes to generate (%(default)s)"
    )
    generating.add_argument(
        "--temperature", type=float, default=0.8, help="0 takes the likeliest byte (%(default)s)"
    )
    generating.add_argument("--seed", type=int, default=0, help="of the sampling (%(default)s)")
    packing = commands.add_parser("pack", help="write a saved model in 1.6 bits a code")
    packing.add_argument("model", help="a file written by --save")
    packing.add_argument("-o", "--output", metavar="FILE", help="the new file (MODEL.packed.npz)")
    packing.add_argument("--force", action="store_true", help="replace an existing file")
    _add_export(commands.add_parser("export", help="write a saved model for another runtime"))
    inspecting = commands.add_parser("inspect", help="say what a model file is, and who loads it")
    inspecting.add_argument("file", help="a checkpoint, .gguf or .safetensors, or a model's folder")
    _add_experiment(commands.add_parser("experiment", help="repeat an experiment of the book"))
    add_course(commands.add_parser("course", help="graded steps: start, check, progress"))
    add_contest(commands.add_parser("contest", help="the 100 kB contest"), _add_settings)
    return parser


def _add_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="a file written by --save, or packed")
    parser.add_argument("--to", required=True, choices=list(TARGETS), help="the runtime's format")
    parser.add_argument("path", help="the new file (gguf) or folder (huggingface, mlx)")
    parser.add_argument(
        "--type", choices=list(FILE_TYPES), help="of the matrices in a GGUF file (Q2_0)"
    )
    parser.add_argument("--force", action="store_true", help="replace an existing export")


def _add_experiment(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("names", nargs="*", metavar="name", help="which ones; without a name, list them")
    add("--list", action="store_true", help="list all experiments with their questions")
    add("--all", action="store_true", help="whatever is missing, most needed first: partial")
    add("--status", action="store_true", help="say of every record whether it is complete")
    add("--check", action="store_true", help="the same for those that are not, and end with 1")
    add("--quick", action="store_true", help="a small size; it is kept only with --folder")
    add("--redo", action="store_true", help="run trials anew that are there already")
    add(
        "--minutes",
        type=float,
        metavar="X",
        help="start no trial that is not expected to end within X minutes",
    )
    add(
        "--jobs",
        type=int,
        default=os.cpu_count() or 1,
        metavar="N",
        help="trials at a time, for process and threads (%(default)s)",
    )
    add(
        "--executor",
        default="process",
        metavar="E",
        help="process (the default), threads, mpi, or dask=ADDRESS of a scheduler",
    )
    add(
        "--folder",
        metavar="DIR",
        help="where records go, and trials until then (the package's own records in a copy of "
        "the repository, otherwise ternary-records)",
    )


def _add_train(parser: argparse.ArgumentParser) -> None:
    # An option that is not given stays absent, so that --resume can tell what was asked for.
    parser.argument_default = argparse.SUPPRESS
    add = parser.add_argument
    add("--task", choices=list(TASKS), help=f"what to learn ({TrainingConfig().task})")
    add("--text", metavar="FILE", help="learn this text instead of Python's documentation")
    _add_settings(parser)
    add(
        "--save",
        metavar="FILE",
        default=None,
        help="write a checkpoint here, now and then and at the end",
    )
    add("--save-every", type=int, default=100, metavar="N", help="steps between two (%(default)s)")
    add("--resume", metavar="FILE", default=None, help="go on from a checkpoint, and save to it")
    add("--force", action="store_true", default=False, help="let --save replace a file")
    add("--quiet", action="store_true", default=False, help="print the checks only")


def _add_settings(parser: argparse.ArgumentParser) -> None:
    """Add what a run depends on, whatever its text; an option that is not given stays absent."""
    parser.argument_default = argparse.SUPPRESS
    defaults = TrainingConfig()
    add = parser.add_argument
    add(
        "--projection",
        choices=list(PROJECTIONS),
        help=f"how weights are made ({defaults.projection})",
    )
    add(
        "--group-size",
        type=int,
        metavar="N",
        help=f"weights with one scale ({defaults.group_size})",
    )
    add(
        "--projection-warmup",
        type=float,
        metavar="X",
        help=f"share of the steps in which rounding sets in ({defaults.projection_warmup:g})",
    )
    add("--steps", type=int, metavar="N", help="optimizer steps (the task's own)")
    add("--batch-size", type=int, metavar="N", help="sequences a step (the task's own)")
    add("--length", type=int, metavar="N", help="tokens the task is about (the task's own)")
    add("--optimizer", choices=list(OPTIMIZERS), help="how the latents are moved (the task's own)")
    add("--lr", type=float, metavar="X", help=f"peak learning rate ({defaults.lr})")
    add(
        "--momentum",
        type=float,
        metavar="X",
        help=f"of Muon: the share of its average that stays ({defaults.momentum})",
    )
    add(
        "--muon-ratio",
        type=float,
        metavar="X",
        help=f"of Muon: learning rate of the layers' matrices over --lr ({defaults.muon_ratio:g})",
    )
    add("--weight-decay", type=float, metavar="X", help="of the latents (the task's own)")
    add(
        "--weight-decay-until",
        type=float,
        metavar="X",
        help=f"share of the steps with weight decay ({defaults.weight_decay_until:g})",
    )
    add("--clip", type=float, metavar="X", help=f"largest norm of the gradient ({defaults.clip})")
    add("--warmup", type=int, metavar="N", help="steps of warm-up (one in 25)")
    add("--decay", choices=list(DECAYS), help=f"how the learning rate falls ({defaults.decay})")
    add("--seed", type=int, metavar="N", help=f"of latents and data ({defaults.seed})")
    for size in ("d_model", "n_layers", "n_heads", "d_ff"):
        option = "--" + size.replace("_", "-")
        add(option, type=int, metavar="N", help=f"size of the model ({getattr(defaults, size)})")
    add(
        "--threads",
        type=int,
        metavar="N",
        help=f"parts of a batch ({defaults.threads})",
    )

"""Whether the settings of a run can be what they claim, before memory is spent on them.

`TrainingConfig` looks at ranges. A file that anybody may have written can also have a fraction
where a number is counted, or groups of a million weights for rows of two, which a few bytes of it
would turn into gigabytes.
"""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from ternary.config import TrainingConfig
from ternary.errors import CheckpointError

MAX_PADDING = 1024  # zeros behind a weight: no projection profits from groups beyond a row
MAX_NUMBER = 1 << 63  # but for the seed, which may be any whole number
KINDS = {"str": str, "int": int, "float": float, "None": type(None)}


def problem_of(config: TrainingConfig) -> str | None:
    """What no run can have among its settings; None if there is nothing.

    Examples
    --------
    >>> problem_of(TrainingConfig(d_model=64.0))
    'd_model is 64.0; expected int'
    >>> problem_of(TrainingConfig(d_model=2, n_heads=1, group_size=1 << 20))
    'group_size is 1048576; expected at most 1024 times the rows of 2 and 512 weights'
    """
    for field in fields(config):
        value = getattr(config, field.name)
        names = str(field.type).split(" | ")
        kinds = {KINDS[name] for name in names} | ({int} if "float" in names else set())
        if type(value) not in kinds:
            return f"{field.name} is {value!r:.80}; expected {field.type}"
        if isinstance(value, int) and field.name != "seed" and value >= MAX_NUMBER:
            return f"{field.name} has {len(str(value))} digits; expected at most 18"
    model = config.model_config()
    matrices = model.matrices().values()
    padded = sum(-(-cols // config.group_size) * rows for rows, cols in matrices)
    if padded * config.group_size > MAX_PADDING * sum(rows * cols for rows, cols in matrices):
        rows = f"the rows of {model.d_model} and {model.d_ff} weights"
        return f"group_size is {config.group_size}; expected at most {MAX_PADDING} times {rows}"
    return None


def require_sound(path: str | Path, config: TrainingConfig) -> None:
    """Refuse the settings of a file that no run can have.

    Raises
    ------
    CheckpointError
        It says which.
    """
    if problem := problem_of(config):
        raise CheckpointError(f"{path} is no checkpoint of a run: {problem}")


def require_text(path: str | Path, config: TrainingConfig) -> None:
    """Refuse to go on without the text: a device or a pipe in its place might never end.

    Raises
    ------
    CheckpointError
        If it is not there, or is no ordinary file.
    """
    if config.text is None:
        return
    try:
        there = Path(config.text).is_file()
    except (ValueError, OSError):  # a zero byte, or a name longer than any
        there = False
    if not there:
        raise CheckpointError(
            f"{path} was trained on {config.text!r:.200}, and there is no such file here; put the "
            "text there, or start it where it is, since its path counts from the present folder"
        )

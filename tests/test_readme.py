"""What the README shows is what a newcomer sees."""

import re
import subprocess
import sys
from pathlib import Path

README = (Path(__file__).parent.parent / "README.md").read_text()


def test_the_transcript_is_what_the_main_job_prints():
    """Word for word, but for the seconds that it took."""
    shown = re.search(r"```text\n(.*?)```", README, re.S)[1]
    run = subprocess.run([sys.executable, "-m", "ternary"], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert _without_time(run.stdout) == _without_time(shown)


def _without_time(text):
    return re.sub(r"in [\d.]+ s, \d+ steps/s", "in some time", text)


def test_the_gate_calls_the_readmes_own_test_line():
    """`.ci/run` finds its line in the README, so the two cannot drift apart."""
    gate = (Path(__file__).parent.parent / ".ci" / "run").read_text()
    pattern = re.search(r"sed -n 's/(.*?)/\\1/p'", gate)[1]
    line = re.compile(pattern.replace(r"\(", "(").replace(r"\)", ")"), re.M)
    assert len(line.findall(README)) == 1

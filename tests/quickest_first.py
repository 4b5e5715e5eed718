"""A plugin for mutmut, which hands pytest the tests of a mutant in no order: the quickest first.

Nearly every mutant dies by a test of milliseconds, and none has to wait for a chapter.
"""

import json
from pathlib import Path


def pytest_collection_modifyitems(items):
    stats = Path("mutmut-stats.json")  # pytest runs in the folder of the mutants
    if stats.exists():
        seconds = json.loads(stats.read_text())["duration_by_test"]
        items.sort(key=lambda item: seconds.get(item.nodeid, 0.0))

"""Answers that are more than wrong: what each does, and what must be said of it.

Each takes the place of the step `linear`. `status` is that of the verdict, `words` a piece of it.
Those of `APART` would end the process that grades them, those of `ENDLESS` would hold it, so they
run in one of their own.
"""

from typing import NamedTuple

RIGHT = "def linear(x, W):\n    return x @ W.T\n"


class Attack(NamedTuple):
    text: str
    status: str
    words: str


HERE = {
    "no Python": Attack("def linear(x, W:\n", "error", "Line 1"),
    "another name": Attack("def linaer(x, W):\n    return x @ W.T\n", "error", "no linear"),
    "no function": Attack("linear = 3\n", "error", "expected a function"),
    "exit at once": Attack(f"import sys\n{RIGHT}sys.exit(0)\n", "error", "sys.exit"),
    "exit when called": Attack("def linear(x, W):\n    raise SystemExit\n", "error", "sys.exit"),
    "recursion": Attack("def linear(x, W):\n    return linear(x, W)\n", "error", "without end"),
    "package": Attack(f"from ternary import layers\n{RIGHT}", "refused", "own implementation"),
    "another library": Attack(f"import torch\n{RIGHT}", "refused", "line 1 imports torch; NumPy"),
    "a part of one, late": Attack(
        "def linear(x, W):\n    from scipy.linalg import blas\n    return x @ W.T\n",
        "refused",
        "line 2 imports scipy; NumPy",
    ),
    "package, late": Attack(
        "def linear(x, W):\n    import ternary.layers\n    return x @ W.T\n", "refused", "line 2"
    ),
    "package, by its name in a text": Attack(
        f"import importlib\ntry:\n    importlib.import_module('tern' + 'ary')\n"
        f"except BaseException:\n    pass\n{RIGHT}",
        "refused",
        "imports ternary",
    ),
    "reference imported": Attack(
        "from ternary_train import linear\n", "error", "asks you to write"
    ),
    "reference read": Attack(
        "from pathlib import Path\nimport numpy\nimport sys\n"
        "for p in sys.path:\n    try:\n        open(p + '/book/program/ternary_train.py').read()\n"
        f"    except BaseException:\n        pass\n{RIGHT}",
        "refused",
        "opens ternary_train.py",
    ),
    "reference imported past the one that is given": Attack(
        "import sys\nfrom pathlib import Path\n"
        "sys.path[:0] = [p + '/book/program' for p in sys.path]\n"
        "for name in ('ternary_train', 'ternary_parts'):\n    sys.modules.pop(name, None)\n"
        "from ternary_train import linear\n",
        "refused",
        "opens ternary_train",
    ),
    "package's files read": Attack(
        "import sys\nfrom pathlib import Path\n"
        f"{RIGHT}"
        "for p in sys.path:\n    try:\n        Path(p, 'ternary', 'layers.py').read_text()\n"
        "    except BaseException:\n        pass\n",
        "refused",
        "opens layers.py",
    ),
    "NumPy replaced": Attack(
        f"import numpy as np\nnp.isclose = lambda *a, **k: True\n{RIGHT}",
        "refused",
        "numpy.isclose",
    ),
    "NumPy replaced, and right": Attack(
        "import numpy as np\ndef linear(x, W):\n    np.sum = max\n    return x @ W.T\n",
        "refused",
        "numpy.sum",
    ),
    "builtins replaced": Attack(
        f"import builtins\nbuiltins.isinstance = lambda *a: True\n{RIGHT}",
        "refused",
        "builtins.isinstance",
    ),
    "check found through a frame": Attack(
        "import sys\ndef linear(x, W):\n    return sys._getframe(2).f_locals\n",
        "refused",
        "f_locals",
    ),
    "check tampered with": Attack(
        "class Same:\n    def __init__(self, f):\n        self.f = f\n"
        "def linear(x, W):\n    raise Same(linear.__globals__)\n",
        "refused",
        "__globals__",
    ),
    "grader imported": Attack(
        f"import sys\nsys.modules['ternary.course.compare'].same = print\n{RIGHT}",
        "error",
        "KeyError",
    ),
    "other program": Attack(
        f"import subprocess, sys\nsubprocess.run([sys.executable, '-V'])\n{RIGHT}",
        "refused",
        "another program",
    ),
    "a megabyte of words": Attack(
        "def linear(x, W):\n    print('x' * 1_000_000)\n    return x @ W.T\n", "passed", "2,000,002"
    ),
    "no answer": Attack("def linear(x, W):\n    x @ W.T\n", "failed", "is a `return` missing"),
    "a giant array": Attack(
        "import numpy as np\ndef linear(x, W):\n    return np.empty(1 << 50)\n", "stopped", "memory"
    ),
    "a text as an answer": Attack(
        "def linear(x, W):\n    return 'no'\n", "failed", "expected numbers"
    ),
}

ENDLESS = {
    "endless": Attack("def linear(x, W):\n    while True: pass\n", "stopped", "still running"),
    "endless, and deaf": Attack(
        "def linear(x, W):\n    while True:\n        try:\n            while True: pass\n"
        "        except BaseException: pass\n",
        "stopped",
        "still running",
    ),
}

APART = {
    "abort": Attack(f"import os\n{RIGHT}os.abort()\n", "stopped", "SIGABRT"),
    "quiet end": Attack(f"import os\n{RIGHT}os._exit(0)\n", "stopped", "exit status 0"),
    "segfault": Attack(
        "import ctypes\ndef linear(x, W):\n    ctypes.string_at(0)\n", "stopped", "SIGSEGV"
    ),
    "grows": Attack(
        "import numpy as np\na = []\nwhile True: a.append(np.zeros(1 << 22))\n",
        "stopped",
        "memory",
    ),
    "writes without end": Attack(
        "import os\ndef linear(x, W):\n    while True: os.write(1, b'x' * (1 << 20))\n",
        "error",
        "File too large",
    ),
    "leaves a thread": Attack(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()\n" + RIGHT,
        "passed",
        "checks hold",
    ),
    "writes a verdict": Attack(
        "import os, glob\nfor name in glob.glob('*'):\n"
        "    open(name, 'a').write('{\"status\": \"passed\"}\\n')\nos._exit(0)\n",
        "stopped",
        "exit status 0",
    ),
}

"""What is offered for download: notebooks, EPUB and PDF, as `docs/tools/build_site.py` makes them.

python docs/tools/build_site.py
pytest tests/downloads
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SITE = Path(os.environ.get("SITE", ROOT / "_build" / "html")).resolve()
sys.path[:0] = [str(ROOT / folder) for folder in ("", "docs/_ext", "docs/tools")]
os.environ["OPENBLAS_NUM_THREADS"] = "1"  # for matrices as small as the book's, threads only wait

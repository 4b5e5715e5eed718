"""The browser that prints the book and in which its pages are checked."""

import os
import shutil
from pathlib import Path

BROWSERS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"]


def find_browser(play) -> str:
    """The one that CHROMIUM names, the first on the path, or Playwright's own."""
    on_path = [path for path in map(shutil.which, BROWSERS) if path]
    for path in (os.environ.get("CHROMIUM"), *on_path, play.chromium.executable_path):
        if path and Path(path).exists():
            return path
    raise SystemExit(
        "there is no Chromium or Chrome on the path: install one, name its program in CHROMIUM, or "
        "run `playwright install chromium`"
    )

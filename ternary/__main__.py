"""``python -m ternary``."""

import sys

from ternary.cli import main

if __name__ == "__main__":
    sys.exit(main())

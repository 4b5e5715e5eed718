"""The reader's program travels in the package: the course grades answers by it."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

PROGRAM = ("ternary_train.py", "ternary_parts.py")


class WithProgram(build_py):
    """Copies the program beside the modules of the course."""

    def run(self):
        super().run()
        if not self.editable_mode:  # an editable package finds them in the repository
            folder = Path(self.build_lib, "ternary", "course", "readers_program")
            folder.mkdir(parents=True, exist_ok=True)
            for name in PROGRAM:
                self.copy_file(str(Path("book", "program", name)), str(folder / name))


setup(cmdclass={"build_py": WithProgram})

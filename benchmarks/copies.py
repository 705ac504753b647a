"""Copies of the project in which workflows run, so that the results of this one stay unchanged."""

import os
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def copy_project(folder: Path) -> None:
    """Copy what Snakemake needs to a folder."""
    for name in ("spatialgan", "params", "workflow"):
        skip = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=skip)
    shutil.copy(ROOT / "Snakefile", folder)
    (folder / "profiles").symlink_to("workflow/profiles")


def environment_of(folder: Path) -> dict[str, str]:
    """Return the environment in which commands use the code of a copy, on one thread."""
    commands = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": commands, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}

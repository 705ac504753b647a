"""Copies of the project in which workflows and DVC run, so that a test's results are its own."""

import os
import shutil
from pathlib import Path

from benchmarks import copies

PROJECT = copies.ROOT


def copy_project(folder: Path) -> dict[str, str]:
    """Copy what Snakemake needs to a folder, and return the environment to run it in there, without a GPU."""
    copies.copy_project(folder)
    return {**os.environ, "PYTHONPATH": str(folder), "CUDA_VISIBLE_DEVICES": ""}


def copy_dvc(folder: Path) -> None:
    """Copy what DVC needs beside that, without its cache."""
    (folder / ".dvc").mkdir()
    for name in (
        ".gitignore",
        ".gitattributes",
        ".dvcignore",
        ".dvc/config",
        ".dvc/.gitignore",
        "dvc.yaml",
    ):
        shutil.copy(PROJECT / name, folder / name)

"""Copies of the project in which workflows and DVC run, so that a test's results are its own."""

import os
import shutil
from pathlib import Path

PROJECT = Path(__file__).parents[1]


def copy_project(folder: Path) -> dict[str, str]:
    """Copy what Snakemake needs to a folder, and return the environment to run it in there, without a GPU."""
    for name in ("spatialgan", "params", "workflow"):
        skip = shutil.ignore_patterns("__pycache__")
        shutil.copytree(PROJECT / name, folder / name, ignore=skip)
    (folder / "profiles").symlink_to("workflow/profiles")
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

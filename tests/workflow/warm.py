"""Snakemake and DVC in forks of a process that has imported them, and PyTorch: a start takes no seconds.

What belongs to the project is imported by the fork, from the copy of the project in which it runs.
"""

import multiprocessing
import os
import sys
from importlib import import_module
from pathlib import Path
from subprocess import CompletedProcess
from tempfile import TemporaryDirectory

MAINS = {"snakemake": "snakemake.cli", "dvc": "dvc.cli"}
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["torch", *MAINS.values()])


def run(
    program: str, arguments: tuple[str, ...], folder: Path, environment: dict[str, str]
) -> CompletedProcess[str]:
    """Run a program's command line in a folder to its end."""
    with TemporaryDirectory() as said:
        out, err = Path(said) / "stdout", Path(said) / "stderr"
        process = FORKS.Process(
            target=_run, args=(program, arguments, folder, environment, (out, err))
        )
        process.start()
        process.join()
        return CompletedProcess(
            (program, *arguments),
            process.exitcode or 0,
            out.read_text(errors="replace"),
            err.read_text(errors="replace"),
        )


def _run(
    program: str,
    arguments: tuple[str, ...],
    folder: Path,
    environment: dict[str, str],
    said: tuple[Path, Path],
) -> None:
    """In the fork: be the program."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for number, path in zip((1, 2), said, strict=True):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    here = str(Path(__file__).parents[2])
    sys.path = [str(folder), *(place for place in sys.path if place not in ("", here))]
    sys.argv = [program, *arguments]
    sys.exit(import_module(MAINS[program]).main())

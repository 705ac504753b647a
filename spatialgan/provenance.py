"""Which commit of the code made a result."""

import subprocess
from pathlib import Path


def source_commit() -> str:
    """Return the running code's commit, "unknown" where git doesn't have it.

    It ends in "-dirty" where the code or params/ differ from the commit. What the workflow makes lies in git
    too, and is being made: it doesn't count.
    """
    if not _git("ls-files", "--", Path(__file__).name):  # installed, or no git
        return "unknown"
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", ":/params")
    return _git("rev-parse", "HEAD") + ("-dirty" if changed else "")


def _git(*arguments: str) -> str:
    """Return what git says in the code's folder, "" where it fails or isn't there."""
    command = ["git", "--no-optional-locks", *arguments]  # many jobs ask at once, and none may wait
    try:
        folder = Path(__file__).parent
        run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError:  # no git on this machine
        return ""
    return run.stdout.strip() if run.returncode == 0 else ""

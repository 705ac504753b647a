"""Which commit of the code made a result."""

import subprocess
from pathlib import Path


def source_commit() -> str:
    """Return the running code's commit ("-dirty" where files differ), "unknown" without git."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        folder = Path(__file__).parent
        run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError:  # no git on this machine
        return "unknown"
    return run.stdout.strip() or "unknown"

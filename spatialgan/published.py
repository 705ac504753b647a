"""Published weights: files that people put into one folder by hand. Nothing is ever downloaded.

The folder is data/weights, or the one that the environment variable SPATIALGAN_WEIGHTS names.
"""

import os
from pathlib import Path

FOLDER = "data/weights"
VARIABLE = "SPATIALGAN_WEIGHTS"


def published_path(url: str) -> Path:
    """Return the path on this machine of the file published at a URL, under the same name."""
    return Path(os.environ.get(VARIABLE, FOLDER)) / url.rpartition("/")[2]


def check_present(path: Path, url: str) -> None:
    """Raise ValueError, naming the URL, if a published file is missing."""
    if not path.is_file():
        raise ValueError(f"{path} is missing: get it from {url}")

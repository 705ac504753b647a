"""Where commands write: never over an input or another output, to a device, or into a read-only file."""

import os
from collections.abc import Sequence
from pathlib import Path


def check_outputs(outputs: Sequence[Path], inputs: Sequence[Path] = ()) -> list[Path]:
    """Return the files to write to: links are followed, so that they stay links.

    Raises ValueError, in one line, if one is an input or another output, is not a regular file, is "-" or is read-only.
    """
    taken = {os.path.realpath(path): f"{path}, which is read" for path in inputs}
    found = []
    for path in outputs:
        real = Path(os.path.realpath(path))
        _check_named(path)
        if str(real) in taken:
            raise ValueError(f"{path} would be written over {taken[str(real)]}: name another file")
        taken[str(real)] = f"{path}, which is also written"
        _check_writable(path, real)
        found.append(real)
    return found


def _check_named(path: Path) -> None:
    if str(path) == "-":
        raise ValueError("this can't be written to standard output: name a file")


def _check_writable(path: Path, real: Path) -> None:
    from spatialgan.documents import unusual_kind  # with YAML, which `--help` does without

    try:
        mode = real.stat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise ValueError(f"{path}: cannot be written ({error.strerror})") from None
    kind = unusual_kind(mode)
    if kind:
        raise ValueError(f"{path} is {kind}: name a file")
    if not mode & 0o222 or not os.access(real, os.W_OK):
        raise ValueError(f"{path} is read-only: name another file, or make it writable")


def check_suffix(path: Path, suffix: str) -> Path:
    """Return a path; raises ValueError unless its name ends in the suffix of what is written."""
    _check_named(path)
    if path.suffix.lower() != suffix:
        raise ValueError(f"{path}: the name must end in {suffix}, since that is what is written")
    return path


def scene_outputs(path: Path, scene_file: Path, *beside: str) -> list[Path]:
    """Return the paths of a changed scene, of its image, and of the files beside it, whose names end as given.

    Raises ValueError as `check_outputs` does, and if the scene's file doesn't end in .json.
    """
    if os.path.realpath(path) == os.path.realpath(scene_file):
        raise ValueError(f"{path} is the scene itself: name another file for the changed one")
    stem = check_suffix(path, ".json").with_suffix("")
    others = [stem.with_name(f"{stem.name}{ending}") for ending in (".png", *beside)]
    return check_outputs([path, *others], [scene_file])

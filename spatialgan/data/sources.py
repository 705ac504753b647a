"""SOURCES: where images come from: drawings, an image folder, a StyleGAN ZIP, an LSUN database.

A source is a frozen dataclass whose fields are the keys of its row in params/datasets.yaml. It says how
many images it will give, and gives them in a fixed order, each as an `Entry` that is read later, so that
one bad image does not end the series. To add one, write the dataclass in a module of its own, with what
entries.py has, and give it a key in SOURCES.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from spatialgan import drawn
from spatialgan.data.archive import image_members, open_zip
from spatialgan.data.entries import FILTERS, Entry, crop_and_resize
from spatialgan.data.lmdb_file import check_library, read_entries, read_header
from spatialgan.data.members import (
    MAX_BYTES,
    BadMember,
    decode_image,
    is_image_name,
    read_member,
)
from spatialgan.documents import read_bytes, read_error
from spatialgan.files import file_sha256
from spatialgan.variants import check_choice

LINKED = "a linked folder, whose images are not read: name it as a data set of its own, or copy it"
PROBED_DRAWINGS = 8  # drawn again to tell whether the drawing code still gives the same pictures


@runtime_checkable
class Source(Protocol):
    """The interface of a source."""

    def size(self) -> int:  # pyright: ignore[reportReturnType]
        """Return the number of images it has, 0 if there is no limit."""

    def entries(self, resolution: int) -> Iterator:  # pyright: ignore[reportReturnType]
        """Yield an Entry for each image at `resolution` pixels per side, in a fixed order."""

    def fingerprint(self, resolution: int) -> str:  # pyright: ignore[reportReturnType]
        """Return a cheap hash that changes with the images, "" if the originals are gone."""


@dataclass(frozen=True)
class Procedural:
    """Pictures drawn from a seed (see spatialgan.drawn)."""

    scene: str  # what is drawn: a key of drawn.DRAWINGS
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the name before anything is drawn."""
        check_choice(drawn.DRAWINGS, "scene", self.scene)

    def size(self) -> int:
        """Return 0: there is no limit."""
        return 0

    def entries(self, resolution: int) -> Iterator:
        """Yield drawings, endlessly."""
        index = 0
        while True:
            yield Entry(f"{self.scene} {index}", self._drawer(index, resolution))
            index += 1

    def fingerprint(self, resolution: int) -> str:
        """Return a hash of the first drawings."""
        probes = [self._drawer(index, resolution)().tobytes() for index in range(PROBED_DRAWINGS)]
        return hashlib.sha256(b"".join(probes)).hexdigest()

    def _drawer(self, index: int, resolution: int) -> Callable[[], np.ndarray]:
        return lambda: drawn.compose(self.scene, self.seed, index).image(resolution)


@dataclass(frozen=True)
class Found:
    """The contents of a folder."""

    path: Path
    problem: str = ""  # why nothing of it can be read, "" where that isn't known yet


@dataclass(frozen=True)
class Folder:
    """An image folder with its subfolders, such as FFHQ's, in the order of relative paths."""

    path: str
    filter: str = "lanczos"  # key of FILTERS

    def __post_init__(self) -> None:
        """Check the filter's name."""
        check_choice(FILTERS, "filter", self.filter)

    def size(self) -> int:
        """Return the number of image files."""
        return len(self._walk())

    def entries(self, resolution: int) -> Iterator:
        """Yield the files, center-cropped and resized."""
        root = Path(self.path).resolve()
        for found in self._walk():
            name = found.path.relative_to(self.path).as_posix()
            yield Entry(name, self._reader(root, found, name, resolution))

    def fingerprint(self, resolution: int) -> str:
        """Return a hash of the names and contents of the files; a link counts by where it leads."""
        if not Path(self.path).is_dir():
            return ""
        return _listing_hash(
            (str(one.path.relative_to(self.path)), _content(one.path)) for one in self._walk()
        )

    def _walk(self) -> list[Found]:
        """Return the image files, and the subfolders that can't be entered, in the order of relative paths."""
        root = Path(self.path)
        if not root.is_dir():
            raise ValueError(f"{root}: there is no such folder; docs/data.md says what goes where")
        found: list[Found] = []

        def note(error: OSError) -> None:
            folder = Path(error.filename)
            found.append(Found(folder, _lasting(folder, error)))

        for place, folders, names in os.walk(root, onerror=note):
            linked = [Path(place, name) for name in folders if Path(place, name).is_symlink()]
            found += [Found(folder, LINKED) for folder in linked]
            found += [Found(Path(place, name)) for name in names if is_image_name(name)]
        return sorted(found, key=lambda one: one.path.relative_to(root).as_posix())

    def _reader(self, root: Path, found: Found, name: str, resolution: int) -> Callable:
        def read() -> np.ndarray:
            if found.problem:
                raise BadMember(name, found.problem)
            if not found.path.resolve().is_relative_to(root):
                raise BadMember(name, "a link that leaves the folder")
            try:
                data = read_bytes(found.path, MAX_BYTES)
            except ValueError as error:
                raise BadMember(name, str(error).removeprefix(f"{found.path}: ")) from error
            return crop_and_resize(name, decode_image(name, data), resolution, self.filter)

        return read


@dataclass(frozen=True)
class Zip:
    """A StyleGAN ZIP, or any ZIP of images, in the order of member names; labels are not kept."""

    path: str
    filter: str = "lanczos"  # key of FILTERS

    def __post_init__(self) -> None:
        """Check the filter's name."""
        check_choice(FILTERS, "filter", self.filter)

    def size(self) -> int:
        """Return the number of image members."""
        with open_zip(Path(self.path)) as archive:
            return len(image_members(archive))

    def entries(self, resolution: int) -> Iterator:
        """Yield the members, center-cropped and resized."""
        with open_zip(Path(self.path)) as archive:
            before = ""
            for info in image_members(archive):
                repeated = info.filename == before
                before = info.filename

                def read(info=info, repeated=repeated) -> np.ndarray:
                    if repeated:
                        raise BadMember(info.filename, "a second member of this name")
                    image = decode_image(info.filename, read_member(archive, info))
                    return crop_and_resize(info.filename, image, resolution, self.filter)

                yield Entry(info.filename, read)

    def fingerprint(self, resolution: int) -> str:
        """Return a hash of the names and checksums of the members."""
        if not Path(self.path).is_file():
            return ""
        with open_zip(Path(self.path)) as archive:
            return _listing_hash((info.filename, info.CRC) for info in image_members(archive))


@dataclass(frozen=True)
class Lsun:
    """An LSUN database (LMDB, one encoded image per key), in key order."""

    path: str
    filter: str = "lanczos"  # key of FILTERS

    def __post_init__(self) -> None:
        """Check the filter's name."""
        check_choice(FILTERS, "filter", self.filter)

    def size(self) -> int:
        """Return the number of entries."""
        check_library()
        return read_header(Path(self.path)).entries

    def entries(self, resolution: int) -> Iterator:
        """Yield the entries, center-cropped and resized."""
        with closing(read_entries(Path(self.path), MAX_BYTES)) as pairs:
            for key, value in pairs:
                name = key.decode("utf-8", "backslashreplace")

                def read(name=name, value=value) -> np.ndarray:
                    if value is None:
                        raise BadMember(name, f"more than {MAX_BYTES:,} bytes")
                    image = decode_image(name, value)
                    return crop_and_resize(name, image, resolution, self.filter)

                yield Entry(name, read)

    def fingerprint(self, resolution: int) -> str:
        """Return a hash of the database's newest transaction, which counts the changes, entries and last page."""
        if not Path(self.path).exists():
            return ""
        header = read_header(Path(self.path))
        return _listing_hash([(self.path, header.transaction, header.entries, header.last_page)])


def _content(file: Path) -> str:
    """Return the sha256 of a file; in its place where a link leads, why it can't be read, or that it is too large."""
    if file.is_symlink():
        return os.readlink(file)
    if not file.is_file():
        return "no regular file"
    size = file.stat().st_size
    if size > MAX_BYTES:  # not an image
        return f"{size} bytes"
    return file_sha256(file) if os.access(file, os.R_OK) else "cannot be read"


def _lasting(path: Path, error: OSError) -> str:
    """Return why something can never be read; raises OSError, naming it, for an error that may be temporary."""
    found = read_error(path, error)
    if isinstance(found, ValueError):
        return str(found).removeprefix(f"{path}: ")
    raise found from error


def _listing_hash(rows: Iterable) -> str:
    """Return the sha256 of tuples."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(repr(row).encode("utf-8", "backslashreplace"))
    return digest.hexdigest()


SOURCES: dict[str, type[Source]] = {
    "procedural": Procedural,
    "folder": Folder,
    "zip": Zip,
    "lsun": Lsun,
}

"""The one dataset format: a StyleGAN ZIP of square PNGs, read lazily and written atomically.

Members are `00000/img00000000.png`, ... and `dataset.json`, as StyleGAN's dataset tool writes them; its
files open here (stored or deflated, with or without dataset.json) and ours open there. Writing is a
pure function of the pixels: stored members, fixed times, and a PNG encoder of our own, because
compression libraries differ from machine to machine and the sha256 must not.

Shapes: n images, r pixels per side.
"""

import errno
import hashlib
import json
import os
import struct
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from spatialgan.data.members import BadMember, decode_image, is_image_name, read_member
from spatialgan.documents import parse_json, read_error, unusual_kind
from spatialgan.files import atomic_file, file_sha256

BEGINNING = (1980, 1, 1, 0, 0, 0)  # the earliest time a ZIP can hold
BLOCK = 65535  # bytes of a stored deflate block, the most there can be


@dataclass(frozen=True)
class ArchiveFacts:
    """What identifies a written archive."""

    sha256: str
    bytes: int
    count: int  # images
    resolution: int  # pixels per side


class ImageArchive:
    """The images of a StyleGAN ZIP, in the order of their names."""

    def __init__(self, path: Path | str) -> None:
        """Read the table of contents and the first image; raise ValueError if it is not a data set."""
        self.path = Path(path)
        self._zip: zipfile.ZipFile | None = None
        self._pid = -1
        with open_zip(self.path) as archive:
            self._id = _file_id(archive)
            self._members = image_members(archive)
            if not self._members:
                raise ValueError(f"{self.path}: no images in the archive")
            first = self._members[0]
            try:
                height, width = decode_image(first.filename, read_member(archive, first)).shape[:2]
            except BadMember as error:
                raise ValueError(f"{self.path}: {error}") from error
        if height != width:
            raise ValueError(f"{self.path}: {first.filename}: {width}x{height} is not square")
        self.resolution = width

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._members)

    def __getitem__(self, index: int) -> UInt8[Tensor, "3 r r"]:
        """Return image `index`; raise ValueError naming the member if it is damaged."""
        info = self._members[index]
        try:
            image = decode_image(info.filename, read_member(self._open(), info))
            side = self.resolution
            if image.shape[:2] != (side, side):
                shape = f"{image.shape[1]}x{image.shape[0]}"
                raise BadMember(info.filename, f"{shape} where the others are {side}x{side}")
        except BadMember as error:
            raise ValueError(f"{self.path}: {error}") from error
        return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))

    def __reduce__(self) -> tuple:
        """Send only the path to worker processes: an open file cannot be copied."""
        return ImageArchive, (self.path,)

    def load(self, indices: Sequence[int]) -> UInt8[Tensor, "n 3 r r"]:
        """Return the images at `indices`."""
        images = torch.empty(len(indices), 3, self.resolution, self.resolution, dtype=torch.uint8)
        for place, index in enumerate(indices):
            images[place] = self[int(index)]
        return images

    def load_all(self) -> UInt8[Tensor, "n 3 r r"]:
        """Return all images in order."""
        return self.load(range(len(self)))

    def _open(self) -> zipfile.ZipFile:
        """Return this process's own handle: a forked child shares its parent's file position."""
        if self._zip is None or self._pid != os.getpid():
            self._zip, self._pid = open_zip(self.path), os.getpid()
            if _file_id(self._zip) != self._id:
                raise ValueError(f"{self.path} was replaced while it was in use: start again")
        return self._zip

    def sha256(self) -> str:
        """Return the sha256 of the bytes that the images are read from."""
        file = self._open().fp
        assert file is not None
        file.seek(0)
        return hashlib.file_digest(file, "sha256").hexdigest()  # pyright: ignore[reportArgumentType]


def _file_id(archive: zipfile.ZipFile) -> tuple[int, ...]:
    """Return what distinguishes an open file from one that replaced it."""
    assert archive.fp is not None
    found = os.fstat(archive.fp.fileno())
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def open_zip(path: Path) -> zipfile.ZipFile:
    """Return the ZIP opened for reading.

    Raises ValueError in one line if it is not a ZIP, and OSError, naming it, if the system fails to read it.
    """
    try:
        kind = unusual_kind(path.stat().st_mode)
        if kind:
            raise ValueError(f"it is {kind}")
        return zipfile.ZipFile(path)
    except FileNotFoundError as error:
        raise ValueError(f"{path}: there is no such file") from error
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):  # a place before the file's beginning
            raise read_error(path, error) from error
        raise ValueError(f"{path}: not a readable ZIP ({error})") from error
    except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error) as error:
        raise ValueError(f"{path}: not a readable ZIP ({error})") from error


def image_members(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """Return the image members in the order of their names."""
    images = [info for info in archive.infolist() if is_image_name(info.filename)]
    return sorted(images, key=lambda info: info.filename)


def scan_archive(path: Path | str) -> list[BadMember]:
    """Return every problem of an archive, decoding each member once."""
    problems: list[BadMember] = []
    sizes: dict[tuple[int, int], int] = {}
    with open_zip(Path(path)) as archive:
        names: set[str] = set()
        for info in image_members(archive):
            try:
                image = decode_image(info.filename, read_member(archive, info))
                if info.filename in names:
                    raise BadMember(info.filename, "a second member of this name")
                names.add(info.filename)
                usual = max(sizes, key=sizes.get, default=image.shape[:2])  # pyright: ignore[reportArgumentType, reportCallIssue]
                sizes[image.shape[:2]] = sizes.get(image.shape[:2], 0) + 1
                if image.shape[0] != image.shape[1] or image.shape[:2] != usual:
                    shape = f"{image.shape[1]}x{image.shape[0]}"
                    raise BadMember(info.filename, f"{shape}, not square or unlike the others")
            except BadMember as problem:
                problems.append(problem)
        problems += _label_problems(archive, names)
    if not sizes:
        problems.append(BadMember(str(path), "no usable images"))
    return problems


def _label_problems(archive: zipfile.ZipFile, names: set[str]) -> list[BadMember]:
    """Return the faults of dataset.json: it can't be read, or has labels for missing images."""
    if "dataset.json" not in archive.namelist():
        return []
    try:
        described = parse_json(read_member(archive, archive.getinfo("dataset.json")))
        labeled = [str(name) for name, _ in described["labels"] or []]
    except (BadMember, ValueError, TypeError, KeyError) as error:
        return [BadMember("dataset.json", f"not a StyleGAN dataset.json ({error})")]
    lost = [name for name in labeled if name not in names]
    return [BadMember(name, "has a label in dataset.json, but is no image here") for name in lost]


def write_archive(path: Path, images: Iterable) -> ArchiveFacts:
    """Write images (uint8 [r r 3]) atomically as a StyleGAN ZIP, and return what identifies it.

    Raises ValueError if there are no images.
    """
    count, resolution = 0, 0
    with atomic_file(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for count, image in enumerate(images, start=1):
            resolution = resolution or image.shape[0]
            assert image.shape == (resolution, resolution, 3) and image.dtype == np.uint8
            number = f"{count - 1:08d}"
            _store(archive, f"{number[:5]}/img{number}.png", encode_png(image))
        if not count:
            raise ValueError(f"{path}: no images to write")
        _store(archive, "dataset.json", json.dumps({"labels": None}).encode())
    return ArchiveFacts(file_sha256(path), path.stat().st_size, count, resolution)


def _store(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    info = zipfile.ZipInfo(name, BEGINNING)
    info.create_system, info.external_attr = 3, 0o644 << 16  # the same on every system
    archive.writestr(info, data)


def encode_png(image: UInt8[np.ndarray, "r r 3"]) -> bytes:
    """Return the image as an uncompressed 8-bit RGB PNG whose bytes depend on the pixels alone."""
    height, width = image.shape[:2]
    rows = np.zeros((height, 1 + 3 * width), dtype=np.uint8)  # byte 0 of a row: no filter
    rows[:, 1:] = image.reshape(height, -1)
    raw = rows.tobytes()
    parts = [b"\x78\x01"]
    for start in range(0, len(raw), BLOCK):
        piece = raw[start : start + BLOCK]
        last = start + BLOCK >= len(raw)
        parts += [struct.pack("<BHH", last, len(piece), len(piece) ^ 0xFFFF), piece]
    parts.append(struct.pack(">I", zlib.adler32(raw)))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", b"".join(parts)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

"""Damaged and hostile collections of images: ZIPs, folders, LMDB databases.

What is read of them is an image that was there, or is named in one line; a source that can't be read at all is refused
in one line; `prepare` writes a whole data set or none.
"""

import io
import os
import random
import shutil
import socket
import struct
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spatialgan.data.archive import ImageArchive, encode_png, scan_archive, write_archive
from spatialgan.data.members import BadMember, decode_image
from spatialgan.data.prepare import load_manifest, prepare_dataset
from spatialgan.data.sources import Folder, Lsun, Zip
from tests.campaign.conftest import Campaign
from tests.campaign.damage import Taken, damaged_bytes, take
from tests.campaign.fuzz_images import pictures

pytestmark = [pytest.mark.campaign, pytest.mark.unchecked, pytest.mark.slow]

SIDE = 8
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
NAMES = (
    *("a.png", "b/c.PNG", "/abs.png", "../up.png", "a/../../up.png", "C:\\x.png", "._a.png", "x"),
    *("__MACOSX/a.png", "new\nline.png", "\x1b[31m.png", "ü.jpg", "x.gif", ".png", "a.png/"),
    *("-o.png", " .png", "a" * 200 + ".png", "dataset.json", "\udcff.png"),
)
CENTRAL, LOCAL = b"PK\x01\x02", b"PK\x03\x04"
# in the central directory: version, flags, method, CRC, sizes, lengths, attributes, offset
FIELDS = {4: 2, 6: 2, 8: 2, 10: 2, 16: 4, 20: 4, 24: 4, 28: 2, 30: 2, 32: 2, 38: 4, 42: 4}
NUMBERS = (0, 1, 8, 12, 14, 95, 99, 0xFFFF, 2**31, 2**32 - 1, 64_000_000, 0o120777 << 16)


def images() -> list[np.ndarray]:
    """Return the images of all whole sources."""
    return list(np.random.default_rng(1).integers(0, 256, (3, SIDE, SIDE, 3), dtype=np.uint8))


def zips(folder: Path) -> list[bytes]:
    """Return whole ZIPs: ours, and others with every way of packing."""
    write_archive(folder / "ours.zip", images())
    return [(folder / "ours.zip").read_bytes(), *map(_packed, METHODS)]


def _packed(method: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for number, image in enumerate(images()):
            archive.writestr(f"{number}.png", encode_png(image))
        archive.writestr("dataset.json", '{"labels": [["0.png", 1], ["1.png", 2]]}')
    return file.getvalue()


def crafted_zip(dice: random.Random) -> bytes:
    """Return a ZIP of members with odd names and contents, or one whose directory lies."""
    file = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w", dice.choice(METHODS)) as archive:
        warnings.simplefilter("ignore", UserWarning)  # of names that are there twice
        for _ in range(dice.randrange(5)):
            archive.writestr(dice.choice(NAMES[:-1]), contents(dice))
    changed = bytearray(file.getvalue())
    place = changed.find(CENTRAL)
    if place >= 0 and dice.random() < 0.7:
        at = dice.choice(list(FIELDS))
        number = dice.choice(NUMBERS) % 2 ** (8 * FIELDS[at])
        changed[place + at : place + at + FIELDS[at]] = number.to_bytes(FIELDS[at], "little")
    return bytes(changed)


def contents(dice: random.Random) -> bytes:
    """Return the bytes of what may be an image."""
    good = encode_png(dice.choice(images()))
    whole = list(pictures().values())
    return dice.choice((good, good, dice.choice(whole), b"", b"\0" * 3000, b'{"labels": 3}'))


def test_damaged_zips_are_refused_or_hold_what_they_held(
    campaign: Campaign, tmp_path: Path
) -> None:
    path, whole = tmp_path / "x.zip", zips(tmp_path)
    known = {image.tobytes() for image in images()}
    readers: tuple[Callable[[], Any], ...] = (
        lambda: scan_archive(path),
        lambda: list(ImageArchive(path).load_all()),
        lambda: entries(Zip(str(path))),
        lambda: Zip(str(path)).fingerprint(SIDE),
        lambda: prepared({"source": "zip", "path": str(path)}, tmp_path / "made"),
    )
    for seed in campaign.cases("ZIP", 150):
        dice = random.Random(f"zip {seed}")
        is_crafted = dice.random() < 0.3
        path.write_bytes(crafted_zip(dice) if is_crafted else damaged_zip(whole, dice))
        number = dice.choice((0, 0, 1, 1, 2, 2, 3, 4))
        taken = take(readers[number], path if number < 4 else None)
        fault = taken.fault
        if number == 1 and taken.value and not is_crafted:
            if any(one.numpy().transpose(1, 2, 0).tobytes() not in known for one in taken.value):
                fault = "holds another image than before"
        if fault:
            campaign.failed(f"{seed} (reader {number})", fault)


def damaged_zip(whole: list[bytes], dice: random.Random) -> bytes:
    """Return a ZIP with bytes changed, mostly where its directory is."""
    data = dice.choice(whole)
    if dice.random() < 0.5:
        place = data.find(CENTRAL)
        return data[:place] + damaged_bytes(data[place:], dice)
    if dice.random() < 0.3:
        place = data.rfind(LOCAL)
        return data[:place] + damaged_bytes(data[place : place + 60], dice) + data[place + 60 :]
    return damaged_bytes(data, dice)


def entries(source: Any) -> int:
    """Return how many images a source holds, of which those that can't be used may be named."""
    count = 0
    for entry in source.entries(SIDE):
        try:
            assert entry.read().shape == (SIDE, SIDE, 3)
            count += 1
        except BadMember as bad:
            assert bad.reason
    return count


def prepared(row: dict, folder: Path) -> Any:
    """Return the manifest of a data set that is prepared from a row, having checked that the data set is whole."""
    shutil.rmtree(folder, ignore_errors=True)
    archive, manifest = folder / "x.zip", folder / "x.json"
    try:
        made = prepare_dataset({**row, "on_bad": "skip"}, SIDE, 0, archive, manifest)
    except Exception:
        assert not folder.exists() or not list(folder.iterdir()), "something was left"
        raise
    assert load_manifest(manifest) == made
    assert len(ImageArchive(archive)) == made.count and scan_archive(archive) == []
    return made


def test_odd_folders_are_read_or_named(campaign: Campaign, tmp_path: Path) -> None:
    root = tmp_path / "images"
    for seed in campaign.cases("image folder", 80):
        dice = random.Random(f"folder {seed}")
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir()
        for _ in range(dice.randrange(1, 7)):
            add_something(root, dice)
        source = Folder(str(root))
        readers = (
            lambda source=source: (source.size(), source.fingerprint(SIDE), entries(source)),
            lambda: prepared({"source": "folder", "path": str(root)}, tmp_path / "made"),
        )
        taken = take(dice.choice(readers))
        if taken.fault:
            campaign.failed(f"{seed} ({os.listdir(os.fsencode(root))})", taken.fault)


def add_something(root: Path, dice: random.Random) -> None:
    """Add an image or something odd to a folder."""
    folder = root / dice.choice((".", ".", "sub", "sub/deep", "odd \x1b[31m", "x.png"))
    name = dice.choice([*NAMES[:2], *NAMES[6:-3], NAMES[-1]]).replace("/", "_")
    path = folder / name
    # Writing to a pipe would wait, and through a link would change what is elsewhere.
    if os.path.lexists(path):
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        match dice.randrange(10):
            case 0:
                os.mkfifo(path)
            case 1:
                path.symlink_to(
                    dice.choice(("nowhere", path.name, "/dev/zero", "/etc/passwd", ".."))
                )
            case 2:
                path.symlink_to(dice.choice(list(root.iterdir())))
            case 3:
                path.mkdir()
            case 4:
                _listen(path)
            case 5:
                path.touch()
                os.truncate(path, dice.choice((10, 10**6, 2**40)))
            case _:
                path.write_bytes(contents(dice))
    except (FileExistsError, IsADirectoryError, NotADirectoryError, OSError, IndexError):
        pass  # a folder's name is a file's already


def _listen(path: Path) -> None:
    """Leave a socket at a path."""
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.fspath(path))


def databases(folder: Path) -> Iterator[bytes]:
    """Yield whole LMDB databases: a small one, and one with values of many pages."""
    lmdb = pytest.importorskip("lmdb")
    for number, count in enumerate((3, 200)):
        path = folder / f"whole{number}"
        with lmdb.open(str(path), map_size=1 << 22) as made, made.begin(write=True) as writer:
            for key in range(count):
                image = images()[key % 3]
                large = np.tile(image, (8, 8, 1)) if key % 7 == 0 else image
                writer.put(f"key{key}".encode(), encode_png(large))
        yield (path / "data.mdb").read_bytes().rstrip(b"\0") + bytes(4096)


def test_damaged_databases_are_refused_or_read(campaign: Campaign, tmp_path: Path) -> None:
    path, whole = tmp_path / "lmdb", list(databases(tmp_path))
    path.mkdir()
    for seed in campaign.cases("LMDB", 6):
        dice = random.Random(f"lmdb {seed}")
        (path / "data.mdb").write_bytes(damaged_database(dice.choice(whole), dice))
        taken: Taken = take(lambda: entries(Lsun(str(path))), path)
        if taken.fault:
            campaign.failed(seed, taken.fault)


def damaged_database(data: bytes, dice: random.Random) -> bytes:
    """Return a database with bytes changed, often in the headers of its pages."""
    changed, page = bytearray(data), 4096
    match dice.randrange(5):
        case 0:
            return damaged_bytes(data, dice)
        case 1:
            del changed[dice.randrange(len(data)) // page * page :]
        case 2:  # a page in place of another
            here, there = (dice.randrange(len(data) // page) * page for _ in range(2))
            changed[here : here + page] = changed[there : there + page]
        case _:
            at = dice.randrange(len(data) // page) * page + dice.randrange(0, 160, 2)
            struct.pack_into("<H", changed, at, dice.choice((0, 1, 2, 8, 16, 255, 4096, 65535)))
    return bytes(changed)


def test_decoding_is_bounded_by_names(campaign: Campaign) -> None:
    for seed in campaign.cases("name of an image", 200):
        dice = random.Random(f"name {seed}")
        name = damaged_bytes(dice.choice(NAMES[:-1]).encode(), dice).decode(
            "utf-8", "surrogateescape"
        )
        taken = take(lambda name=name: decode_image(name, b"x"))
        if taken.fault:
            campaign.failed(f"{seed} ({name!r})", taken.fault)

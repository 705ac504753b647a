"""Turn a row of params/datasets.yaml into an archive and its manifest, checking every image once.

Nothing appears unless everything is good: bad images are listed and stop the preparation, or, if the
row says `on_bad: skip`, are left out and listed in the manifest. The manifest identifies the archive
(sha256) and says where it came from.

Shapes: r pixels per side.
"""

import hashlib
import itertools
import logging
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import get_origin, get_type_hints

from tqdm import tqdm

from spatialgan.data.archive import ImageArchive, write_archive
from spatialgan.data.members import BadMember
from spatialgan.data.sources import SOURCES, Source
from spatialgan.files import file_sha256
from spatialgan.messages import Listed
from spatialgan.records import read_record, write_record
from spatialgan.results import DatasetFiles
from spatialgan.variants import check_choice, shown

ON_BAD = ("error", "skip")
# beside the fields of the source
ROW_KEYS = ("source", "max_images", "on_bad", "licence", "stand_in_for")
LISTED = 20  # bad images named in an error
AGAIN = "run spatialgan prepare again"
MAX_BAD = 1000  # bad images after which the rest is not looked at


log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Manifest:
    """What a prepared archive is and where it came from."""

    sha256: str
    bytes: int
    count: int  # images
    resolution: int  # pixels per side
    num_images: int  # images asked for, 0 for all
    source: str
    filter: str  # "none" if nothing was resized
    licence: str
    stand_in_for: str  # the public data set that drawings stand in for, "" for real images
    duplicates: int  # images whose pixels had been seen before; they are kept
    skipped: list[dict[str, str]]  # name and reason of the images left out
    fingerprint: str  # of the source, to notice changed originals or drawing code
    row: dict  # as it stood in params/datasets.yaml
    made_from: dict = field(default_factory=dict)  # the stamp, put there by the command
    # of the manifest itself, put there when it is written
    checksum: str = field(default="", compare=False)


@dataclass
class Tally:
    """Counts and faults noticed while reading."""

    bad: list[BadMember] = field(default_factory=list)
    seen: set[bytes] = field(default_factory=set)  # hashes of pixels
    duplicates: int = 0


def prepare_dataset(
    row: dict, resolution: int, num_images: int, archive: Path, manifest: Path
) -> Manifest:
    """Write `archive` and `manifest` for the first `num_images` images of `row`, 0 for all of them.

    All means those of the source, or its first `max_images` where the row says so.
    With `on_bad: skip` the archive holds those of the first `num_images` that are good. Returns at once
    if both files are there and match. Raises ValueError if the row or an image is wrong.
    """
    source = source_of(row)
    if resolution < 4 or resolution & (resolution - 1):
        raise ValueError(f"the resolution is a power of two from 4 up, got {resolution}")
    present = matching_manifest(row, resolution, num_images, archive, manifest)
    if present is not None:
        log.info(
            "%s: up to date (%d images, sha256 %s)", archive, present.count, present.sha256[:12]
        )
        return present
    total, fingerprint = _total(row, source, num_images), source.fingerprint(resolution)
    tally = Tally()
    with closing(source.entries(resolution)) as series:  # pyright: ignore[reportArgumentType]
        entries = itertools.islice(series, total)
        with tqdm(entries, total=total, desc=f"prepare {archive.name}", unit="img") as progress:
            on_bad = row.get("on_bad", "error")
            written = write_archive(archive, _good_images(progress, tally, on_bad))
    made = Manifest(
        **asdict(written),
        num_images=num_images,
        source=row["source"],
        filter=getattr(source, "filter", "none"),
        licence=str(row.get("licence", "")),
        stand_in_for=str(row.get("stand_in_for", "")),
        duplicates=tally.duplicates,
        skipped=[{"name": bad.name, "reason": bad.reason} for bad in tally.bad],
        fingerprint=fingerprint,
        row=row,
    )
    write_record(manifest, asdict(made))
    return made


def source_of(row: dict) -> Source:
    """Return the source a row describes; raise ValueError naming what is unknown or missing."""
    kind = row.get("source")
    check_choice(SOURCES, "source", kind)
    if row.get("on_bad", "error") not in ON_BAD:
        raise ValueError(f"on_bad is {' or '.join(ON_BAD)}, got {row['on_bad']!r}")
    known = [key.name for key in fields(SOURCES[kind])]  # pyright: ignore[reportArgumentType]
    unknown = [str(key) for key in row if key not in (*ROW_KEYS, *known)]
    if unknown:
        options = ", ".join((*known, *ROW_KEYS))
        raise ValueError(f"a {kind} dataset has no {', '.join(unknown)}: its keys are {options}")
    first = "scene" if kind == "procedural" else "path"
    if first not in row:
        raise ValueError(f"a {kind} dataset needs the key {first}")
    return SOURCES[kind](**{key: row[key] for key in known if key in row})  # pyright: ignore[reportArgumentType]


def load_manifest(path: Path) -> Manifest:
    """Return the manifest in a file; raise ValueError if the file is missing or not a manifest."""
    found = _record(path)
    kinds = get_type_hints(Manifest)
    for one in fields(Manifest):
        if one.name not in found:
            if one.default is MISSING and one.default_factory is MISSING:
                raise ValueError(f"{path}: not a dataset manifest, it has no {one.name}: {AGAIN}")
            continue
        kind, value = get_origin(kinds[one.name]) or kinds[one.name], found[one.name]
        if type(value) is not kind or (kind is int and value < 0):
            raise ValueError(
                f"{path}: not a dataset manifest, {one.name} is {shown(value)}: {AGAIN}"
            )
    unknown = found.keys() - kinds.keys()
    if unknown:
        raise ValueError(f"{path}: not a dataset manifest, {shown(min(unknown))} in it: {AGAIN}")
    return Manifest(**found)


def described_sha256(files: DatasetFiles) -> str:
    """Return the sha256 that a data set's manifest gives; raises ValueError if it has none."""
    found = _record(files.manifest).get("sha256")
    if not isinstance(found, str) or not found:
        raise ValueError(f"{files.manifest}: not a dataset manifest (spatialgan prepare makes one)")
    return found


def check_archive(archive: ImageArchive, files: DatasetFiles) -> None:
    """Raise ValueError unless an opened archive is the one that its manifest describes, by its bytes."""
    if archive.sha256() != described_sha256(files):
        raise ValueError(
            f"{files.archive} is not the archive that {files.manifest} describes: "
            f"spatialgan prepare makes both anew"
        )


def _record(path: Path) -> dict:
    if not path.is_file():
        raise ValueError(f"{path}: there is no such manifest (spatialgan prepare)")
    try:
        return read_record(path)
    except ValueError as error:
        raise ValueError(f"not a dataset manifest: {error}") from None


def matching_manifest(
    row: dict, resolution: int, num_images: int, archive: Path, manifest: Path
) -> Manifest | None:
    """Return the manifest if it and the archive are what the row asks for, else None."""
    try:
        found = load_manifest(manifest)
    except ValueError:
        return None
    asked = (row, resolution, num_images)
    if (
        found.row,
        found.resolution,
        found.num_images,
    ) != asked or not archive.is_file():
        return None
    if archive.stat().st_size != found.bytes or file_sha256(archive) != found.sha256:
        return None
    # Originals may be deleted once they are prepared; only changed ones make the archive stale.
    now = source_of(row).fingerprint(resolution)
    return found if now in ("", found.fingerprint) else None


def _total(row: dict, source: Source, num_images: int) -> int:
    """Return how many entries to read."""
    size, most = source.size(), row.get("max_images", 0)
    if num_images < 0 or most < 0:
        raise ValueError("num_images and max_images are 0 (all) or more")
    if most and num_images > most:
        raise ValueError(f"{num_images} images asked for, but max_images is {most}")
    wanted = num_images or most
    if row["source"] == "procedural":
        if not wanted:
            raise ValueError("drawings are endless: say how many images to draw")
        return wanted
    if size == 0:
        raise ValueError(f"{row['path']}: no images there")
    if wanted > size:
        raise ValueError(f"{row['path']}: {wanted} images asked for, but there are only {size}")
    return wanted or size


def _good_images(entries: Iterable, tally: Tally, on_bad: str) -> Iterator:
    """Yield the images that can be read, uint8 [r r 3]; raise ValueError with all the others unless skipping."""
    for entry in entries:
        try:
            image = entry.read()
        except BadMember as bad:
            tally.bad.append(bad)
            if on_bad == "error" and len(tally.bad) >= MAX_BAD:
                break
            continue
        digest = hashlib.blake2b(image.tobytes(), digest_size=16).digest()
        tally.duplicates += digest in tally.seen
        tally.seen.add(digest)
        yield image
    if tally.bad and (on_bad == "error" or not tally.seen):
        head = f"{len(tally.bad)} images cannot be used (on_bad: skip leaves them out):"
        raise Listed(head, _listed(tally.bad))
    if tally.bad:
        log.warning("%d images left out (on_bad: skip), which the manifest names:", len(tally.bad))
        for line in _listed(tally.bad):
            log.warning("  %s", line)


def _listed(bad: list[BadMember]) -> list[str]:
    """Return a line for each of the first bad images, and how many more there are."""
    more = [f"and {len(bad) - LISTED} more"] if len(bad) > LISTED else []
    return [*map(str, bad[:LISTED]), *more]

"""Check that bytes haven't changed: data sets, snapshots, checkpoints, segmenters, metrics, and DVC's objects.

Every heavy file is described by a small one or by its own header: an archive by its manifest, a snapshot and the
weights of a segmenter by their records, all safetensors by the sha256 in their header, an object of DVC by its name;
a record itself by its checksum.
DVC doesn't check again: it delivers a damaged object of its cache as if it were intact.
"""

import configparser
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from spatialgan.data.archive import scan_archive
from spatialgan.documents import open_regular, read_json, read_text, read_yaml
from spatialgan.files import file_sha256
from spatialgan.records import read_sealed
from spatialgan.results import Results
from spatialgan.tensor_file import load_tensors
from spatialgan.variants import shown

NAMED = 5  # damaged images of one archive that are named


@dataclass(frozen=True)
class Check:
    """One file and how to check it."""

    path: Path
    faults: Callable[[], Iterable[str]]  # one line each, without the path


@dataclass
class Audit:
    """What a verification found."""

    num_files: int = 0  # files read
    num_bytes: int = 0
    absent: list[Path] = field(default_factory=list)  # described, but not here
    faults: list[str] = field(default_factory=list)  # one line each


def audit(checks: Iterable[Check]) -> Audit:
    """Return what all checks find; shows a progress bar on a terminal."""
    found = Audit()
    checks = list(checks)
    sizes = [_size(check.path) for check in checks]
    with tqdm(
        total=sum(filter(None, sizes)), unit="B", unit_scale=True, desc="verify", disable=None
    ) as bar:
        for check, size in zip(checks, sizes, strict=True):
            if size is None:
                found.absent.append(check.path)
                continue
            found.faults += [f"{check.path}: {fault}" for fault in _faults_of(check)]
            found.num_files += 1
            found.num_bytes += size
            bar.update(size)
    return found


def _size(path: Path) -> int | None:
    """Return a file's size in bytes, None if there is no file; 0 if the system can't say: reading it tells why."""
    try:
        return path.stat().st_size if path.is_file() else None
    except OSError:
        return 0


def _faults_of(check: Check) -> list[str]:
    """Return the faults that a check finds; a file that the system can't read doesn't stop the verification."""
    try:
        return list(check.faults())
    except OSError as error:
        return [_without_path(error, check.path)]


def results_checks(results: Results) -> Iterator[Check]:
    """Yield the checks of a profile's results."""
    for data in results.datasets():
        yield Check(data.archive, partial(_archive_faults, data.archive, data.manifest))
    for run in results.runs():
        faults = partial(_weights_faults, run.snapshot, run.record, "snapshot_sha256")
        yield Check(run.snapshot, faults)
        yield Check(run.curves, partial(_curves_faults, run.curves, run.record))
        for record in results.metrics(run.name):
            yield Check(record, partial(_record_faults, record))
    for segmenter in results.segmenters():
        faults = partial(_weights_faults, segmenter.weights, segmenter.record, "sha256")
        yield Check(segmenter.weights, faults)
    for path in (*results.kept_snapshots(), *results.checkpoints()):
        yield Check(path, partial(_tensor_faults, path))


def _archive_faults(archive: Path, manifest: Path) -> Iterator[str]:
    yield from _faults_beside(manifest)
    wanted = _recorded(manifest, "sha256")
    if wanted == file_sha256(archive):
        return
    try:
        bad = scan_archive(archive)
    except ValueError as error:
        yield _without_path(error, archive)
        return
    for member in bad[:NAMED]:
        yield str(member)
    if len(bad) > NAMED:
        yield f"and {len(bad) - NAMED} more images"
    if not bad:
        yield f"every image can be read, but the bytes are not those that {manifest.name} describes"


def _weights_faults(weights: Path, record: Path, key: str) -> Iterator[str]:
    yield from _faults_beside(record)
    faults = list(_tensor_faults(weights))
    yield from faults
    if not faults and file_sha256(weights) != _recorded(record, key):
        yield f"intact, but not the file that {record.name} describes"


def _curves_faults(curves: Path, record: Path) -> Iterator[str]:
    wanted = _recorded(record, "curves_sha256")
    if wanted and wanted != file_sha256(curves):  # records of before don't have it
        yield f"not the file that {record.name} describes"


def _faults_beside(record: Path) -> Iterator[str]:
    """Yield what is wrong with the record of a heavy file."""
    yield from (f"{record.name}, which describes it, {fault}" for fault in _record_faults(record))


def _tensor_faults(path: Path) -> Iterator[str]:
    try:
        load_tensors(path)
    except ValueError as error:
        yield _without_path(error, path)


def _without_path(error: Exception, path: Path) -> str:
    """Return an error's words without the path they begin with."""
    return " ".join(str(error).removeprefix(str(path)).removeprefix(":").split())


def _recorded(record: Path, key: str) -> str:
    """Return a hash from a record, "" if it has none."""
    try:
        return str(read_sealed(record).get(key, ""))
    except ValueError:
        return ""


def _record_faults(path: Path) -> Iterator[str]:
    try:
        read_sealed(path)
    except ValueError as error:
        yield _without_path(error, path)


def store_checks(project: Path) -> Iterator[Check]:
    """Yield the checks of DVC's objects: its cache, and its remotes that are folders of this machine."""
    stores = _stores(project)
    names: dict[str, str] = {}
    for path, md5 in _locked(project / "dvc.lock"):
        names |= {md5: path, **dict(_members(stores, path, md5))}
    for folder in stores:
        for path in sorted((folder / "files" / "md5").glob("??/*")):
            md5 = path.parent.name + path.name.removesuffix(".dir")
            if re.fullmatch(r"[0-9a-f]{32}", md5):  # not a file on its way there
                yield Check(path, partial(_object_faults, path, md5, names.get(md5, "")))


def may_be_pulled(project: Path, path: Path) -> bool:
    """Return whether dvc.lock names a file or a folder around it, and DVC has some place to bring it from."""
    named = any(path.is_relative_to(locked) for locked, _ in _locked(project / "dvc.lock"))
    return named and bool(_stores(project) or any("://" in url for url in _urls(project)))


def _members(stores: list[Path], path: str, md5: str) -> Iterator[tuple[str, str]]:
    """Yield md5 and path of every file of a folder that a store has the list of."""
    for store in stores:
        listing = store / "files" / "md5" / md5[:2] / f"{md5[2:]}.dir"
        if listing.is_file():
            try:
                items = [(str(i["md5"]), str(i["relpath"])) for i in read_json(listing)]
                yield from ((found, f"{path}/{name}") for found, name in items)
            except (ValueError, KeyError, TypeError, OSError):
                continue  # damaged, or unreadable: another check names it


def _object_faults(path: Path, md5: str, name: str) -> Iterator[str]:
    with open_regular(path) as file:
        found = hashlib.file_digest(file, "md5").hexdigest()
    if found != md5:
        what = f"{name} as DVC would deliver it" if name else "an object that dvc.lock doesn't name"
        yield f"{what} is damaged (md5 {found}): delete this object, then dvc push or dvc pull"


def _stores(project: Path) -> list[Path]:
    """Return the cache and the local remotes that DVC's configuration names, where they exist."""
    folders = [_dvc_config(project).get("cache", "dir", fallback="cache") or "cache"]
    folders += [url for url in _urls(project) if "://" not in url]
    try:
        found = [(project / ".dvc" / Path(folder).expanduser()).resolve() for folder in folders]
        return [folder for folder in dict.fromkeys(found) if folder.is_dir()]
    except (ValueError, RuntimeError, OSError) as error:
        raise ValueError(f".dvc/config: names a folder that can't be one ({error})") from None


def _urls(project: Path) -> list[str]:
    """Return where the remotes are that DVC's configuration names."""
    config = _dvc_config(project)
    urls = (config[section].get("url", "") for section in config.sections() if "remote" in section)
    return [url for url in urls if url]


def _dvc_config(project: Path) -> configparser.ConfigParser:
    config = configparser.ConfigParser(interpolation=None, strict=False)
    for path in (project / ".dvc/config", project / ".dvc/config.local"):
        if path.exists():
            try:
                config.read_string(read_text(path))
            except (configparser.Error, AttributeError) as error:
                words = " ".join(str(error).split())
                raise ValueError(f"{path}: not a configuration of DVC ({words})") from None
    return config


def _locked(lock: Path) -> Iterator[tuple[str, str]]:
    """Yield path and md5 of everything in dvc.lock; raises ValueError if that is not a lock file of DVC."""
    if not lock.exists():
        return
    document = read_yaml(lock)
    document = {} if document is None else document  # an empty file
    stages = _mapping(lock, "the document", document).get("stages") or {}
    for name, stage in _mapping(lock, "stages", stages).items():
        for part in ("deps", "outs"):
            items = _mapping(lock, f"stage {shown(name)}", stage).get(part) or []
            if not isinstance(items, list):
                raise ValueError(f"{lock}: {part} of stage {shown(name)} is not a list")
            for item in items:
                found = _mapping(lock, f"an entry of stage {shown(name)}", item)
                md5, path = found.get("md5"), found.get("path")
                if md5 is None:
                    continue
                if not isinstance(md5, str) or not isinstance(path, str):
                    raise ValueError(f"{lock}: an entry of stage {shown(name)} has no path or md5")
                yield path, md5.removesuffix(".dir")


def _mapping(path: Path, what: str, value: Any) -> dict:
    if not isinstance(value, dict):
        raise ValueError(f"{path}: {what} is {shown(value)}, but must be a mapping")
    return value

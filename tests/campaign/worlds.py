"""Commands to disturb, each in a small folder of its own with all that it needs, and what must hold afterwards."""

import json
import os
import random
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from spatialgan.cli.main import main
from spatialgan.files import file_sha256
from spatialgan.graph import Graph
from spatialgan.params import load_params
from spatialgan.provenance import source_commit
from spatialgan.records import write_record
from tests.campaign.conftest import Campaign
from tests.campaign.disturbed import KILLS, KINDS, Outcome, run
from tests.imports import checkpoints
from tests.stand_in import pretend_all
from tests.tiny import ROOT, tiny_snapshot

RUN = "cat/spatialgan/0"
SNAPSHOT, RECORD = f"snapshots/{RUN}.safetensors", f"runs/{RUN}/train.json"
SIZES = {"num_images": 12, "kimg": 0.032, "num_comove": 2, "num_checkpoints": 4, "num_grids": 2}
# what differs between two runs of the same command, and what a killed one leaves for the next
UNTIMED = ("images_per_second", "commit", "checksum")
UNFINISHED = re.compile(r"/resume/|\.partial$|\.partial\.jsonl$")


@dataclass(frozen=True)
class World:
    """A command, the folder in which it runs, and what it leaves there undisturbed."""

    arguments: tuple[str, ...]
    folder: Path  # as it is before; cases run in copies
    before: dict[str, str]  # hash of every file
    after: dict[str, str]
    operations: list[str]

    def command(self) -> None:
        """Run it as the program does."""
        main(list(self.arguments), prog_name="spatialgan")


def make_world(folder: Path, prepare: Callable[[], None], *arguments: str) -> World:
    """Return a command's world: `prepare` fills the folder, which is then the working folder."""
    folder.mkdir(parents=True)
    here = Path.cwd()
    os.chdir(folder)
    try:
        prepare()
    finally:
        os.chdir(here)
    first = World(arguments, folder, contents(folder), {}, [])
    copy = copy_of(first, "undisturbed")
    outcome = run(first.command, copy)
    assert outcome.code == 0, outcome.said
    return World(arguments, folder, first.before, contents(copy), outcome.operations)


def copy_of(world: World, name: str) -> Path:
    """Return a fresh copy of a world's folder."""
    copy = world.folder.with_name(f"{world.folder.name}-{name}")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(world.folder, copy, symlinks=True)
    return copy


def contents(folder: Path) -> dict[str, str]:
    """Return a hash of every finished file by its name."""
    files = (Path(place) / name for place, _, names in os.walk(folder) for name in names)
    named = {file.relative_to(folder).as_posix(): file for file in files}
    return {
        name: _hash(file)
        for name, file in sorted(named.items())
        if not UNFINISHED.search(f"/{name}")
    }


def _hash(file: Path) -> str:
    """Return the hash of a file's bytes; of a record without what depends on the clock."""
    if file.name != "train.json":
        return file_sha256(file)
    try:
        record = {k: v for k, v in json.loads(file.read_bytes()).items() if k not in UNTIMED}
    except ValueError:
        return f"no JSON: {file_sha256(file)}"
    return json.dumps(record, sort_keys=True)


def disturb(
    campaign: Campaign, world: World, what: str, bounded: int, kinds: tuple = KINDS
) -> None:
    """Try disturbances of a command, and note what doesn't hold after each."""
    for seed in campaign.cases(what, bounded):
        draws = random.Random(f"{what} {seed}")
        kind, at = draws.choice(kinds), draws.randrange(len(world.operations))
        copy = copy_of(world, "disturbed")
        outcome = run(world.command, copy, kind, at)
        case = f"{seed} ({kind} at {at}: {world.operations[at]})"
        for why in faults(world, copy, outcome, kind):
            campaign.failed(case, why)
            break


def faults(world: World, copy: Path, outcome: Outcome, kind: str):
    """Yield what is wrong after a disturbance, then after the same command was run again."""
    found = contents(copy)
    for name in sorted(world.before.keys() | found.keys()):
        whole = {world.before.get(name), world.after.get(name)}
        may_go = name.endswith("/train.json")  # its snapshot is about to be another one
        if found.get(name) not in whole and not (may_go and name not in found):
            yield f"{name} is neither as before nor as it is to be"
    if kind in KILLS:
        if not outcome.killed:
            yield f"survived a kill: {outcome.said[-300:]}"
    elif outcome.code == 0:
        if found != world.after:
            yield "exit 0, but other files"
    else:
        yield from _unclear(outcome, copy)
    again = run(world.command, copy)
    if again.code:
        yield f"the same command again fails: {again.said[-300:]}"
    left = contents(copy)
    for name in sorted(world.after.keys() | left.keys()):
        if left.get(name) != world.after.get(name):
            yield f"after the same command again {name} is another"
    partials = [path.name for path in copy.rglob(".*.partial") if "resume" not in path.parts]
    if kind not in KILLS and partials:
        yield f"{partials} were left"


def _unclear(outcome: Outcome, copy: Path):
    """Yield why an exit wasn't by one clear line that names a file."""
    lines = re.findall(r"^spatialgan: (.*)$", outcome.said, re.MULTILINE)
    if outcome.code != 1 or len(lines) != 1 or "Traceback" in outcome.said:
        yield f"exit {outcome.code}: {outcome.said[-300:]}"
    elif not re.search(r"[\w.-]+/[\w./-]+|\w+\.\w+", lines[0]):
        yield f"names no file: {lines[0]}"


def project() -> None:
    """Fill the working folder with parameters of a tiny profile."""
    shutil.copytree(ROOT / "params", "params")
    path = Path("params/profiles.yaml")
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    document["profiles"]["smoke"] |= SIZES
    path.write_text(yaml.safe_dump(document), encoding="utf-8")


def with_data() -> None:
    """Fill it with a data set too."""
    project()
    main(["-q", "prepare", "cat", "-p", "smoke"], standalone_mode=False)


def with_results() -> None:
    """Fill it with what a table needs, made by no training."""
    project()
    params = load_params()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.stand_in.HEAVY", 1000)
        pretend_all(params, list(Graph(params, "smoke").table("objective").needs))


def with_snapshot() -> None:
    """Fill it with an untrained run."""
    project()
    root = Path("results/smoke").absolute()
    path = tiny_snapshot(root / SNAPSHOT)
    record = {"snapshot_sha256": file_sha256(path), "run": RUN, "commit": source_commit()}
    (root / RECORD).parent.mkdir(parents=True)
    write_record(root / RECORD, record)


def with_scene() -> None:
    """Fill it with a scene."""
    main(["scene", "bedroom", "-o", "room.json"], standalone_mode=False)


def with_foreign_model() -> None:
    """Fill it with another program's checkpoint."""
    checkpoints.write_checkpoint(Path("other.pkl"), G_ema=checkpoints.generator(with_sel=True))

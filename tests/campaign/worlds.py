"""Commands to disturb, each in a small folder of its own with all that it needs, and what must hold afterwards."""

import hashlib
import json
import os
import random
import re
import shutil
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from PIL import Image

from spatialgan.cli.main import main
from spatialgan.files import file_sha256
from spatialgan.provenance import source_commit
from spatialgan.records import write_record
from spatialgan.settings.params import load_params
from spatialgan.upkeep.graph import Graph
from tests.campaign import conftest
from tests.campaign.conftest import Campaign
from tests.campaign.disturbed import FAULTS, KILLS, Outcome, run
from tests.imports import checkpoints
from tests.stand_in import pretend_all
from tests.tiny import ROOT, tiny_snapshot

RUN = "cat/spatialgan/0"
SNAPSHOT, RECORD = f"snapshots/{RUN}.safetensors", f"runs/{RUN}/train.json"
SIZES = {"num_images": 12, "kimg": 0.032, "num_comove": 2, "num_checkpoints": 4, "num_grids": 1}
# what differs between two runs of the same command, and what a killed one leaves for the next
UNTIMED = ("images_per_second", "commit", "checksum", "seconds")
UNFINISHED = re.compile(r"/resume/|\.partial$|\.partial\.jsonl$")


@dataclass(frozen=True)
class World:
    """A command, the folder in which it runs, and what it leaves there undisturbed."""

    arguments: tuple[str, ...]
    folder: Path  # as it is before; cases run in copies
    before: dict[str, str]  # hash of every file
    after: dict[str, str]
    unstamped: dict[
        str, str
    ]  # the same, but for what says what made them: a record is written, then stamped
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
    first = World(arguments, folder, contents(folder), {}, {}, [])
    copy = copy_of(first, "undisturbed")
    outcome = run(first.command, copy)
    assert outcome.code == 0, outcome.said
    _warm_up(outcome.modules)
    before, after = first.before, contents(copy)
    return World(arguments, folder, before, after, contents(copy, _unstamped), outcome.operations)


def _warm_up(modules: list[str]) -> None:
    """Import here what a command imports, and digest the code that it digests: its forks then needn't."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in modules:
            if name not in sys.modules:
                with suppress(Exception):  # of modules that others put there
                    import_module(name)
    graph = Graph(load_params(ROOT / "params"), "smoke")
    run = graph.run(RUN)
    for step in (run, *run.needs, graph.metric(RUN, "locality"), graph.table("objective")):
        assert step.code


def copy_of(world: World, name: str) -> Path:
    """Return a fresh copy of a world's folder."""
    copy = world.folder.with_name(f"{world.folder.name}-{name}")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(world.folder, copy, symlinks=True)
    return copy


def contents(folder: Path, digest: Callable[[Path], str] | None = None) -> dict[str, str]:
    """Return a hash of every finished file by its name."""
    files = (Path(place) / name for place, _, names in os.walk(folder) for name in names)
    named = {file.relative_to(folder).as_posix(): file for file in files}
    finished = {name: file for name, file in named.items() if not UNFINISHED.search(f"/{name}")}
    return {name: (digest or _hash)(file) for name, file in sorted(finished.items())}


def _hash(file: Path, left_out: tuple[str, ...] = UNTIMED) -> str:
    """Return the hash of a file's bytes; of a record without what depends on the clock."""
    if file.suffix == ".json" and file.parts[-2:-1] != ("params",):
        try:
            record = json.loads(file.read_bytes())
        except ValueError:
            return f"no JSON: {file_sha256(file)}"
        if isinstance(record, dict):
            record = {name: value for name, value in record.items() if name not in left_out}
        return json.dumps(record, sort_keys=True)
    return file_sha256(file)


def _unstamped(file: Path) -> str:
    """Return a hash of a file but for its stamp."""
    if file.suffix != ".png":
        return _hash(file, (*UNTIMED, "made_from"))
    try:
        with Image.open(file) as picture:
            return hashlib.sha256(picture.tobytes()).hexdigest()
    except (OSError, SyntaxError):
        return f"no PNG: {file_sha256(file)}"


def disturb(campaign: Campaign, world: World, what: str, bounded: int) -> None:
    """Try disturbances of a command, two kills for each fault, and note what doesn't hold after each."""

    def name(seed: int) -> str:
        return f"{what}{conftest.FAULTS if seed % 3 == 1 else conftest.KILLS}"

    for seed in campaign.cases(name, bounded):
        draws = random.Random(f"{what} {seed}")
        kind = draws.choice(FAULTS if seed % 3 == 1 else KILLS)
        at = draws.randrange(len(world.operations))
        copy = copy_of(world, "disturbed")
        outcome = run(world.command, copy, kind, at)
        case = f"{seed} ({kind} at {at}: {world.operations[at]})"
        for why in faults(world, copy, outcome, kind):
            campaign.failed(case, why)
            break


def faults(world: World, copy: Path, outcome: Outcome, kind: str):
    """Yield what is wrong after a disturbance, then after the same command was run again."""
    found, unstamped = contents(copy), contents(copy, _unstamped)
    for name in sorted(world.before.keys() | found.keys()):
        is_whole = found.get(name) in (world.before.get(name), world.after.get(name))
        may_go = name.endswith("/train.json")  # its snapshot is about to be another one
        is_new = name in unstamped and unstamped[name] == world.unstamped.get(name)
        if not (is_whole or is_new or (may_go and name not in found)):
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
    elif not re.search(r"[\w.-]+/[\w./-]+|\w+\.\w+|^[\w.-]+: ", lines[0]):
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


def with_half_a_training() -> None:
    """Fill it with a training that was killed after its second checkpoint."""
    with_data()
    folder = Path.cwd()
    train = World(("train", RUN, "-p", "smoke"), folder, {}, {}, {}, [])
    saving = f"replace results/smoke/resume/{RUN}"
    counted = run(train.command, copy_of(train, "counted")).operations
    saves = [at for at, name in enumerate(counted) if name.startswith(saving)]
    assert run(train.command, folder, "kill", saves[1] + 2).killed


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


def with_photo() -> None:
    """Fill it with a photo and a small model."""
    tiny_snapshot(Path("room.safetensors").absolute(), "indoor")
    Image.new("RGB", (40, 30), (90, 140, 200)).save("photo.png")


def with_directions() -> None:
    """Fill it with a scene of a small model."""
    tiny_snapshot(Path("room.safetensors").absolute(), "indoor")
    main(["scene", "room.safetensors", "-o", "room.json"], standalone_mode=False)


def with_foreign_model() -> None:
    """Fill it with another program's checkpoint."""
    checkpoints.write_checkpoint(Path("other.pkl"), G_ema=checkpoints.generator(with_sel=True))

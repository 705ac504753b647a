"""Command lines of which a word or two are hostile: each ends in one line, or does what it says.

Whatever a command is given to read is there afterwards, byte for byte, also where an output is to bear its name; and
nothing is written that isn't named.
"""

import os
import random
import shutil
import socket
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from spatialgan import models
from spatialgan.cli.main import main
from tests.campaign.conftest import Campaign
from tests.campaign.damage import take
from tests.campaign.fuzz_images import pictures
from tests.imports import checkpoints
from tests.tiny import ROOT, tiny_snapshot

pytestmark = [pytest.mark.campaign(shares=2), pytest.mark.unchecked, pytest.mark.slow]

LINES = (
    "scene {model=room} --seed {number=3} --truncation {number=0.7} -o {out=made.json}",
    "render {scene=room.json} -o {out=made.png} --outlined {out=lines.png}",
    "edit {scene=room.json} --move {words=0:0,0.1} --along {words=d.safetensors:0:1} -o {out=e.json}",
    "drag {scene=room.json} --from {words=0,0} --to {words=0,0.1} --mask {picture=mask.png} --max-steps 1 "
    "--tolerance {number=1} --method {words=latent} -o {out=d.json}",
    "directions {scene=room.json} --region {words=object:0} --method {words=sefa} --space {words=w} "
    "--layers {words=0-1} --codes {words=0} --count {number=2} -o {out=d.safetensors}",
    "invert {picture=photo.png} --model {model=room} --steps 1 --seconds {number=1} --restarts {number=1} "
    "--seed {number=0} --space {words=w} --layout {words=free} --perceptual none --frame {words=fit} -o {out=i.json}",
    "invert photo.png --model room --steps 1 --perceptual none --encoder {model=models/room.safetensors} -o i.json",
    "encoder {broken=} --steps 1 --seed {number=0} -o {out=e.safetensors}",
    "import {model=other.pkl} -o {out=made.safetensors} --discriminator {out=d.safetensors}",
    "export {broken=} -o {out=made.onnx}",
    "ship {words=} --name {words=x} --folder {out=shipped} -p {words=smoke}",
    "prepare {words=} -p {words=smoke} --params {model=params}",
    "train {words=cat/spatialgan/0} -p {words=smoke} --dry-run",
    "measure {words=cat/spatialgan/0} --what {words=locality} --segmenter {words=oracle} -p {words=smoke}",
    "segmenter {words=} --segmenter {words=x} -p {words=smoke}",
    "table {words=objective} -p {words=smoke} --params {model=params}",
    "figure {words=moves} -p {words=smoke}",
    "curves {words=cat/spatialgan/0} -p {words=smoke}",
    "status {words=cat/spatialgan/0} -p {words=smoke}",
    "doctor {words=cat/spatialgan/0} -p {words=smoke}",
    "verify -p {words=smoke} --params {model=params}",
    "tidy --seal {scene=record.json} -p {words=smoke}",
)
NUMBERS = (
    *("0", "-1", "-0", "1e9", "nan", "inf", "-inf", "1" + "0" * 400, "9223372036854775808", "2.5"),
    *("0x10", "1_0", "", "\u0661", "1e-320", "4611686018427387904", "--help", "a"),
)
WORDS = (
    *(
        "",
        " ",
        "-",
        "--",
        "nothing",
        "../../etc/passwd",
        "/etc/passwd",
        "a/b/c",
        "cat/spatialgan/00",
    ),
    *(
        "cat/spatialgan/-1",
        "cat/spatialgan/1" + "0" * 400,
        "cat//0",
        "x\x1b[31m",
        "x\ny",
        "x" * 5000,
    ),
    *(
        "0:nan,nan",
        "0:1e999,0",
        "99999999999:0,0",
        "0:0",
        "0:0,0,0",
        "0/0:0,0",
        "nan,0",
        "0;0",
        "{}",
    ),
    *("box:0,0,0,0", "box:nan,0,1,1", "box:0,0,1e9,1e9", "object:99", "class:bed", "mask:mask.png"),
    *(
        "mask:pipe",
        "0-9999999999",
        "5-3",
        "0,0,0",
        "\udcff",
        "$(id)",
        "None",
        "flagship",
        "cat/sel/0",
    ),
    *(
        "d.safetensors:9:1",
        "d.safetensors:0:nan",
        "pipe:0:1",
        "models/room.safetensors:0:1",
        ":0:1",
    ),
)
FILES = (
    *(
        "missing",
        "folder",
        "pipe",
        "socket",
        "/dev/zero",
        "/dev/null",
        "loop",
        "empty",
        "text",
        ".",
    ),
    *("/", "", "-", "folder/pipe", "text/x", "x" * 300, "bad\x1b[31m.json", "huge", "photo.png"),
    *("room.json", "mask.png", "other.pkl", "models/room.safetensors", "link.json", "params"),
    *(
        "pipe.json",
        "pipe.png",
        "pipe.safetensors",
        "folder.json",
        "read_only.json",
        "x\0y",
        "\udcff.png",
    ),
    *("loop.png", "huge.json", "huge.safetensors", "missing/x.json", "/proc/x.json", "./room.json"),
)
HOSTILE = {
    "number": NUMBERS,
    "words": WORDS,
    **dict.fromkeys(("scene", "picture", "model", "out"), FILES),
    # what would be exported, or trained with, takes long
    "broken": tuple(name for name in FILES if not name.startswith("models/")),
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a working folder with whole files of every kind, and odd ones; the only shipped model is `room`."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(models, "FOLDER", folder / "models")
    tiny_snapshot(Path("models/room.safetensors"), "indoor")
    shutil.copytree(ROOT / "params", "params")
    checkpoints.write_checkpoint(Path("other.pkl"), G_ema=checkpoints.generator(with_sel=True))
    for name in ("photo.png", "mask.png"):
        Path(name).write_bytes(pictures()["plain.png"])
    for line in (
        "scene room -o room.json",
        "directions room.json --region object:0 --method sefa -o d.safetensors",
    ):
        done = run(line.split())
        assert done.exit_code == 0, done.output
    Path("record.json").write_text("{}", encoding="utf-8")
    Path("bad\x1b[31m.json").write_text("{", encoding="utf-8")
    Path("text").write_text("text\n", encoding="utf-8")
    Path("empty").touch()
    Path("read_only.json").touch(0o444)
    for name in ("folder", "folder.json"):
        Path(name).mkdir()
    for name in ("pipe", "folder/pipe", "pipe.json", "pipe.png", "pipe.safetensors"):
        os.mkfifo(name)
    for name in ("huge", "huge.json", "huge.safetensors"):
        Path(name).touch()
        os.truncate(name, 1 << 40)
    for name in ("loop", "loop.png"):
        Path(name).symlink_to(name)
    Path("link.json").symlink_to("room.json")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("socket")
    return folder


def run(words: Sequence[str]) -> Result:
    """Run a command line."""
    return CliRunner().invoke(main, list(words))


def hostile_line(dice: random.Random) -> tuple[list[str], list[str]]:
    """Return the words of a command line with one or two hostile ones, and those that name its outputs."""
    words: list[str] = list(dice.choice(LINES).split())
    places = [at for at, word in enumerate(words) if word.startswith("{")]
    # where there is no harmless word, as that would take long, there is always a hostile one
    chosen = {at for at in places if words[at].endswith("=}")} or {dice.choice(places)}
    if dice.random() < 0.4:
        chosen.add(dice.choice(places))
    outputs = []
    for at in places:
        kind, _, harmless = words[at].strip("{}").partition("=")
        words[at] = dice.choice(HOSTILE[kind]) if at in chosen else harmless
        if kind == "out":
            outputs.append(words[at])
    return words, outputs


def fault(result: Result) -> str:
    """Return what is wrong with how a command ended, "" where nothing is."""
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        return f"{type(result.exception).__name__}: {str(result.exception)[:200]}"
    lines = [line for line in result.stderr.splitlines() if line.startswith("spatialgan: ")]
    if result.exit_code == 1 and len(lines) != 1 and not result.output.strip():
        return f"exit 1, and {len(lines)} lines: {result.stderr[-300:]}"
    if "this is a bug" in result.stderr:
        return f"says {lines[0][:300]}"
    if result.exit_code not in (0, 1, 2) or "Traceback" in result.output:
        return f"exit {result.exit_code}: {result.output[-300:]}"
    odd = [c for c in result.stderr if not c.isprintable() and c not in "\n\r"]
    return f"{odd} reach the terminal" if odd and result.exit_code == 1 else ""


def state_of(folder: Path) -> dict[str, bytes | str]:
    """Return contents or kind of everything in a folder but very large files."""
    found = {}
    for path in folder.rglob("*"):
        is_read = path.is_file() and path.stat().st_size < 1 << 30
        found[str(path)] = path.read_bytes() if is_read else oct(path.lstat().st_mode)
    return found


def may_change(words: list[str], outputs: list[str], exit_code: int) -> set[str]:
    """Return the files of the folder that a command line may have changed."""
    if words[0] == "tidy":
        return {os.path.realpath("record.json")}
    reads = {word for word in words[1:] if word not in outputs}
    reads |= set() if words[0] == "import" else {"models/room.safetensors"}
    if exit_code and words[0] != "import":  # which may have written one file of two
        return set()
    real = [{os.path.realpath(n) for n in names if "\0" not in n} for names in (outputs, reads)]
    return real[0] - real[1]


def test_hostile_command_lines_end_in_one_line(campaign: Campaign, place: Path) -> None:
    given = state_of(place)
    for seed in campaign.cases("command line", 25):
        words, outputs = hostile_line(random.Random(f"command {seed}"))
        taken = take(lambda words=words: run(words))
        why = taken.fault or taken.refusal or fault(taken.value)
        code = 1 if taken.value is None else taken.value.exit_code
        allowed, now = may_change(words, outputs, code), state_of(place)
        changed = [path for path in given if now.get(path) != given[path]]
        lost = [path for path in changed if os.path.realpath(path) not in allowed]
        if lost:
            why = f"changed {lost}; {why}"
        if why:
            campaign.failed(f"{seed} ({words})", why)
        for path in [*changed, *sorted(now.keys() - given.keys())]:
            put_back(Path(path), given.get(path))


def put_back(path: Path, content: bytes | str | None) -> None:
    """Make of a path what it was."""
    if path.is_dir():
        shutil.rmtree(path)
    elif content is None or isinstance(content, str):
        path.unlink(missing_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        path.touch()
        os.truncate(path, 1 << 40)

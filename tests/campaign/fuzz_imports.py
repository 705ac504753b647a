"""Damaged checkpoints of other programs: each is refused in one line, or becomes a model that opens; nothing is run."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spatialgan.imports.discriminators import load_discriminator
from spatialgan.imports.model import import_discriminator, import_generator
from spatialgan.snapshot import load_snapshot
from tests.campaign.conftest import Campaign
from tests.campaign.damage import damaged_bytes, take
from tests.imports import checkpoints

pytestmark = [pytest.mark.campaign, pytest.mark.unchecked, pytest.mark.slow]

# opcodes of a pickle in place of others: names, calls, memos, numbers without an end
OPCODES = b"cio\x81\x92Rb\x93Qqrhj\x94GIJKMLNO.}]()tlue0124\x8a\x8b\x8c\x8dXBC\x95\x96\x97\x98"
KINDS: dict[str, tuple[Callable[[], Any], str, Callable, Callable]] = {
    "generator": (checkpoints.generator, "G_ema", import_generator, load_snapshot),
    "steered generator": (
        *(lambda: checkpoints.generator(with_sel=True), "G_ema", import_generator, load_snapshot),
    ),
    "discriminator": (checkpoints.discriminator, "D", import_discriminator, load_discriminator),
}


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_checkpoints_are_refused_or_imported(
    kind: str, campaign: Campaign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    network, name, import_it, open_it = KINDS[kind]
    files = [
        checkpoints.write_checkpoint(tmp_path / f"{number}.pkl", number, **{name: network()})
        for number in (2, 4)
    ]
    whole = [file.read_bytes() for file in files]
    path, made = tmp_path / "other.pkl", tmp_path / "made.safetensors"

    def read() -> None:
        made.unlink(missing_ok=True)
        import_it(path, made)
        open_it(made)

    for seed in campaign.cases(f"other program's {kind}", 25):
        dice = random.Random(f"{kind} {seed}")
        path.write_bytes(damaged_pickle(dice.choice(whole), dice))
        taken = take(read, path)
        if taken.fault or Path("canary").exists():
            campaign.failed(seed, taken.fault or "something was run")
        if taken.refusal and made.exists():
            campaign.failed(seed, "was refused, but written")


def damaged_pickle(data: bytes, dice: random.Random) -> bytes:
    """Return a pickle with bytes or opcodes changed."""
    if dice.random() < 0.5:
        return damaged_bytes(data, dice)
    changed = bytearray(data)
    for _ in range(dice.choice((1, 2, 5))):
        place = dice.randrange(len(changed))
        changed[place] = dice.choice(OPCODES)
    return bytes(changed)

"""The code digest: it changes with what a result depends on, and with nothing else."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from spatialgan import digest

FILES = {
    "__init__.py": "",
    "train.py": '''
"""Train."""
from spatialgan.parts import samplers
from spatialgan.parts.samplers import Wide as Broad
from spatialgan.maths import double

STEPS = 3
print("runs on import")


def train(name: str) -> int:
    """Train."""
    from spatialgan.late import late  # imported inside a function

    return samplers.SAMPLERS[name]()(double(STEPS)) + late()


def unrelated() -> None:
    Broad()
''',
    "parts/__init__.py": "",
    "parts/samplers.py": '''
from dataclasses import dataclass
from typing import ClassVar

from ..maths import half

@dataclass(frozen=True)
class Narrow:
    """Narrow."""

    width: int = 1  # pixels
    kind: ClassVar[str] = "narrow"

    def __call__(self, n: int) -> int:
        return half(n * self.width)

@dataclass(frozen=True)
class Wide:
    width: int = 5

SAMPLERS = {"narrow": Narrow, "wide": Wide}
''',
    "maths.py": "def double(x):\n    return 2 * x\n\ndef half(x):\n    return x / 2\n\ndef unused():\n    return 0\n",
    "late.py": "def late():\n    return 1\n",
}
CHOSEN = {"SAMPLERS": "narrow"}
SETTINGS = ("spatialgan.parts.samplers.Narrow", "spatialgan.parts.samplers.Wide")


@pytest.fixture
def edit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str, str, str], bool]]:
    """Return a function that edits a package and says whether the digest of its `train` changed."""
    monkeypatch.setattr(digest, "FOLDER", tmp_path)
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)

    def fresh_digest(entry: str) -> str:
        for cached in (digest._parse, digest._digest):
            cached.cache_clear()
        return digest.code_digest(entry, CHOSEN, SETTINGS)

    def changes(file: str, old: str, new: str, entry: str = "spatialgan.train.train") -> bool:
        before = fresh_digest(entry)
        text = (tmp_path / file).read_text()
        assert old in text
        (tmp_path / file).write_text(text.replace(old, new))
        return fresh_digest(entry) != before

    yield changes
    for cached in (digest._parse, digest._digest):
        cached.cache_clear()


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("train.py", "STEPS = 3", "STEPS = 4"),
        ("train.py", 'print("runs on import")', 'print("runs")'),
        ("parts/samplers.py", "n * self.width", "n + self.width"),
        ("parts/samplers.py", '= "narrow"', '= "slim"'),
        ("maths.py", "x / 2", "x // 2"),  # reached through a relative import
        ("maths.py", "2 * x", "3 * x"),
        ("late.py", "return 1", "return 2"),
        ("parts/__init__.py", "", "import os\nos.nice(1)\n"),
    ],
)
def test_what_a_result_depends_on_counts(edit, file: str, old: str, new: str) -> None:
    assert edit(file, old, new)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("train.py", '"""Train."""', '"""Train a model."""'),
        ("train.py", "  # imported inside a function", ""),
        ("train.py", "(name: str) -> int", "(name: object) -> float"),
        ("train.py", "double(STEPS)", "double(\n        STEPS\n    )"),
        ("train.py", "    Broad()", "    pass"),
        ("parts/samplers.py", '    """Narrow."""\n', ""),
        ("parts/samplers.py", "# pixels", "# px"),
        ("maths.py", "return 0", "return 1"),
    ],
)
def test_what_it_does_not_depend_on_does_not_count(edit, file: str, old: str, new: str) -> None:
    assert not edit(file, old, new)


def test_only_the_chosen_variant_counts(edit) -> None:
    assert not edit("parts/samplers.py", '"wide": Wide', '"wide": Wide, "extra": half')
    assert not edit("parts/samplers.py", "class Wide:\n", "class Wide:\n    height: int = 2\n")
    assert edit("parts/samplers.py", '"narrow": Narrow', '"narrow": Wide')


def test_defaults_of_settings_do_not_count(edit) -> None:
    assert not edit("parts/samplers.py", "width: int = 1", "width: int = 2")
    assert edit("parts/samplers.py", "width: int = 2", "breadth: int = 2")


def test_a_module_counts_as_a_whole(edit) -> None:
    assert edit("train.py", "    Broad()", "    pass", entry="spatialgan.train")


def test_an_unknown_module_is_named() -> None:
    with pytest.raises(ValueError, match="elsewhere.module is not part of spatialgan"):
        digest.code_digest("elsewhere.module")


def test_training_reaches_what_it_runs_on() -> None:
    walk = digest.Walk({"ENCODINGS": "norm"}, ())
    walk.follow("spatialgan.training.loop.train")
    expected = {
        "spatialgan.networks.encoding:SelNorm",
        "spatialgan.networks.ops:demodulation",
        "spatialgan.losses.adversarial:r1_penalty",
        "spatialgan.losses.alignment:L1Alignment",
        "spatialgan.attention:GradCam",
        "spatialgan.rng:generator_for",
    }
    assert expected <= set(walk.found)
    assert not any(name.startswith("spatialgan.reporting") for name in walk.found)


def test_how_the_commit_is_found_is_no_part_of_a_training(monkeypatch: pytest.MonkeyPatch) -> None:
    from spatialgan.provenance import source_commit

    assert {f"{source_commit.__module__}:{source_commit.__name__}"} == digest.UNCOUNTED
    entry = "spatialgan.evaluation.measured.measured"
    before = digest.code_digest(entry)
    digest._digest.cache_clear()
    monkeypatch.setattr(digest, "UNCOUNTED", set())
    assert digest.code_digest(entry) != before
    digest._digest.cache_clear()

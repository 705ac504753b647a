"""The code digest: it changes with what a result depends on, and with nothing else."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from spatialgan import digest
from spatialgan.digest import Package
from tests.tiny import ROOT

FILES = {
    "__init__.py": "",
    "train.py": '''
"""Train."""
from spatialgan.parts import samplers
from spatialgan.parts.samplers import Wide as Broad
from spatialgan.algebra import double

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

from ..algebra import half

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
    "algebra.py": "def double(x):\n    return 2 * x\n\ndef half(x):\n    return x / 2\n\ndef unused():\n    return 0\n",
    "late.py": "def late():\n    return 1\n",
}
CHOSEN = {"SAMPLERS": "narrow"}
SETTINGS = ("spatialgan.parts.samplers.Narrow", "spatialgan.parts.samplers.Wide")


Edit = Callable[..., bool]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Return the folder of the package."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def current(
    package: Path, entry: str = "spatialgan.train.train", settings: Sequence[str] = SETTINGS
) -> str:
    """Return the digest of the package as it is now."""
    return Package(package).digest(entry, CHOSEN, settings)


@pytest.fixture
def edit(package: Path) -> Edit:
    """Return a function that edits the package and says whether the digest of its `train` changed."""

    def changes(file: str, old: str, new: str, entry: str = "spatialgan.train.train") -> bool:
        before = current(package, entry)
        text = (package / file).read_text(encoding="utf-8")
        assert old in text
        (package / file).write_text(text.replace(old, new), encoding="utf-8")
        return current(package, entry) != before

    return changes


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("train.py", "STEPS = 3", "STEPS = 4"),
        ("train.py", 'print("runs on import")', 'print("runs")'),
        ("parts/samplers.py", "n * self.width", "n + self.width"),
        ("parts/samplers.py", '= "narrow"', '= "slim"'),
        ("algebra.py", "x / 2", "x // 2"),  # reached through a relative import
        ("algebra.py", "2 * x", "3 * x"),
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
        ("algebra.py", "return 0", "return 1"),
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


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        (
            "train.py",
            "    from spatialgan.late",
            "    if name.linkage > 0:\n        unrelated()\n    from spatialgan.late",
        ),
        ("parts/samplers.py", "    width: int = 5", "    width: int = 5\n    linkage: int = 5"),
        ("parts/samplers.py", "half(n * self.width)", "half(n * self.width, linkage=double)"),
    ],
)
def test_an_optional_axis_counts_only_for_runs_that_have_it(
    package: Path, file: str, old: str, new: str
) -> None:
    """A condition, a field or an argument of its name."""
    wide = {"SAMPLERS": "wide" if "width: int = 5" in old else "narrow"}

    def digests() -> list[str]:
        return [
            Package(package).digest("spatialgan.train.train", {**wide, **has})
            for has in ({}, {"LINKAGES": "relative"})
        ]

    before = digests()
    text = (package / file).read_text(encoding="utf-8")
    assert old in text
    (package / file).write_text(text.replace(old, new), encoding="utf-8")
    without, with_ = digests()
    assert without == before[0] and with_ != before[1]


def test_an_optional_entry_of_a_dict_counts_only_for_runs_that_have_its_axis(package: Path) -> None:
    text = (package / "parts/samplers.py").read_text() + '\n\nEDITS = {"move": half}\n'
    found = []
    for entries in ('{"move": half}', '{"move": half, "resample": Wide}'):
        (package / "parts/samplers.py").write_text(text.replace('{"move": half}', entries))
        found += [
            Package(package).digest("spatialgan.parts.samplers.EDITS", has)
            for has in ({}, {"LINKAGES": "relative"})
        ]
    assert found[0] == found[2] and found[1] != found[3]


def test_other_conditions_count(edit) -> None:
    assert edit("late.py", "return 1", "if linkage:\n        pass\n    return 1")
    assert edit(
        "late.py",
        "return 1",
        "if late.linkage:\n        pass\n    else:\n        pass\n    return 1",
    )


def test_a_module_counts_as_a_whole(edit) -> None:
    assert edit("train.py", "    Broad()", "    pass", entry="spatialgan.train")


def test_an_unknown_module_is_named() -> None:
    with pytest.raises(ValueError, match="elsewhere.module is not part of spatialgan"):
        digest.code_digest("elsewhere.module")


def test_code_that_moves_to_another_file_is_the_same_code(package: Path) -> None:
    before = current(package)
    samplers = (package / "parts/samplers.py").read_text()
    (package / "parts/samplers.py").unlink()
    (package / "drawing.py").write_text(samplers.replace("..algebra", ".numbers"))
    algebra = (package / "algebra.py").read_text()
    (package / "algebra.py").write_text("from spatialgan.numbers import half as halved\n")
    halves = algebra.replace("def double(x):\n    return 2 * x\n", "")
    (package / "numbers.py").write_text(f"import spatialgan.late as l\n{halves}")
    (package / "late.py").write_text(FILES["late.py"] + "def double(x):\n    return 2 * x\n")
    train = (package / "train.py").read_text()
    for old, new in (
        ("from spatialgan.parts import samplers\n", "from spatialgan import drawing as samplers\n"),
        ("from spatialgan.parts.samplers import Wide", "from spatialgan.drawing import Wide"),
        ("from spatialgan.algebra import double", "import spatialgan.late"),
        ("double(STEPS)", "spatialgan.late.double(STEPS)"),
    ):
        assert old in train
        train = train.replace(old, new)
    (package / "train.py").write_text(train)
    settings = [name.replace("parts.samplers", "drawing") for name in SETTINGS]
    assert current(package, settings=settings) == before
    (package / "late.py").write_text(FILES["late.py"] + "def double(x):\n    return 3 * x\n")
    assert current(package, settings=settings) != before


def test_two_definitions_of_one_name_both_count_and_are_told_apart(
    package: Path, edit: Edit
) -> None:
    late = (
        "from spatialgan.early import late as early\n\ndef late():\n    return early() - other()\n"
    )
    (package / "late.py").write_text(late + "\ndef other():\n    return 5\n")
    (package / "early.py").write_text(
        "def late():\n    return other()\n\ndef other():\n    return 7\n"
    )
    before = current(package)
    assert edit("early.py", "return 7", "return 8")
    assert edit("late.py", "return 5", "return 8")
    assert edit("early.py", "return 8", "return 5")
    assert edit("late.py", "return 8", "return 7")  # now the other way round
    assert current(package) != before


def test_a_variable_of_a_function_is_no_reference(edit: Edit) -> None:
    assert not edit("train.py", "STEPS = 3", "STEPS = 3\nx = 1")
    assert edit("algebra.py", "    return 2 * x\n", "    return [2 * x for x in (x,)][0]\n")
    assert not edit("algebra.py", "def double", "x = 3\n\n\ndef double")
    assert edit(
        "algebra.py", "def double(x)", "def double(x, y=x)"
    )  # a default is evaluated outside


def test_imports_for_type_checkers_do_not_count(edit: Edit) -> None:
    text = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from spatialgan.late import late\n"
    assert not edit("algebra.py", "def double", f"{text}\ndef double")


def test_an_alias_of_another_package_does_not_count_and_its_target_does(edit: Edit) -> None:
    assert edit(
        "late.py", "def late():\n    return 1", "import math\ndef late():\n    return math.tau"
    )
    assert not edit(
        "late.py",
        "import math\ndef late():\n    return math.tau",
        "from math import tau as t\ndef late():\n    return t",
    )
    assert edit("late.py", "tau as t", "pi as t")


def test_sources_are_utf_8_wherever_they_are_read(package: Path, edit: Edit) -> None:
    """An English locale of a container is often ASCII."""
    assert edit("late.py", "return 1", 'return "σ"')
    program = (
        "import sys; from pathlib import Path; from spatialgan.digest import Package;"
        "print(Package(Path(sys.argv[1])).digest('spatialgan.late'))"
    )
    said = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-c", program, str(package)],
        cwd=ROOT,
        env={**os.environ, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.strip() == Package(package).digest("spatialgan.late")


@pytest.mark.slow
def test_training_reaches_what_it_runs_on() -> None:
    package = Package(ROOT / "spatialgan")
    reached = package.reached("spatialgan.training.loop.train", {"ENCODINGS": "norm"})
    expected = {
        ("spatialgan.networks.encoding", "SelNorm"),
        ("spatialgan.networks.ops", "demodulation"),
        ("spatialgan.losses.adversarial", "r1_penalty"),
        ("spatialgan.losses.alignment", "L1Alignment"),
        ("spatialgan.attention", "GradCam"),
        ("spatialgan.rng", "generator_for"),
    }
    assert expected <= set(reached)
    modules = {module for module, _ in reached}
    assert not any(name.startswith("spatialgan.reporting") for name in modules)
    assert "spatialgan.results" not in modules  # where files are changes no result


@pytest.mark.slow
def test_how_the_commit_is_found_is_no_part_of_a_result(monkeypatch: pytest.MonkeyPatch) -> None:
    from spatialgan.provenance import source_commit

    assert f"{source_commit.__module__}:{source_commit.__name__}" in digest.UNCOUNTED
    package = Package(ROOT / "spatialgan")
    before = package.digest("spatialgan.training.loop.train")
    monkeypatch.setattr(digest, "UNCOUNTED", set())
    assert package.digest("spatialgan.training.loop.train") != before


def test_the_locale_does_not_change_a_digest():
    code = "from spatialgan.digest import code_digest; print(code_digest('spatialgan.reporting.tables.write_table'))"
    said = set()
    for locale, utf8 in (("C.UTF-8", "1"), ("C", "0")):
        environment = {
            **os.environ,
            "LC_ALL": locale,
            "PYTHONUTF8": utf8,
            "PYTHONCOERCECLOCALE": "0",
        }
        command = [sys.executable, "-c", code]
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        said.add(run.stdout)
    assert len(said) == 1

"""Partial results, DVC's lock, layouts, and working folders of any name."""

import json
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from spatialgan.cli.main import main
from spatialgan.evaluation.partial import PartialResults
from spatialgan.scenes.document import parse_document
from spatialgan.settings.params import load_params
from spatialgan.upkeep.verify import store_checks
from tests.reporting.test_reporting import add_run
from tests.scenes.test_document import LEAST
from tests.tiny import ROOT


def test_a_changed_digit_of_a_partial_result_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "m.partial.jsonl"
    with closing(PartialResults(path, {"seed": 0})) as partial:
        for number in (111, 222, 333):
            partial.add({"score": number})
    path.write_text(path.read_text(encoding="utf-8").replace("222", "223"), encoding="utf-8")
    with closing(PartialResults(path, {"seed": 0})) as partial:
        assert partial.batches == [{"score": 111}]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        *(("dvc.lock", text) for text in ("1", "[]", "stages: 3", "stages: {a: 1}", "\0", "- {")),
        ("dvc.lock", "<<<<<<< HEAD\nstages: {}\n=======\nstages: {}\n>>>>>>> other\n"),
        ("dvc.lock", "schema: '2.0'\nstages:\n  runs:\n ps:\n    - path: a\n      md5: 0123\n"),
        ("dvc.lock", "stages:\n  a:\n    outs:\n    - md5: abc\n"),
        ("dvc.lock", "stages:\n  a:\n    outs: 3\n"),
        (".dvc/config", "[a]\nk\n"),
        (".dvc/config", "core\n"),
    ],
)
def test_a_lock_of_dvc_that_is_none_is_one_line(tmp_path: Path, file: str, text: str) -> None:
    (tmp_path / ".dvc").mkdir()
    (tmp_path / file).write_text(text, encoding="utf-8")
    with pytest.raises(ValueError) as found:
        list(store_checks(tmp_path))
    assert str(found.value).startswith(str(tmp_path / file)) and "\n" not in str(found.value)


@pytest.mark.parametrize("layout", [0, None, {}, [0], [[0]], [[{"center": 0, "sigma": 1}]], [[{}]]])
def test_a_layout_of_another_kind_is_refused(layout: object) -> None:
    with pytest.raises(ValueError, match="layout") as found:
        parse_document(json.dumps({**LEAST, "layout": layout}))
    assert "\n" not in str(found.value)


@pytest.mark.parametrize("number", ["Infinity", "NaN", "1e999", "1" + "0" * 400])
def test_a_layout_of_numbers_without_an_end_is_refused(number: str) -> None:
    text = json.dumps({**LEAST, "layout": [[{"center": [0, 7777], "sigma": 1}]]})
    with pytest.raises(ValueError) as found:
        parse_document(text.replace("7777", number))
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(
    "name",
    [
        "it's (a) \u00e9",
        *(
            pytest.param(n, marks=pytest.mark.slow)
            for n in ("my thesis", "with{brace}", "per%cent $HOME")
        ),
    ],
)
def test_a_checkout_may_have_any_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folder = tmp_path / name
    folder.mkdir()
    monkeypatch.chdir(folder)
    params = load_params(ROOT / "params")
    add_run(folder / params.root("workstation"), "cat/baseline/0", 10.0)
    for arguments in (["table", "objective"], ["curves", "cat/baseline/0"], ["verify"]):
        options = ["-p", "workstation", "--params", str(ROOT / "params")]
        result = CliRunner().invoke(main, [*arguments, *options])
        assert result.exit_code == 0, result.stderr
    assert params.results("workstation").table("objective", ".md").stat().st_size > 1000

"""Parameters that people write: nonsense is one line that names file and place, before anything runs."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from spatialgan.cli.main import main
from spatialgan.settings.params import load_params
from tests.tiny import ROOT
from workflow.plan import check_params


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of the parameters, in the working folder."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "params", tmp_path / "params")
    return tmp_path / "params"


def refusal(file: Path, text: str) -> str:
    """Write a file of parameters; return what both the command line and the workflow say of it, in one line."""
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError) as planned:
        check_params(load_params(), "smoke")
    result = CliRunner().invoke(main, ["train", "cat/sel/0", "-p", "smoke", "--dry-run"])
    assert "\n" not in str(planned.value) and f"params/{file.name}" in str(planned.value)
    if result.exit_code == 0:  # of another row than the one that is trained
        assert "sel:" not in str(planned.value)
    else:
        assert result.stderr == f"spatialgan: {planned.value}\n"
    return str(planned.value)


def smoke(folder: Path, old: str, new: str) -> str:
    """Return profiles.yaml with a value of the profile smoke replaced."""
    text = (folder / "profiles.yaml").read_text(encoding="utf-8")
    head, _, tail = text.partition("  smoke:")
    assert old in tail
    return f"{head}  smoke:{tail.replace(old, new, 1)}"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        *(("batch: 8", "batch: 8.0"), ("z_dim: 16", "z_dim: 16.0")),
        *(("channel_max: 8", "channel_max: 8.0"), ("resolution: 16", "resolution: 16.0")),
        *(("mbstd_group_size: 4", "mbstd_group_size: 4.0"), ("kimg: 0.064", "kimg: three")),
        *(("num_images: 256", "num_images: 256.0"), ("kimg: 0.064", 'kimg: "3"')),
        *(("kimg: 0.064", "kimg: .inf"), ("kimg: 0.064", "kimg: .nan")),
        ("learning_rate: 0.0025", "learning_rate: .nan"),
        ("seeds: [0]", "seeds: [9223372036854775808]"),
        ("seeds: [0]", f"seeds: [1{'0' * 400}]"),
    ],
)
def test_a_number_of_another_kind_is_named_by_its_place(folder: Path, old: str, new: str) -> None:
    said = refusal(folder / "profiles.yaml", smoke(folder, old, new))
    place = new.partition(":")[0]
    assert said.startswith(f"params/profiles.yaml, profiles/smoke/{place}") or "0000..." in said


def test_a_generator_without_channels_is_refused(folder: Path) -> None:
    said = refusal(folder / "profiles.yaml", smoke(folder, "channel_base: 128", "channel_base: 1"))
    assert said == "params/profiles.yaml, smoke: channel_base 1 leaves no channels at 16 pixels"


@pytest.mark.parametrize(
    ("file", "more", "said"),
    [
        ("runs", 'sel: {title: "mine", sampling: gaussian_noise, encoding: norm}', "key 'sel' is"),
        ("figures", "objective_samples: {kind: curves, title: x, rows: [sel]}", "that name"),
        ("figures", "objective: {kind: curves, title: x, rows: [sel]}", "that name"),
        ("runs", "more: {title: x, title: y}", "key 'title' is there twice"),
        ("runs", "more: {title: x, attention: {relu: {}}}", "relu is {}"),
        (
            "runs",
            "more: {title: x, sampling: {name: independent, num_centers: [{name: [norm]}]}}",
            "is not a whole number",
        ),
        ("figures", "more: {kind: galery, title: x, rows: [sel]}", "'galery' is not one of"),
    ],
)
def test_an_entry_that_makes_no_sense_is_named(
    folder: Path, file: str, more: str, said: str
) -> None:
    path = folder / f"{file}.yaml"
    assert said in refusal(path, f"{path.read_text(encoding='utf-8')}\n{more}\n")


@pytest.mark.parametrize("file", ["runs", "figures", "tables", "datasets", "profiles", "analyses"])
def test_aliases_of_aliases_are_counted_before_they_are_written_out(
    folder: Path, file: str
) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join(10 * [f'*a{n - 1}'])}]" for n in range(1, 10)]
    said = refusal(folder / f"{file}.yaml", "\n".join(lines))
    assert "more than 200,000 values, counting aliases" in said


@pytest.mark.parametrize("seed", ["00", "²", "-1", "1.0", "9223372036854775808", "1" + "0" * 400])
def test_a_seed_has_one_name(folder: Path, seed: str) -> None:
    for command in (["train", "--dry-run"], ["curves"], ["measure", "--what", "locality"]):
        result = CliRunner().invoke(main, [command[0], f"cat/sel/{seed}", *command[1:]])
        assert result.exit_code == 1 and "names no run" in result.stderr
        assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("run", ["../../x", "/etc/cat/0", "cat/../0", "cat/sel/0/../1"])
def test_a_run_that_is_a_path_is_none(folder: Path, run: str) -> None:
    result = CliRunner().invoke(main, ["curves", run, "-p", "smoke"])
    assert result.exit_code == 1 and result.stderr.count("\n") == 1
    assert {path.name for path in folder.parent.iterdir()} == {"params"}

"""Records: what was altered after it was written is noticed, and so is what has lost its checksum."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from spatialgan.cli.main import main
from spatialgan.provenance import read_stamp, write_stamp
from spatialgan.records import CHECKSUM, checksum, read_record, read_sealed, seal, write_record

RECORD = {"metrics": {"fid": 12.5, "recall": 0.25}, "run": "cat/sel/0", "e": "\u00e9", "n": None}


def test_a_record_comes_back_with_its_checksum(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    write_record(path, RECORD)
    found = read_record(path)
    assert found.pop(CHECKSUM) and found == RECORD
    write_record(path, {**read_record(path), "more": 1})  # the checksum is made anew
    assert read_record(path)["more"] == 1


@pytest.mark.parametrize(
    ("old", "new"), [("12.5", "11.5"), ("0.25", "0.26"), ("cat/sel/0", "cat/sel/1"), ("null", "0")]
)
def test_an_edited_number_is_noticed(tmp_path: Path, old: str, new: str) -> None:
    path = tmp_path / "r.json"
    write_record(path, RECORD)
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ValueError, match="r.json was altered after it was written") as error:
        read_record(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is not valid JSON"),
        (b"[1]", "holds no JSON object"),
        (b"\xff\xfe\x00", "is not valid JSON"),
        (b"[" * 100_000, "is not valid JSON"),
    ],
)
def test_what_is_no_record_is_named(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "r.json"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=f"r.json {said}"):
        read_record(path)


def test_a_record_without_a_checksum_is_refused_until_somebody_vouches_for_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "r.json"
    path.write_text(json.dumps(RECORD))
    with pytest.raises(ValueError, match="r.json has no checksum: it was altered") as error:
        read_sealed(path)
    assert "\n" not in str(error.value) and f"spatialgan tidy --seal {path}" in str(error.value)
    with pytest.raises(ValueError, match="has no checksum"):
        write_stamp(path, {})
    assert json.loads(path.read_text()) == RECORD
    assert read_stamp(path) == {}
    assert seal(path) and not seal(path)
    assert {**RECORD, CHECKSUM: checksum(RECORD)} == read_sealed(path)


def test_a_stamp_is_under_the_checksum(tmp_path: Path) -> None:
    path, stamp = tmp_path / "r.json", {"settings": {}, "code": "0", "inputs": {}}
    write_record(path, RECORD)
    write_stamp(path, stamp)
    assert read_stamp(path) == stamp
    assert read_record(path)["metrics"] == RECORD["metrics"]
    path.write_text(path.read_text().replace('"code": "0"', '"code": "1"'))
    assert read_stamp(path) == {}


def test_a_number_that_is_none_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_record(tmp_path / "r.json", {"fid": float("nan")})
    assert not list(tmp_path.iterdir())


def test_sealing_leaves_links_and_other_documents_as_they_are(tmp_path: Path) -> None:
    path, link, scene = (tmp_path / name for name in ("r.json", "link.json", "scene.json"))
    path.write_text(json.dumps(RECORD))
    link.symlink_to(path)
    scene.write_text('{"format": "spatialgan scene 1"}')
    said = CliRunner().invoke(main, ["tidy", "--seal", str(link)])
    assert said.exit_code == 0 and link.is_symlink() and CHECKSUM in read_sealed(path)
    refused = CliRunner().invoke(main, ["tidy", "--seal", str(scene)])
    assert refused.exit_code == 1 and "is no record of results" in refused.output
    assert scene.read_text() == '{"format": "spatialgan scene 1"}'

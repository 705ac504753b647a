"""Records, curves and titles that tables and figures read: one line that names the file, or what is right."""

import errno
import json
import os
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from spatialgan.cli.main import main
from spatialgan.records import CHECKSUM, seal, write_record
from spatialgan.reporting.curves import read_curves
from spatialgan.reporting.tables import write_table
from spatialgan.settings.params import Params, load_params
from tests.reporting.test_reporting import SNAPSHOT, add_run
from tests.tiny import ROOT

INPUTS = Path(__file__).parent / "inputs/tables"
# By input: the record in whose place it stood, the table that reads it, and what is said of it
RECORDS = {
    "Attribute_classes_class_frame": ("bedroom/baseline/0/comove", "comove", "classes: "),
    "Attribute_footer_genexpr": ("cat/baseline/0/train", "capacity", "no JSON object"),
    "Attribute_footer_short": ("cat/baseline/0/fidelity", "objective", "commit: "),
    "Attribute_results_dictcomp": ("cat/sel/0/fidelity", "objective", "metric_ids: "),
    "Attribute_results_result": ("bedroom/indoor_sel/0/locality", "locality", "no JSON object"),
    "Key_columns_genexpr": ("bedroom/indoor_sel/0/locality", "locality", "'std' is a required"),
    "Key_results_result": ("bedroom/multi/0/locality", "locality", "'protocol' is a required"),
    "Type_classes_cell": ("bedroom/eqgan_sa/0/comove", "segmenters", "classes/plant/matched: "),
    "Type_classes_class_frame": (
        "bedroom/eqgan_sa/0/comove_detectron2",
        "segmenters",
        "classes/wardrobe/objects: ",
    ),
    "Type_columns_cell_fmean": ("cat/sel/0/fidelity", "capacity", "commit: None is not a text"),
    "Type_columns_genexpr": ("bedroom/indoor_sel/0/locality", "locality", "intervals/"),
    "Type_drag_table_check_protocols": ("cat/baseline/0/drags", "drag", "no JSON object"),
    "Type_drag_table_frame": ("bedroom/baseline/0/drags", "drag", "drags/1: "),
    "Type_drag_table_mean_interval_count": ("cat/baseline/0/drags", "drag", "not every trial"),
    "Type_drag_table_mean_interval_fmean": ("bedroom/baseline/0/drags", "drag", "drags/0/distance"),
    "Type_footer_values": ("cat/sel/0/train", "objective", "kimg: "),
    "Type_results_check_protocols": ("cat/sel/0/fidelity", "objective", "protocol: "),
    "Type_tables_means": ("cat/spatialgan/0/fidelity", "readings", "metric_ids/recall: "),
}


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Params:
    """Return the project's parameters, with results going to an empty folder."""
    monkeypatch.chdir(tmp_path)
    return load_params(ROOT / "params")


def table(name: str) -> Result:
    """Run the command that writes a table."""
    arguments = ["table", name, "-p", "workstation", "--params", str(ROOT / "params")]
    return CliRunner().invoke(main, arguments)


def put(params: Params, name: str, data: bytes) -> Path:
    """Put a record of a run in its place, and a whole one beside it; return its path."""
    run, _, file = name.rpartition("/")
    results = params.results("workstation")
    trained, measured = results.run(run).record, results.metric(run, file)
    if file == "train":
        measured = results.metric(run, "fidelity")
    for path in (trained, measured):
        path.parent.mkdir(parents=True)
        write_record(path, {"snapshot_sha256": SNAPSHOT, "metrics": {}, "protocol": {}})
    path = trained if file == "train" else measured
    path.write_bytes(data)
    with suppress(ValueError):  # where it is no record at all
        seal(path)
    return path


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_of_another_shape_is_one_line(params: Params, name: str) -> None:
    record, shown, said = RECORDS[name]
    path = put(params, record, (INPUTS / f"{name}.json").read_bytes())
    result = table(shown)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"spatialgan: {path}") and result.stderr.count("\n") == 1
    assert said in result.stderr
    assert not params.results("workstation").table(shown, ".md").parent.exists()


def test_a_segmenter_s_record_of_another_shape_is_one_line(params: Params) -> None:
    record = params.results("workstation").segmenter("bedroom", "torchvision").record
    record.parent.mkdir(parents=True)
    for text, said in (("1", "no JSON object"), ("{}", "'sha256' is a required")):
        record.write_text(text)
        with suppress(ValueError):
            seal(record)
        result = table("segmenters")
        assert result.exit_code == 1 and said in result.stderr
        assert result.stderr.startswith(f"spatialgan: {record}") and result.stderr.count("\n") == 1


@pytest.mark.parametrize("text", ["{}", "[]", "[1]", '{"metrics": 3, "protocol": {}}', "", "nul"])
@pytest.mark.parametrize("file", ["fidelity", "train"])
def test_an_empty_record_is_named(params: Params, text: str, file: str) -> None:
    path = put(params, f"cat/sel/0/{file}", text.encode())
    result = table("objective")
    assert result.exit_code == 1 and result.stderr.count("\n") == 1
    # a training's record without a hash is one of another snapshot than was measured
    assert path.name in result.stderr or "cat/sel/0 has snapshot" in result.stderr


def test_a_number_that_was_changed_with_its_checksum_taken_away_reaches_no_table(
    params: Params,
) -> None:
    run = "cat/baseline/0"
    add_run(params.root("workstation"), run, 10.0)
    files = params.results("workstation")
    for path in (files.metric(run, "fidelity"), files.run(run).record):
        whole = path.read_bytes()
        record = json.loads(whole)
        del record[CHECKSUM]
        path.write_text(json.dumps(record).replace("10.0", "9.0"))
        result = table("objective")
        assert result.exit_code == 1 and result.stderr.count("\n") == 1
        assert result.stderr.startswith(f"spatialgan: {path} has no checksum")
        assert not files.table("objective", ".md").exists()
        path.write_bytes(whole)
    assert table("objective").exit_code == 0


def test_damaged_curves_are_named_by_their_line() -> None:
    with pytest.raises(ValueError, match="curves.csv: line 23 has 3 cells, not 11"):
        read_curves(INPUTS / "curves.csv")


@pytest.mark.parametrize("title", ["A | 0.01 | 0.01", "<script>alert(1)</script>", "\\input{x}"])
def test_a_title_is_one_cell_and_no_markup(params: Params, title: str) -> None:
    params.rows["baseline"] = {**params.rows["baseline"], "title": title}
    add_run(params.root("workstation"), "cat/baseline/0", 10.0)
    markdown, page, tex, *_ = (
        path.read_text() for path in write_table(params, "objective", "workstation")
    )
    (line,) = (line for line in page.split("<tr>") if "10.00" in line)
    assert page.split("</tr>")[0].count("<th ") == line.count("<td ")
    assert "<script>" not in page and "\\input" not in tex
    assert markdown.count("<script>") == markdown.count("\\<script>")


def test_a_class_that_is_markup_is_shown(params: Params) -> None:
    name = "<script>|"
    group = {name: {"objects": 3, "matched": 3, "comove": 0.5}}
    record = {
        **{"snapshot_sha256": SNAPSHOT, "metrics": {"comove": 0.5}, "protocol": {"num_moves": 3}},
        **{"classes": group, "objects_in_frame": {"all": group[name]}},
        "intervals": {"comove": {"low": 0.4, "high": 0.6, "std": 0.1}},
    }
    put(params, "bedroom/baseline/0/comove", json.dumps(record).encode())
    result = table("comove")
    assert result.exit_code == 0, result.stderr
    page = params.results("workstation").table("comove", ".html").read_text()
    assert "&lt;script&gt;|" in page and "<script>" not in page


@pytest.mark.parametrize(
    ("command", "number"),
    [("table", errno.ENOSPC), ("table", errno.EIO), ("figure", errno.ENOSPC)],
)
def test_a_full_disk_keeps_what_was_there_and_is_named(
    params: Params, monkeypatch: pytest.MonkeyPatch, command: str, number: int
) -> None:
    add_run(params.root("workstation"), "cat/baseline/0", 10.0)
    name = {"table": "objective", "figure": "curves"}[command]
    arguments = [command, name, "-p", "workstation", "--params", str(ROOT / "params")]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    results = params.results("workstation")
    path = results.table(name, ".md") if command == "table" else results.figure(name)
    before = path.read_bytes()

    def fail(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        result = CliRunner().invoke(main, arguments)
    said = f"spatialgan: {path}: cannot be written ({os.strerror(number)})\n"
    assert (result.exit_code, result.stderr) == (1, said)
    assert path.read_bytes() == before
    assert not list(path.parent.glob(".*partial"))

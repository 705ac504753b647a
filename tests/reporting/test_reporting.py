"""Tables and figures from made-up results: means, spreads, footers, refusals."""

import csv
import html
import json
import re
from pathlib import Path

import pytest
import yaml
from PIL import Image

from spatialgan.markup import latex_text, markdown_line, markdown_text
from spatialgan.records import write_record
from spatialgan.reporting.figures import write_figure
from spatialgan.reporting.formats import html_page
from spatialgan.reporting.tables import write_table
from spatialgan.settings.params import Params, load_params

PARAMS = Path(__file__).parents[2] / "params"
SNAPSHOT = "5a" * 32
PROTOCOL = {
    "extractor": "scene",
    "extractor_sha256": "ab" * 32,
    "num_real": 50000,
    "num_fake": 10000,
    "resize": "extractor-internal",
    "truncation_psi": 1,
    "dataset_sha256": "cd" * 32,
}


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Params:
    """Return the project's parameters, with results going to an empty folder."""
    monkeypatch.chdir(tmp_path)
    return load_params(PARAMS)


def add_run(root: Path, run: str, fid: float, **protocol: object) -> None:
    """Write what a training and its measurement leave."""
    runs, metrics = root / "runs" / run, root / "metrics" / run
    for folder in (runs, metrics):
        folder.mkdir(parents=True)
    record = {"kimg": 200.0, "precision": "fp32", "resolution": 32, "commit": "1234567890abcdef"}
    write_record(runs / "train.json", {**record, "snapshot_sha256": SNAPSHOT})
    (runs / "curves.csv").write_text("kimg,loss_g,l1,anything\n1,0.5,,2\n2,0.4,0.3,\n")
    Image.new("RGB", (8 * 32, 4 * 32), "red").save(runs / "samples.png")
    values = {"fid": fid, "kid": fid / 1000, "kid_std": 0.0, "precision": 0.5, "recall": 0.25}
    ids = {name: f"scene_{name}10k" for name in values}
    measured = {
        "protocol": {**PROTOCOL, **protocol},
        "metrics": values,
        "metric_ids": ids,
        "commit": "1234567890abcdef",
        "snapshot_sha256": SNAPSHOT,
    }
    write_record(metrics / "fidelity.json", measured)


def cells(markdown: str, title: str) -> list[str]:
    """Return the cells of the first line of a row."""
    line = next(line for line in markdown.splitlines() if line.startswith(f"| {title} "))
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_a_cell_is_mean_and_spread_beside_the_papers_number(params: Params) -> None:
    root = params.root("workstation")
    add_run(root, "cat/baseline/0", 10.0)
    add_run(root, "cat/baseline/1", 13.0)
    add_run(root, "cat/sel/0", 9.0)
    markdown = write_table(params, "objective", "workstation")[0].read_text()
    assert cells(markdown, "Baseline (StyleGAN2)")[:3] == [
        "11.50 ± 2.12",
        "8.36",
        "0.0115 ± 0.0021",
    ]
    assert cells(markdown, "+ SEL")[:2] == ["9.00", "7.61"]
    assert cells(markdown, "+ L_align: SpatialGAN (hierarchical, SEL_norm, coarse)")[:2] == [
        "-",
        "6.57",
    ]
    assert "scene_fid10k ↓" in markdown


def test_the_footer_says_with_what_on_what_and_from_which_code(params: Params) -> None:
    add_run(params.root("workstation"), "cat/baseline/0", 10.0)
    markdown = write_table(params, "objective", "workstation")[0].read_text()
    for fact in (
        "procedural cat scenes standing in for LSUN Cat",
        "extractor scene ababababab",
        "10,000 generated against 50,000 real",
        "200 kimg",
        "32 px",
        "fp32",
        "1234567890",
        "truncation psi 1",
    ):
        assert fact in markdown


def test_metrics_of_another_snapshot_than_the_row_has_are_refused(params: Params) -> None:
    root = params.root("workstation")
    add_run(root, "cat/baseline/0", 10.0)
    path = root / "metrics/cat/baseline/0/fidelity.json"
    for other, shown in (({"snapshot_sha256": "0f" * 32}, "0f0f0f0f0f"), ({}, "unknown")):
        measured = json.loads(path.read_text())
        measured.pop("snapshot_sha256", "")
        write_record(path, {**measured, **other})
        wanted = f"fidelity.json was measured on snapshot {shown}, but cat/baseline/0 has snapshot 5a5a5a5a5a: measure"
        with pytest.raises(ValueError, match=wanted):
            write_table(params, "objective", "workstation")


def test_what_titles_hold_is_shown_in_every_format(params: Params) -> None:
    title = "a|b <i>x</i> _it_ *b* `c` &amp; [l](u) 5 % $x^2$ {z}~ \\n SEL_norm"
    params.rows["sel"] = {**params.rows["sel"], "title": title}
    add_run(params.root("workstation"), "cat/sel/0", 9.0)
    markdown, page, tex, table, _ = write_table(params, "objective", "workstation")
    lines = [line for line in markdown.read_text().splitlines() if line.startswith("|")]
    assert len({len(re.split(r"(?<!\\)\|", line)) for line in lines}) == 1
    assert f'<td style="text-align:left">{html.escape(title, quote=False)}</td>' in page.read_text()
    wanted = r"5 \% \$x\textasciicircum{}2\$ \{z\}\textasciitilde{} \textbackslash{}n SEL\_norm &"
    assert wanted in tex.read_text()
    assert any(line["title"] == title for line in csv.DictReader(table.read_text().splitlines()))


@pytest.mark.parametrize(
    "text",
    [
        *("# a", "#", "> a", ">a", "- a", "+ a", "* a", "1. a", "12) a", "1.", "---", "===", "a #"),
        *("a ##", "[a]: b", "[a](b)", "~~a~~", "~~~", "```", "    a", "$a$", "1.5 a", "-1 a"),
    ],
)
def test_marks_that_a_line_begins_with_are_shown(text: str) -> None:
    shown = html.escape(text.strip(), quote=False)
    assert html_page(markdown_line(text)) == html_page("") + f"<p>{shown}</p>\n"
    assert html_page(f"- {markdown_line(text)}").endswith(f"<li>{shown}</li>\n</ul>\n")
    assert html_page(f"# {markdown_text(text)}").endswith(f"<h1>{shown}</h1>\n")


def test_a_row_of_latex_is_no_part_of_the_end_of_the_row_before() -> None:
    assert latex_text("[2em] a [b]") == "{[}2em] a [b]" and latex_text("* a") == "{*} a"


def test_different_protocols_do_not_share_a_table(params: Params) -> None:
    root = params.root("workstation")
    add_run(root, "cat/baseline/0", 10.0)
    add_run(root, "cat/sel/0", 9.0, num_fake=5000)
    with pytest.raises(
        ValueError, match=r"cat/baseline/0 and cat/sel/0 .*num_fake is 10000 and 5000"
    ):
        write_table(params, "objective", "workstation")


def test_a_data_set_changed_in_between_is_another_protocol(params: Params) -> None:
    root = params.root("workstation")
    add_run(root, "cat/baseline/0", 10.0)
    add_run(root, "face/baseline/0", 10.0, dataset_sha256="ef" * 32)
    write_table(params, "fidelity", "workstation")
    add_run(root, "cat/spatialgan/0", 9.0, dataset_sha256="00" * 32)
    with pytest.raises(ValueError, match="dataset_sha256"):
        write_table(params, "fidelity", "workstation")


def add_comove(root: Path, run: str, comove: float | None, std: float = 0.03, **protocol) -> None:
    """Write a Co-move Ratio; None for a row that has none."""
    numbers = {} if comove is None else {"comove": comove, "coverage": 0.25}
    intervals = {n: {"low": v - 0.05, "high": v + 0.06, "std": std} for n, v in numbers.items()}
    protocol = {
        "segmenter": "torchvision",
        "segmenter_sha256": "12" * 32,
        "num_moves": 5000,
        **protocol,
    }
    measured = {
        "protocol": protocol,
        "metrics": numbers,
        "intervals": intervals,
        "commit": "ab" * 20,
        "snapshot_sha256": SNAPSHOT,
    }
    measured["metric_ids"] = {"comove": "torchvision_comove5k"}
    bed, lamp = {"objects": 1200, "matched": 1000, "comove": comove}, {"objects": 3, "matched": 0}
    measured["classes"] = {} if comove is None else {"lamp": lamp, "bed": bed}
    add_run(root, run, 10.0)
    write_record(root / "metrics" / run / "comove.json", measured)


def test_comove_stands_beside_the_papers_with_its_interval(params: Params) -> None:
    root = params.root("workstation")
    add_comove(root, "bedroom/baseline/0", None)
    add_comove(root, "bedroom/multi/0", 0.1)
    add_comove(root, "bedroom/indoor/0", 0.2)
    add_comove(root, "bedroom/indoor/1", 0.4, std=0.04)
    markdown, _, _, table, _ = write_table(params, "comove", "workstation")
    text = markdown.read_text()
    assert cells(text, "Baseline (StyleGAN2)")[:4] == ["N/A", "N/A", "N/A", "N/A"]
    assert cells(text, "EqGAN-SA (fine heatmaps)")[:2] == ["-", "0.32"]
    assert cells(text, "+ multi-object sampling")[:2] == ["0.10 [0.05, 0.16]", "0.41"]
    # two trainings: Student's t with one degree of freedom, 12.706 * 0.1 = 1.271
    pooled = cells(text, "+ L_align_indoor: SpatialGAN")
    assert pooled[:2] == ["0.30 ± 0.14 [-0.97, 1.57]", "0.69"]
    assert "0.25 ± 0.00" in pooled  # coverage shows no interval
    assert "torchvision_comove5k ↑" in text and "cross-talk → 0" in text
    (ordering,) = re.findall(
        r"^\| .* minus .*\|$", text, re.MULTILINE
    )  # the baseline has no number
    assert "SpatialGAN minus + multi-object" in ordering and "one training" in ordering
    for fact in (
        "segmenter torchvision 1212121212, 5,000 moves",
        "95 % interval",
        "LSUN Bedroom with",
    ):
        assert fact in text
    assert cells(text, "bed") == ["0.10 (1,200)", "0.30 (2,400)"]
    assert cells(text, "lamp") == ["N/A (3)", "N/A (6)"]
    assert text.index("| bed ") < text.index("| lamp ")
    line = next(
        line for line in csv.DictReader(table.read_text().splitlines()) if line["row"] == "indoor"
    )
    assert float(line["low95"]) == pytest.approx(-0.971, abs=1e-3)


def test_co_move_ratios_of_different_segmenters_do_not_share_a_table(params: Params) -> None:
    root = params.root("workstation")
    add_comove(root, "bedroom/multi/0", 0.1)
    add_comove(root, "bedroom/indoor/0", 0.2, segmenter_sha256="00" * 32)
    with pytest.raises(ValueError, match="segmenter_sha256"):
        write_table(params, "comove", "workstation")


def test_csv_latex_and_json_hold_the_same_numbers(params: Params) -> None:
    add_run(params.root("workstation"), "cat/impulse/0", 6.5)
    _, page, tex, table, numbers = write_table(params, "ablation", "workstation")
    line = next(
        line for line in csv.DictReader(table.read_text().splitlines()) if line["row"] == "impulse"
    )
    assert (line["mean"], line["paper"], line["num_seeds"]) == ("6.5", "6.93", "1")
    assert line["metric"] == "scene_fid10k"
    text = tex.read_text()
    assert r"Impulse noise 5 \% & 6.50 & 6.93" in text
    assert text.count(r"\begin{table}") == len(params.sections("ablation"))
    shown = page.read_text()
    assert shown.count("<table>") == len(params.sections("ablation"))
    assert '<td style="text-align:right">6.50</td>' in shown
    assert "src=" not in shown and "href=" not in shown  # it needs nothing beside it
    cells = json.loads(numbers.read_text())["processing"]["cat"]
    assert cells["impulse"]["scene_fid10k"] == 6.5
    assert list(cells) == ["impulse"]
    add_run(params.root("workstation"), "cat/impulse/1", 7.5)
    numbers = write_table(params, "processing", "workstation")[4]
    assert json.loads(numbers.read_text())["cat"]["impulse"]["scene_fid10k"] == 7.0


def test_the_fidelity_table_has_a_column_per_data_set(params: Params) -> None:
    add_run(params.root("workstation"), "church/spatialgan/0", 5.0)
    markdown = write_table(params, "fidelity", "workstation")[0].read_text()
    paper = ["6.57", "2.91", "2.86"]
    assert cells(markdown, "+ L_align: SpatialGAN (hierarchical, SEL_norm, coarse)")[1::2] == paper
    assert cells(markdown, "+ L_align: SpatialGAN (hierarchical, SEL_norm, coarse)")[4] == "5.00"


def test_a_table_is_an_entry_of_params_and_nothing_else(params: Params, tmp_path: Path) -> None:
    folder = tmp_path / "params"
    folder.mkdir()
    for file in PARAMS.glob("*.yaml"):
        (folder / file.name).write_text(file.read_text())
    tables = yaml.safe_load((PARAMS / "tables.yaml").read_text())
    entry = {"title": "Mine", "source": "us", "metrics": ["recall"], "rows": {"sel": {"cat": 0.5}}}
    tables["tables"]["mine"] = entry
    (folder / "tables.yaml").write_text(yaml.safe_dump(tables, sort_keys=False))
    mine = load_params(folder)
    add_run(mine.root("workstation"), "cat/sel/0", 9.0)
    markdown = write_table(mine, "mine", "workstation")[0].read_text()
    assert cells(markdown, "+ SEL") == ["0.250", "0.500"]
    assert write_figure(mine, "mine_samples", "workstation").is_file()

"""Models as ONNX: the images are those of our own render, whatever encodes, demodulates and samples."""

import json
import sys

import pytest
from click.testing import CliRunner

from spatialgan import export
from spatialgan.cli.main import main
from spatialgan.heatmaps.samplers import SAMPLERS
from spatialgan.imports.model import import_generator
from spatialgan.models import shipped_models
from spatialgan.models.opened import open_model
from spatialgan.networks.encoding import ENCODINGS
from spatialgan.networks.modulation import DEMODULATIONS
from tests.imports import checkpoints
from tests.tiny import shipped_params, tiny_config, tiny_snapshot

onnx = pytest.importorskip("onnx", reason="needs the extra 'export'")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra 'export'")
pytest.importorskip("onnxscript", reason="needs the extra 'export'")

# Annotations name the size of the batch, which is open while a graph is traced.
pytestmark = pytest.mark.unchecked


def one_row_per_generator():
    """Return rows of params/ that differ in sampler or encoding, numbers included: training alone changes no graph."""
    configs = {row: tiny_config(row) for row in shipped_params().rows}
    kinds = {row: (type(c.sampling), c.generator.encoding) for row, c in configs.items()}
    return list({kind: row for row, kind in reversed(kinds.items())}.values())


ROWS = one_row_per_generator()


def difference(path):
    model = open_model(str(path))
    return export.largest_difference(export.export_model(model), model.snapshot)


def test_every_encoding_demodulation_and_sampler_is_among_the_rows():
    configs = [tiny_config(row) for row in ROWS]
    encodings = [config.generator.encoding for config in configs]
    assert {type(encoding) for encoding in encodings} == set(ENCODINGS.values())
    assert {type(config.sampling) for config in configs} == set(SAMPLERS.values())
    assert {getattr(e, "demodulation", "local") for e in encodings} == set(DEMODULATIONS)
    assert {getattr(e, "processing", "coarse") for e in encodings} == {"coarse", "fine"}


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS)
def test_images_of_a_row_are_those_of_our_render(tmp_path, row):
    assert difference(tiny_snapshot(tmp_path / "m.safetensors", row)) < export.TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("name", shipped_models())
def test_images_of_a_shipped_model_are_those_of_our_render(name):
    assert difference(name) < export.TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("with_sel", [False, True], ids=["stylegan2", "eqgan_sa"])
def test_images_of_an_imported_model_are_those_of_our_render(tmp_path, with_sel):
    network = checkpoints.generator(0.5, with_sel)
    path = checkpoints.write_checkpoint(tmp_path / "network.pkl", G_ema=network)
    import_generator(path, tmp_path / "m.safetensors")
    assert difference(tmp_path / "m.safetensors") < export.TOLERANCE


@pytest.mark.slow
def test_the_command_writes_a_checked_file_that_says_what_it_is(tmp_path):
    path, output = tiny_snapshot(tmp_path / "m.safetensors", "indoor"), tmp_path / "m.onnx"
    arguments = ["export", str(path), "-o", str(output), "--license", "CC0-1.0"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert "largest difference from our render" in result.output
    assert str(tmp_path).encode() not in output.read_bytes()  # nor of the code's
    session = onnxruntime.InferenceSession(output)
    assert {part.name: part.shape for part in session.get_inputs()} == {
        "z": ["batch", 4, 16],
        "truncation_psi": ["batch"],
        "noise": ["batch", 16 + 2 * 64 + 2 * 256],
        "level0_centers": ["batch", 3, 2],
        "level0_sigmas": ["batch", 3],
        "level0_presences": ["batch", 3],
    }
    assert [(part.name, part.shape) for part in session.get_outputs()] == [
        ("image", ["batch", 3, 16, 16])
    ]
    said = session.get_modelmeta().custom_metadata_map
    assert said["snapshot_sha256"] == open_model(str(path)).sha256
    assert said["license"] == "CC0-1.0" and said["format"] == export.FORMAT
    assert json.loads(said["levels"]) == [3] and json.loads(said["resolution"]) == 16
    # damaged, it would have been refused
    model = onnx.load(output)
    for tensor in model.graph.initializer:
        if tensor.name.endswith("w_avg"):
            tensor.raw_data = bytes(len(tensor.raw_data))
    damaged = export.OnnxModel(model.SerializeToString(), ())
    assert export.largest_difference(damaged, open_model(str(path)).snapshot) > export.TOLERANCE


def test_a_difference_is_refused_and_nothing_written(tmp_path, monkeypatch):
    path, output = tiny_snapshot(tmp_path / "m.safetensors"), tmp_path / "m.onnx"
    monkeypatch.setattr(export, "export_model", lambda *_: export.OnnxModel(b"onnx", ("z",)))
    monkeypatch.setattr(export, "largest_difference", lambda *_: float("nan"))
    result = CliRunner().invoke(main, ["export", str(path), "-o", str(output)])
    assert result.exit_code == 1 and "was not written" in result.output and not output.exists()
    result = CliRunner().invoke(main, ["export", str(path), "-o", str(output), "--no-check"])
    assert result.exit_code == 0 and "not checked" in result.output
    assert output.read_bytes() == b"onnx"


@pytest.mark.parametrize("package", ["onnx", "onnxscript"])
def test_a_missing_package_is_one_line_that_names_the_extra(monkeypatch, tmp_path, package):
    path = tiny_snapshot(tmp_path / "m.safetensors")
    monkeypatch.setitem(sys.modules, package, None)
    result = CliRunner().invoke(main, ["export", str(path), "-o", str(tmp_path / "m.onnx")])
    assert result.exit_code == 1 and result.output.count("\n") == 1
    assert f"{package} is needed for this: pip install 'spatialgan[export]'" in result.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["bedroom", "-o", "m.pt"], "m.pt must end in .onnx"),
        (["nowhere", "-o", "m.onnx"], "choose one of bedroom, cat"),
        (["cat", "-o", "m.onnx", "--license", "a\udcff"], r"--license: 'a\udcff' is no text"),
    ],
)
def test_what_cannot_be_is_one_line(arguments, words):
    result = CliRunner().invoke(main, ["export", *arguments])
    assert result.exit_code == 1 and words in result.output and result.output.count("\n") == 1

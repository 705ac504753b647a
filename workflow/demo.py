"""The studio's page without a server, as a folder of plain files: `make docs` puts it into site/demo/.

    python -m workflow.demo site/demo [--required] [MODEL ...]

The page is the studio's own; models are exported to ONNX and run in the visitor's browser by onnxruntime-web. Large
files are compressed here and unpacked by the page, so that they are small when any server sends them. Without npm's
registry the demo is left out, in one line; with --required that is an error.
"""

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import click
import deflate
import numpy as np

from spatialgan.export import LICENSE, TOLERANCE, OnnxModel, export_model, largest_difference
from spatialgan.models import FOLDER, shipped_models
from spatialgan.models.opened import OpenedModel, open_model
from spatialgan.networks.released import const_noise
from spatialgan.studio import answers
from spatialgan.studio.admission import SECURITY_HEADERS
from workflow.runtime import BINARY, PACKAGE, SCRIPT, VERSION, Unreachable, members, package_file

STUDIO = Path(answers.__file__).parent
PAGE, BACKEND = STUDIO / "static", STUDIO / "browser"
HEADERS_ONLY = ("frame-ancestors",)  # of a policy: a page can't set it by itself
RUNTIME_LICENSE = f"""{PACKAGE} {VERSION}
Copyright (c) Microsoft Corporation

MIT License

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""


def build_demo(folder: Path, names: Sequence[str], package: Path) -> None:
    """Write the demo of some models (shipped ones, or the paths of snapshots) with a package of the runtime.

    Raises ValueError if there is no such model, if the page can't show it, and if its export differs from
    our own render.
    """
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(PAGE, folder)
    shutil.copytree(BACKEND, folder / "browser")
    index = folder / "index.html"
    index.write_text(without_server(index.read_text(encoding="utf-8")), encoding="utf-8")
    script, binary = members(package, SCRIPT, BINARY)
    runtime = folder / "runtime"
    runtime.mkdir()
    (runtime / "ort.js").write_bytes(re.sub(rb"\n//# sourceMappingURL=.*", b"", script))
    (runtime / "ort.wasm.gz").write_bytes(compressed(binary))
    (runtime / "LICENSE.txt").write_text(RUNTIME_LICENSE, encoding="utf-8")
    (folder / "models").mkdir()
    listed = [_add_model(folder, number, open_model(name)) for number, name in enumerate(names)]
    (folder / "models.json").write_text(json.dumps(listed), encoding="utf-8")


def without_server(page: str) -> str:
    """Return the studio's page for a plain host, with its back end and its policy."""
    server = SECURITY_HEADERS["content-security-policy"].split("; ")
    kept = [rule for rule in server if not rule.startswith(HEADERS_ONLY)]
    policy = "; ".join([*kept, "script-src 'self' 'wasm-unsafe-eval'"])
    meta = f'<meta http-equiv="content-security-policy" content="{policy}">'
    head, html = '<meta charset="utf-8">', '<html lang="en">'
    assert head in page and html in page
    named = page.replace(html, '<html lang="en" data-backend="browser">', 1)
    return named.replace(head, f"{head}\n  {meta}", 1)


def compressed(data: bytes) -> bytes:
    """Return data as gzip, the same bytes each time, and 4 % fewer than zlib makes of the runtime."""
    return bytes(deflate.gzip_compress(data, 12))


def stored_as_fp16(model: OnnxModel) -> OnnxModel:
    """Return an exported model whose weights are stored as fp16 wherever they are fp16 numbers, and cast when it is loaded.

    Weights of shipped models are (`spatialgan.models.shipping`), but for those that the export has multiplied by a gain.
    """
    import onnx

    proto = onnx.load_from_string(model.data)
    casts = []
    for tensor in proto.graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        with np.errstate(over="ignore"):
            half = values.astype(np.float16)
        if values.dtype != np.float32 or not np.array_equal(half.astype(np.float32), values):
            continue
        name, stored = tensor.name, f"{tensor.name}_fp16"
        tensor.CopyFrom(onnx.numpy_helper.from_array(half, stored))
        casts.append(onnx.helper.make_node("Cast", [stored], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *proto.graph.node]
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)
    return OnnxModel(proto.SerializeToString(deterministic=True), model.inputs)


def _add_model(folder: Path, number: int, model: OpenedModel) -> dict:
    """Write a model's file; return what the page needs to know about it."""
    snapshot = model.snapshot
    if const_noise(snapshot.generator):
        raise ValueError(f"{model.name} is imported: its own noise is not in the demo")
    exported = stored_as_fp16(export_model(model))
    difference = largest_difference(exported, snapshot)
    if not difference <= TOLERANCE:
        raise ValueError(f"{model.name} as ONNX differs from our render by {difference:.1e}")
    file = f"models/{number}_{Path(model.name).stem}.onnx.gz"
    (folder / file).write_bytes(compressed(exported.data))
    config = snapshot.config
    (described,) = answers.describe({model.name: model})
    return described | {
        "file": file,
        "notice": notice(model),
        "sampling": config.identity()["sampling"],
        "z_dim": config.generator.z_dim,
        "noise_pixels": sum(size * size for size in config.generator.noise_sizes),
    }


def notice(model: OpenedModel) -> str:
    """Return what the page says about a model: how small it is, and what it has seen."""
    generator = model.snapshot.generator
    size = model.snapshot.config.generator.resolution
    count = sum(parameter.numel() for parameter in generator.parameters())
    told = f"{Path(model.name).stem} is a model of {size} × {size} pixels and {count:,} parameters"
    card = FOLDER / f"{model.name}.md"
    if model.name in shipped_models():
        found = re.search(r"trained on (.+?)\.\n", card.read_text(encoding="utf-8"))
        assert found, "a card says what its model was trained on"
        kimg = model.snapshot.kimg
        told += f", trained for {kimg:g} kimg on {found[1]} (license {LICENSE})"
    return f"{told}. It runs in this browser: nothing you do here leaves it."


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("models", nargs=-1, metavar="[MODEL ...]")
@click.option("--required", is_flag=True, help="Fail where the runtime can't be had.")
def main(folder: Path, models: tuple[str, ...], required: bool) -> None:
    """Write the demo of MODELs, or of all shipped ones, to FOLDER."""
    try:
        package = package_file()
    except Unreachable as error:
        if required:
            raise click.ClickException(str(error)) from None
        click.echo(f"The demo is left out of the site: {error}.", err=True)
        return
    build_demo(folder, models or shipped_models(), package)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    click.echo(f"{folder}: {size:,} bytes")


if __name__ == "__main__":
    main()

"""The example notebook runs from top to bottom, and shows pictures where it was committed with pictures."""

import ast
import json
from typing import Any

import pytest

from tests.tiny import ROOT

NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))


def run_cell(source: str, space: dict[str, Any]) -> Any:
    """Run the code of a cell; return the value of its last expression, or None."""
    tree = ast.parse(source)
    if not isinstance(tree.body[-1], ast.Expr):
        exec(compile(tree, "<cell>", "exec"), space)
        return None
    last = tree.body.pop()
    exec(compile(tree, "<cell>", "exec"), space)
    return eval(compile(ast.Expression(last.value), "<cell>", "eval"), space)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_cell_runs_and_gives_what_it_was_committed_with(path):
    cells = [c for c in json.loads(path.read_text())["cells"] if c["cell_type"] == "code"]
    space: dict[str, Any] = {}
    num_pictures = 0
    for cell in cells:
        value = run_cell("".join(cell["source"]), space)
        (output,) = cell["outputs"] or ({"data": {}},)
        assert (value is None) == (not cell["outputs"])
        if "image/png" in output["data"]:
            num_pictures += 1
            assert value._repr_png_().startswith(b"\x89PNG")
        elif value is not None:
            assert repr(value) == "".join(output["data"]["text/plain"])
    assert num_pictures >= 4


def test_there_is_a_notebook():
    assert [path.name for path in NOTEBOOKS] == ["edit_a_scene.ipynb"]

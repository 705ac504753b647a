"""The promises of the repository itself: lock, README, floors, sizes, and what an import may need."""

import ast
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted(ROOT.glob("spatialgan/**/*.py"))
LOCK = (ROOT / "requirements.lock").read_text()
PINS = re.findall(r"^([A-Za-z0-9._-]+)==([^ \\;]+)", LOCK, flags=re.MULTILINE)
HEAVY = ("snakemake", "dvc", "torch_fidelity", "pandas", "matplotlib")


def normalized(name: str) -> str:
    """Return a package's name as an index spells it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def declared() -> set[str]:
    """Return the packages that pyproject.toml asks for, every extra and group included."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project, groups = pyproject["project"], pyproject["dependency-groups"]
    lists = [project["dependencies"], *project["optional-dependencies"].values(), *groups.values()]
    wanted = {item for part in lists for item in part if isinstance(item, str)}
    wanted |= set(pyproject["build-system"]["requires"])
    return {normalized(re.match(r"[A-Za-z0-9._-]+", item)[0]) for item in wanted}


def python_with_blocked(modules: tuple[str, ...], code: str) -> subprocess.CompletedProcess:
    """Run code in a new process in which importing any of the modules fails."""
    blocked = f"import sys; sys.modules.update(dict.fromkeys({modules!r}))\n"
    command = [sys.executable, "-c", blocked + code]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


def test_lock_names_no_registry():
    assert "://" not in LOCK
    assert not re.search(r"^\s*(-|.* @ )", LOCK.replace("    --hash=", ""), flags=re.MULTILINE)


def test_lock_pins_every_package_by_hash():
    entries = re.split(r"\n(?=[a-z0-9])", LOCK.split("\n", 2)[2])
    assert len(entries) == len(PINS) > 100
    for entry in entries:
        assert "--hash=sha256:" in entry, entry.splitlines()[0]


def test_lock_has_everything_that_the_project_declares():
    assert declared() <= {normalized(name) for name, _ in PINS}


def test_environment_is_what_the_lock_says():
    pins = {}
    for name, version in PINS:
        pins.setdefault(name, set()).add(version)
    for name in ("torch", "numpy", "snakemake", "torch-fidelity", "pytest"):
        assert importlib.metadata.version(name) in pins[name], (
            f"{name}: remove .venv/installed and run make"
        )


def test_readme_fits_its_bound():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


def test_readme_includes_what_rules_wrote():
    pattern = r"<!-- include (\S+) -->\n(.*?)<!-- end include -->"
    blocks = re.findall(pattern, (ROOT / "README.md").read_text(), flags=re.DOTALL)
    assert blocks
    for path, text in blocks:
        if (ROOT / path).exists():
            assert text == (ROOT / path).read_text(), f"README's copy of {path} is old"
        else:
            assert text.startswith("*(Not made yet"), f"{path}, which README shows, is missing"


def test_links_of_the_documents_exist():
    for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]:
        for target in re.findall(r"\]\(([^)#:\s]+)\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_code_named_by_the_documents_exists():
    pattern = r"(?<!include )(?<![/\w])((?:spatialgan|docs|params|workflow)/[\w/]+\.\w+)"
    for document in ("README.md", "CONTRIBUTING.md", "docs/data.md", "NOTICE"):
        for path in re.findall(pattern, (ROOT / document).read_text()):
            assert (ROOT / path).exists(), f"{document} names {path}"


def test_make_help_lists_every_target():
    makefile = (ROOT / "Makefile").read_text()
    targets = re.search(r"^\.PHONY: (.*)$", makefile, flags=re.MULTILINE)[1].split()
    printed = subprocess.run(
        ["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert re.findall(r"^make (\S+)", printed, flags=re.MULTILINE) == targets


def test_every_import_points_down():
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-3000:]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_module_keeps_the_rules_of_the_house(path):
    source = path.read_text()
    assert len(source.splitlines()) <= 300, "over 300 lines: split it by noun"
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert node.end_lineno - node.lineno < 60, f"{node.name} is over 60 lines"
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            named = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            assert not {"pickle", "cPickle", "dill", "joblib"} & set(named), (
                "pickle executes what it reads"
            )
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            assert (node.value.id, node.attr) != ("torch", "load"), "torch.load reads pickles"
            assert (node.value.id, node.attr) != ("torch", "save"), "torch.save writes pickles"


def test_every_module_of_the_core_imports_without_the_workflow():
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in MODULES]
    names = [name.removesuffix(".__init__") for name in names if not name.endswith("__main__")]
    workflow = ("spatialgan.evaluation", "spatialgan.reporting", "spatialgan.extractors.fidelity")
    core = [n for n in names if not n.startswith(workflow)]
    result = python_with_blocked(
        HEAVY, f"import importlib\nfor n in {core!r}: importlib.import_module(n)"
    )
    assert result.returncode == 0, result.stderr[-2000:]


def test_command_line_says_its_help_without_loading_torch():
    code = "from spatialgan.cli.main import main; main(['--help'], standalone_mode=False)"
    result = python_with_blocked((*HEAVY, "torch"), code)
    assert result.returncode == 0, result.stderr[-2000:]
    assert "train" in result.stdout


def test_the_block_of_these_tests_blocks():
    assert python_with_blocked(("torch",), "import torch").returncode != 0

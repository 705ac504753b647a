"""The promises of the repository itself: lock, documents, floors, sizes, rules of the house, imports."""

import ast
import importlib.metadata
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted(ROOT.glob("spatialgan/**/*.py"))
LOCK = (ROOT / "requirements.lock").read_text()
PINS = re.findall(r"^([A-Za-z0-9._-]+)==([^ \\;]+)", LOCK, flags=re.MULTILINE)
TESTS = sorted(ROOT.glob("tests/**/*.py"))
RESULT_FOLDERS = {
    "results",
    "archives",
    "datasets",
    "snapshots",
    "kept",
    "runs",
    "segmenters",
    "weights",
} | {
    "metrics",
    "numbers",
    "tables",
    "figures",
    "analyses",
    "resume",
    "logs",
    "benchmarks",
}  # as spatialgan/results.py lays them out
BRITISH = (  # beginnings of words; `licence` alone is a key of params/datasets.yaml
    "colour",
    "behaviour",
    "neighbour",
    "favour",
    "honour",
    "centre",
    "metre",
    "grey",
    "catalogue",
    "cancell(?:ed|ing)",
    "labell(?!edby)",  # an attribute of HTML
    "modelling",
    "travell",
    "artefact",
    "maths",
    "analys(?:e|ed|ing)\\b",
    "learnt",
    "towards(?! *[(,\n])",  # but for a function of that name, whose change would make results again
    "(?:normal|optim|regular|equal|initial|parametr|visual|quant|serial|summar|recogn|organ)is(?:e|ed|es|er|ing|ation)\\b",
)
OTHERS_NAMES = (  # that begin with "_" by a convention of others: namedtuple, IPython, StyleGAN's pickles
    "_replace",
    "_asdict",
    "_repr_",
    "_reconstruct_persistent_obj",
)
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


def tracked(*patterns: str) -> list[Path]:
    """Return the files in git that match."""
    command = ["git", "ls-files", "-z", "--", *patterns]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def imported(path: Path) -> list[str]:
    """Return what a file imports, such as "spatialgan.files.atomic_file"."""
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


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
    assert len((ROOT / "README.md").read_text().splitlines()) <= 120


def test_links_of_the_documents_exist():
    checked = 0
    for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]:
        for target in re.findall(r"\]\(([^)#:\s]+)\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"
            checked += 1
    assert checked > 10


def test_code_named_by_the_documents_exists():
    pattern = r"(?<![/\w])((?:spatialgan|docs|params|workflow|benchmarks)/[\w/]+\.\w+)"
    checked = 0
    for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "NOTICE"]:
        if document.name == "CHANGELOG.md":
            continue  # it tells of what is gone, too
        checked += 1
        for path in re.findall(pattern, document.read_text()):
            is_example = Path(path).name.startswith(
                "my_"
            )  # what a recipe tells a newcomer to write
            assert is_example or (ROOT / path).exists(), f"{document.name} names {path}"
    assert checked > 10


def test_targets_named_by_the_documents_exist():
    makefile = (ROOT / "Makefile").read_text()
    for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / ".ci/run"]:
        for target in re.findall(
            r"(?:`|^)make ([a-z.]+)", document.read_text(), flags=re.MULTILINE
        ):
            assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), (
                f"{document.name} names make {target}"
            )


def test_every_page_of_the_documentation_is_in_the_navigation():
    navigation = (ROOT / "mkdocs.yml").read_text().split("\nnav:\n")[1]
    pages = list((ROOT / "docs").glob("**/*.md"))
    assert len(pages) > 10
    for page in pages:
        assert f": {page.relative_to(ROOT / 'docs')}\n" in navigation, f"mkdocs.yml lacks {page}"


def test_versions_agree():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"\n## {version}" in (ROOT / "CHANGELOG.md").read_text()


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


def test_only_public_interfaces_of_snakemake_are_used():
    assert list(ROOT.glob("workflow/**/*.smk")) and list(ROOT.glob("workflow/*.py"))
    for path in [ROOT / "Snakefile", *ROOT.glob("workflow/**/*")]:
        if path.suffix in ("", ".smk", ".py") and path.is_file():
            found = re.search(r"\bworkflow\.persistence\b|\bdag\.\w+", path.read_text())
            assert not found, f"{path.relative_to(ROOT)} uses {found[0]}, which isn't public"


def test_the_message_about_an_unknown_name_is_written_once():
    telling = [path for path in MODULES if "choose one of" in path.read_text()]
    assert [str(path.relative_to(ROOT)) for path in telling] == ["spatialgan/variants.py"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_where_results_lie_is_known_in_one_file(path):
    if path == ROOT / "spatialgan/results.py":
        return
    # params/ has files of these names
    folders = {"results"} if path == ROOT / "spatialgan/settings/params.py" else RESULT_FOLDERS
    for node in ast.walk(ast.parse(path.read_text())):
        joined = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
        for part in (node.left, node.right) if joined else ():
            begin = part.values[0] if isinstance(part, ast.JoinedStr) else part
            if isinstance(begin, ast.Constant) and isinstance(begin.value, str):
                folder = begin.value.split("/")[0]
                assert folder not in folders, (
                    f"line {node.lineno} builds a path in {folder}/: results.py does that"
                )


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_package_logs_and_does_not_print(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "print"
        ):
            assert any(word.arg == "file" for word in node.keywords), (
                f"line {node.lineno}: a message goes to logging, a command's result to click.echo"
            )


def test_only_tests_import_tests():
    for path in [*MODULES, *ROOT.glob("benchmarks/*.py")]:
        for name in imported(path):
            assert name.split(".")[0] != "tests", f"{path.relative_to(ROOT)} imports {name}"


@pytest.mark.parametrize("path", TESTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_tests_use_public_names_only(path):
    tree = ast.parse(path.read_text())
    private = [name for name in imported(path) if name.rsplit(".", 1)[-1].startswith("_")]
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and re.match(r"_[^_]", node.attr):
            owner = node.value.id if isinstance(node.value, ast.Name) else ""
            if owner not in ("self", "cls", "os") and not node.attr.startswith(OTHERS_NAMES):
                private.append(f"{owner}.{node.attr} in line {node.lineno}")
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "setattr":
            names = [a.value for a in node.args[:2] if isinstance(a, ast.Constant)]
            private += [n for n in names if re.search(r"(?:^|\.)_[^_]", str(n))]
    assert not private, f"private names: {', '.join(private)}"


def test_spelling_is_american():
    british = re.compile(r"\b(?:" + "|".join(BRITISH) + ")", flags=re.IGNORECASE)
    for path in tracked(
        *("*.md", "*.py", "*.smk", "*.yaml", "*.yml", "*.toml", "*.rst", "*.cff", "Makefile"),
        *("*.js", "*.html", "*.css", "*.ipynb"),
    ):
        if path != Path(__file__) and not path.is_relative_to(ROOT / "results"):
            found = british.search(path.read_text())
            assert not found, f"{path.relative_to(ROOT)}: {found[0]}..."


@pytest.mark.slow
def test_every_module_of_the_core_imports_without_the_workflow():
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in MODULES]
    names = [name.removesuffix(".__init__") for name in names if not name.endswith("__main__")]
    workflow = (
        *("spatialgan.analyses", "spatialgan.evaluation", "spatialgan.reporting"),
        "spatialgan.inversion_study",
        "spatialgan.extractors.fidelity",
    )
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


TEXT_ENCODERS = {"read_text", "write_text"}  # methods that take an encoding


def is_locale_dependent(call: ast.Call) -> bool:
    """Return whether a call reads or writes text in the encoding that the locale says."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
    if name in ("run", "Popen", "check_output"):
        return "text" in keywords
    if name in TEXT_ENCODERS:
        return isinstance(call.func, ast.Attribute) and "encoding" not in keywords
    if name not in ("open", "fdopen", "NamedTemporaryFile"):
        return False
    is_method = isinstance(call.func, ast.Attribute) and name == "open"
    modes = [*call.args[not is_method :], *([keywords["mode"]] if "mode" in keywords else [])]
    mode = modes[0].value if modes and isinstance(modes[0], ast.Constant) else "r"
    if is_method and modes and mode == "r":  # Image.open(file), os.open(file, flags)
        return False
    return set(str(mode)) <= set("rwxa+") and "encoding" not in keywords


@pytest.mark.parametrize("folder", ["spatialgan", "workflow", "benchmarks"])
def test_no_text_depends_on_the_locale(folder):
    calls = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in tracked(f"{folder}/**.py", f"{folder}/*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and is_locale_dependent(node)
    ]
    assert calls == []


def test_a_link_in_place_of_the_data_folder_is_ignored(tmp_path):
    shutil.copy(ROOT / ".gitignore", tmp_path)
    (tmp_path / "data").symlink_to(tmp_path)
    for arguments in (["init", "--quiet"], ["check-ignore", "--quiet", "data"]):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True)


def test_a_tarball_is_told_what_to_do_before_dvc_is_asked(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("requirements.lock", "pyproject.toml", ".venv/installed"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    run = subprocess.run(
        ["make", "pull"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.returncode != 0
    assert "dvc config --local core.no_scm true" in run.stderr

"""The commit under a result: dirty where code or params differ from it, never because results do."""

import os
import subprocess
from pathlib import Path

import pytest

from spatialgan import provenance

CODE, PARAMS, TABLE = "spatialgan/provenance.py", "params/runs.yaml", "results/tables/pair.md"


def git(folder: Path, *arguments: str) -> str:
    """Return what git says."""
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@t", *arguments]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return run.stdout.strip()


@pytest.fixture
def commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the only commit of a repository, in which the running code lies."""
    for name in (CODE, PARAMS, TABLE):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("first\n")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message", "First")
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / CODE))
    return git(tmp_path, "rev-parse", "HEAD")


def test_a_clean_tree_is_its_commit(commit: str) -> None:
    assert provenance.source_commit() == commit


@pytest.mark.parametrize("name", [CODE, PARAMS])
def test_changed_code_and_params_are_said(tmp_path: Path, commit: str, name: str) -> None:
    (tmp_path / name).write_text("second\n")
    assert provenance.source_commit() == f"{commit}-dirty"
    (tmp_path / name).unlink()
    assert provenance.source_commit() == f"{commit}-dirty"


def test_results_are_being_made_and_do_not_count(tmp_path: Path, commit: str) -> None:
    (tmp_path / TABLE).write_text("second\n")
    assert provenance.source_commit() == commit
    (tmp_path / TABLE).unlink()
    assert provenance.source_commit() == commit


def test_code_that_git_does_not_have_is_unknown(
    tmp_path: Path, commit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / ".venv/spatialgan"
    installed.mkdir(parents=True)
    (installed / "provenance.py").touch()
    monkeypatch.setattr(provenance, "__file__", str(installed / "provenance.py"))
    assert provenance.source_commit() == "unknown"
    monkeypatch.setenv("PATH", "/nowhere")
    assert provenance.source_commit() == "unknown"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_checkout_of_another_owner_has_its_commit(tmp_path: Path, commit: str) -> None:
    for path in (tmp_path, *tmp_path.rglob("*")):
        os.chown(path, 12345, 12345)
    assert provenance.source_commit() == commit

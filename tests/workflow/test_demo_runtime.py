"""The demo's runtime: only the bytes that are named, and a clear line where they can't be had."""

import pytest
from click.testing import CliRunner

from workflow import demo, runtime


@pytest.fixture
def npm(tmp_path, monkeypatch):
    """Return a function that puts a program in npm's place, and have an empty cache."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def put(script):
        (tmp_path / "npm").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "npm").chmod(0o755)
        return tmp_path / "cache/spatialgan"

    return put


def test_other_bytes_than_those_named_are_refused(npm):
    cache = npm('echo other > "$4/onnxruntime-web.tgz"')
    with pytest.raises(ValueError, match="has the hash sha512-.*, but must have sha512-q0y"):
        runtime.package_file()
    assert not cache.exists()


def test_the_named_bytes_are_kept_and_damage_is_noticed(npm, monkeypatch):
    cache = npm('printf right > "$4/onnxruntime-web.tgz"')
    monkeypatch.setattr(runtime, "INTEGRITY", runtime.integrity(b"right"))
    path = runtime.package_file()
    assert path.parent == cache and path.read_bytes() == b"right"
    npm("exit 1")
    assert runtime.package_file() == path
    path.write_bytes(b"wrong")
    with pytest.raises(runtime.Unreachable):
        runtime.package_file()


def test_without_the_registry_the_demo_is_left_out_in_one_line(npm, tmp_path):
    npm("exit 1")
    result = CliRunner().invoke(demo.main, [str(tmp_path / "site")])
    assert result.exit_code == 0 and result.output.count("\n") == 1
    assert "The demo is left out of the site" in result.output
    assert "npm's registry does not answer" in result.output
    assert not (tmp_path / "site").exists()
    result = CliRunner().invoke(demo.main, [str(tmp_path / "site"), "--required"])
    assert result.exit_code == 1 and "npm's registry does not answer" in result.output


def test_without_npm_that_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(runtime.Unreachable, match="npm, which downloads it, is missing"):
        runtime.package_file()

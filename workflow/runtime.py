"""onnxruntime-web, which runs the demo's models: from npm's registry, and only with the hash that is given here.

The package is kept in the user's cache (XDG_CACHE_HOME), so that one download serves all builds of the site.
"""

import base64
import hashlib
import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

from spatialgan.files import write_atomically

PACKAGE, VERSION = "onnxruntime-web", "1.30.0"
INTEGRITY = "sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
SCRIPT = "package/dist/ort.wasm.bundle.min.mjs"  # for one wasm thread, without WebGPU
BINARY = "package/dist/ort-wasm-simd-threaded.wasm"
TIMEOUT = 300  # seconds of a download


class Unreachable(Exception):
    """The package is not in the cache, and npm's registry can't be reached."""


def package_file() -> Path:
    """Return the package, downloaded by npm if it is not in the cache.

    Raises Unreachable if that fails, and ValueError if the bytes are not those of INTEGRITY.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "spatialgan"
    kept = cache / f"{PACKAGE}-{VERSION}.tgz"
    if kept.is_file() and integrity(kept.read_bytes()) == INTEGRITY:
        return kept
    data = _download()
    if integrity(data) != INTEGRITY:
        raise ValueError(
            f"npm's {PACKAGE} {VERSION} has the hash {integrity(data)}, but must have {INTEGRITY}: "
            "do not use it before you know why"
        )
    write_atomically(kept, data)
    return kept


def integrity(data: bytes) -> str:
    """Return the hash of a package as npm writes it."""
    return f"sha512-{base64.b64encode(hashlib.sha512(data).digest()).decode()}"


def _download() -> bytes:
    npm = shutil.which("npm")
    if npm is None:
        raise Unreachable(f"{PACKAGE} {VERSION} is needed, and npm, which downloads it, is missing")
    with TemporaryDirectory() as folder:
        command = [npm, "pack", f"{PACKAGE}@{VERSION}", "--pack-destination", folder]
        options = ["--silent", "--ignore-scripts", "--fetch-retries=1"]
        try:
            subprocess.run([*command, *options], capture_output=True, check=True, timeout=TIMEOUT)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            raise Unreachable(
                f"{PACKAGE} {VERSION} can't be had: npm's registry does not answer"
            ) from None
        (packed,) = Path(folder).iterdir()
        return packed.read_bytes()


def members(package: Path, *names: str) -> list[bytes]:
    """Return files of the package by their names in it."""
    with tarfile.open(package) as archive:
        found = [archive.extractfile(name) for name in names]
        return [file.read() for file in found if file is not None]

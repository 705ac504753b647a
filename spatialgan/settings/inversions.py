"""params/inversions.yaml: what is studied of models' inversions. Apart from the rest, which no training or table needs."""

from pathlib import Path

from spatialgan.documents import read_yaml
from spatialgan.settings.schema import schema_fault

FOLDER = Path("params")


def load_inversions(folder: Path = FOLDER) -> dict[str, dict]:
    """Return the entries of inversions.yaml by name, none where there is no such file.

    Raises ValueError with one line that names place and fault.
    """
    path = folder / "inversions.yaml"
    if not path.is_file():
        return {}
    parsed = read_yaml(path)
    schema = {**read_yaml(folder / "schema.yaml"), "$ref": "#/$defs/inversions"}
    fault = schema_fault(parsed, schema)
    if fault:
        raise ValueError(f"{path}, {fault}")
    return parsed

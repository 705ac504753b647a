"""Documents against JSON schemas, stricter about numbers: 8.0 is not an integer; NaN and infinity aren't numbers."""

import math
from typing import Any

import jsonschema
import jsonschema.exceptions
import jsonschema.validators

from spatialgan.variants import shown

MAX_MESSAGE = 200  # characters of what a schema says
KINDS = {
    "integer": "a whole number",
    "number": "a finite number",
    "string": "a text",
    "object": "a mapping",
    "array": "a list",
}


def schema_fault(document: Any, schema: dict) -> str:
    """Return place and fault of what a schema finds most wrong in a document, "" if it finds nothing."""
    error = jsonschema.exceptions.best_match(Validator(schema).iter_errors(document))
    if error is None:
        return ""
    place = "/".join(str(part)[:80] for part in error.absolute_path) or "top level"
    return f"{place}: {_fault(error)}"


def _fault(error: jsonschema.exceptions.ValidationError) -> str:
    """Return in a few words what the schema finds wrong; a value may be long."""
    if error.validator == "type" and error.validator_value in KINDS:
        kind = KINDS[error.validator_value]  # pyright: ignore[reportArgumentType]
        return f"{shown(error.instance)} is not {kind}"
    message = " ".join(error.message.split())
    return message if len(message) <= MAX_MESSAGE else f"{message[: MAX_MESSAGE - 3]}..."


def _is_whole(_: Any, value: Any) -> bool:
    return type(value) is int


def _is_finite(_: Any, value: Any) -> bool:
    return type(value) is int or (type(value) is float and math.isfinite(value))


Validator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine_many(
        {"integer": _is_whole, "number": _is_finite}
    ),
)

"""What the files of params/ say of each other: names that nothing defines, and widths that leave no channels."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from spatialgan.variants import choose

if TYPE_CHECKING:
    from spatialgan.settings.params import Params


def check_references(params: "Params", folder: Path) -> None:
    """Raise ValueError if an entry names a row, data set, metric, table or profile that isn't there."""
    with _naming(folder / "profiles.yaml"):
        params.profile(params.default_profile)
        for line in params.profiles.values():
            for dataset in line["datasets"]:
                params.dataset(dataset)
    for name, row in params.rows.items():
        with _naming(f"{folder}/runs.yaml, {name}"):
            _check_origin(params, name, row)
    _check_widths(params, folder)
    for file in ("tables", "figures", "analyses"):
        for name, item in getattr(params, file).items():
            with _naming(f"{folder / file}.yaml, {name}"):
                _check_item(params, item)
    for name in params.tables:
        if name in params.sample_figures:
            raise ValueError(
                f"{folder}/tables.yaml, {name}: the samples beside a table have that name already"
            )
    for name in params.figures:
        if name in params.tables or name in params.sample_figures:
            raise ValueError(
                f"{folder}/figures.yaml, {name}: a table, or the samples beside one, has that name already"
            )
    for name, claim in params.claims.items():
        with _naming(f"{folder}/analyses.yaml, claims, {name}"):
            _check_claim(params, claim)
    with _naming(f"{folder}/analyses.yaml, orderings"):
        for table in params.orderings:
            if "rows" not in choose(params.tables, "table", table):
                raise ValueError(f"'{table}' is a page of sections: name those")


def _check_claim(params: "Params", claim: dict) -> None:
    """Raise ValueError if what measures a claim isn't there."""
    kinds = {
        "analysis": ("analysis", params.analyses),
        "metric": ("metric", params.metrics),
        "row": ("row", params.rows),
        "beside": ("row", params.rows),
        "dataset": ("dataset", params.datasets),
    }
    for key, (kind, options) in kinds.items():
        if key in claim:
            choose(options, kind, claim[key])
    if "table" in claim:
        methods = choose(params.tables, "table", claim["table"]).get("methods")
        if methods is None:
            raise ValueError(f"'{claim['table']}' is no table of drags")
        for key in ("ours", "theirs"):
            if key in claim:
                choose(methods, "method", claim[key])


def _check_origin(params: "Params", name: str, row: dict) -> None:
    """Raise ValueError if a row continues a missing row, or one that itself continues another."""
    if "from" in row and "from" in params.row(row["from"]):
        raise ValueError(f"goes on from '{row['from']}', which goes on from another row itself")


def _check_widths(params: "Params", folder: Path) -> None:
    """Raise ValueError if a generator would have layers without channels."""
    rows = [("profiles", {}), *params.rows.items()]
    for profile, line in params.profiles.items():
        for name, row in rows:
            settings = {**line, **row}
            base, resolution = settings.get("channel_base"), settings["resolution"]
            if base is not None and base < resolution:
                place = f"{folder}/profiles.yaml, {profile}"
                if {"channel_base", "resolution"} & row.keys():
                    place = f"{folder}/runs.yaml, {name}, in profile {profile}"
                raise ValueError(
                    f"{place}: channel_base {base} leaves no channels at {resolution} pixels"
                )


@contextmanager
def _naming(place: str | Path) -> Iterator[None]:
    """Prefix the message of a ValueError with the place."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None


def _check_item(params: "Params", item: dict) -> None:
    for table in item.get("sections", []):
        if "sections" in choose(params.tables, "table", table):
            raise ValueError(f"section '{table}' is a page of sections itself")
    for profile in item.get("subjects_in", {}):
        params.profile(profile)
    for subjects in (item.get("subjects", {}), *item.get("subjects_in", {}).values()):
        for dataset, rows in subjects.items():
            params.dataset(dataset)
            for row in rows:
                params.row(row)
    for row in [*item.get("rows", []), *item.get("controls", [])]:
        params.row(row)
    for dataset in item.get("datasets", []):
        params.dataset(dataset)
    for metric in item.get("metrics", []):
        choose(params.metrics, "metric", metric)
        by = item.get("by", "row")
        if by != "edit" and ("summary" in params.metrics[metric]) != (by == "method"):
            raise ValueError(
                f"metric '{metric}' does not fit: sections by method show the metrics with a `summary`, the others "
                f"those without"
            )

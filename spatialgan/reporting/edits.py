"""Sections with a line per row, region and way to change it (measure local_control).

The records hold a number per image, and the images of all seeds of a row count together.
"""

from collections.abc import Sequence

import pandas as pd

from spatialgan.reporting.methods import SUMMARIES
from spatialgan.reporting.results import Result
from spatialgan.reporting.section import Part, Section
from spatialgan.settings.params import Params

HEAD = ("dataset", "row", "region", "method", "level")

Images = dict[tuple[str, str, str, str, float], dict[str, list]]  # numbers by HEAD


def show_edits(params: Params, section: dict, profile: str, results: list[Result]) -> Section:
    """Return a section of tables.yaml with a line per row, region and method, one table per data set and level."""
    images = pooled_images(results, section)
    several = len(params.columns(section, profile)) > 1
    tables, numbers = [], {}
    for dataset, level in dict.fromkeys((key[0], key[4]) for key in images):
        caption = f"at a change of {level:g} inside"
        tables.append(
            Part(
                f"{dataset}: {caption}" if several else caption,
                _cell_frame(params, section, images, (dataset, level)),
            )
        )
    for (dataset, row, region, method, level), found in images.items():
        cells = numbers.setdefault(dataset, {}).setdefault(row, {}).setdefault(region, {})
        cells.setdefault(method, {})[f"{level:g}"] = {
            name: SUMMARIES[params.metrics[name]["summary"]].number(known)
            for name in section["metrics"]
            if (known := _known(found[name]))
        }
    return Section(
        tables=tables,
        numbers=numbers,
        lines=_long_frame(images),
        seeds=["the images of all seeds count together"],
        reading=[_reading(params.metrics[name]) for name in section["metrics"]],
    )


def pooled_images(results: Sequence[Result], section: dict) -> Images:
    """Return the numbers of all images of all seeds, of the section's methods and in their order.

    Raises ValueError if some have none of its metrics.
    """
    pooled: Images = {}
    for method in section["methods"]:
        for result in results:
            for group in (one for one in result.edits if one["method"] == method):
                key = (result.dataset, result.row, group["region"], method, group["level"])
                for name in section["metrics"]:
                    if not isinstance(group.get(name), list):
                        raise ValueError(
                            f"{result.run} ({result.file}) has no {name} of its images"
                        )
                    pooled.setdefault(key, {}).setdefault(name, []).extend(group[name])
    return pooled


def _cell_frame(
    params: Params, section: dict, images: Images, place: tuple[str, float]
) -> pd.DataFrame:
    """Return the cells of one data set and level: regions of a model together, then its methods."""
    dataset, level = place
    lines = []
    regions = dict.fromkeys(key[2] for key in images)
    for row in section["rows"]:
        for region in regions:
            for method, known in section["methods"].items():
                found = images.get((dataset, row, region, method, level))
                if found is None:
                    continue
                line = {"model": params.rows[row]["title"], "region": region}
                line |= {"method": known["title"], "images": str(len(next(iter(found.values()))))}
                for name in section["metrics"]:
                    style = params.metrics[name]
                    summary = SUMMARIES[style["summary"]]
                    line[style["title"]] = summary.text(_known(found[name]), style["digits"])
                lines.append(line)
    return pd.DataFrame(lines)


def _long_frame(images: Images) -> pd.DataFrame:
    """Return a line per image."""
    return pd.DataFrame(
        [
            {**dict(zip(HEAD, key, strict=True)), **dict(zip(found, values, strict=True))}
            for key, found in images.items()
            for values in zip(*found.values(), strict=True)
        ]
    )


def _known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _reading(style: dict) -> str:
    """Return how the cells of a metric are to be read."""
    meaning = f"; {style['meaning']}" if "meaning" in style else ""
    return f"{style['title']}: {SUMMARIES[style['summary']].reading}{meaning}."

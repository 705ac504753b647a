"""The footer of every table: how its numbers were measured, on what, after how much training, and by which code."""

from collections.abc import Iterable

from spatialgan.reporting.results import SHORT, Result
from spatialgan.reporting.section import Section
from spatialgan.settings.params import Params

NAMED = ("extractor", "segmenter")  # what looks at the images, said with the hash of its weights
COUNTED = ("num_moves", "num_trials", "num_drags")  # how much was measured


def footer_lines(
    params: Params,
    items: dict[str, dict],
    profile: str,
    results: list[Result],
    sections: dict[str, Section],
) -> list[str]:
    """Return the footer as lines of plain text; `results` have passed `check_protocols`."""
    if not results:
        return [f"No run of this table has been made yet in the profile {profile}."]
    datasets = list(dict.fromkeys(result.dataset for result in results))
    protocols = {result.file: result.protocol for result in results}
    reading = dict.fromkeys(line for section in sections.values() for line in section.reading)
    seeds = dict.fromkeys(part for section in sections.values() for part in section.seeds)
    numbers = ", ".join(map(str, params.profile(profile)["seeds"]))
    return [
        *reading,
        f"Data: {'; '.join(_data(params, name, profile) for name in datasets)}.",
        *(f"Protocol ({file}): {_protocol(protocol)}." for file, protocol in protocols.items()),
        f"Training: {_training(results)}; profile {profile}.",
        f"Seeds: {numbers} ({'; '.join(seeds)}).",
        f"Commit: {_commits(results)}.",
        f"{_paper(params, items.values())}{_caveat(params, datasets, profile)}",
    ]


def _data(params: Params, name: str, profile: str) -> str:
    source = params.source(name, profile)
    stand_in = source.get("stand_in_for")
    if stand_in:
        return f"procedural {name} scenes standing in for {stand_in}"
    return params.dataset(name)["paper_name"]


def _protocol(protocol: dict) -> str:
    known = {"num_real", "num_fake", "dataset_sha256", *NAMED, *COUNTED}
    known |= {f"{name}_sha256" for name in NAMED}
    parts = []
    for name in NAMED:
        if name in protocol:
            digest = protocol.get(f"{name}_sha256", "")[:SHORT]
            parts.append(f"{name} {protocol[name]} {digest}".rstrip())
    if "num_fake" in protocol:
        parts.append(
            f"{protocol['num_fake']:,} generated against {protocol['num_real']:,} real images"
        )
    parts += [
        f"{protocol[name]:,} {name.removeprefix('num_')}" for name in COUNTED if name in protocol
    ]
    for name, value in protocol.items():
        if name not in known:
            parts.append(f"{name.replace('_', ' ')} {value}")
    return ", ".join(parts)


def _paper(params: Params, items: Iterable[dict]) -> str:
    """Return what the paper's numbers in these sections are, and of what: their first metric."""
    shown = [item["metrics"][0] for item in items if _has_paper_numbers(item)]
    origins = [params.metrics[metric].get("paper") for metric in dict.fromkeys(shown)]
    known = [origin for origin in origins if origin]
    return f"The paper's numbers are {'; '.join(known)}." if known else "Not in the paper."


def _has_paper_numbers(item: dict) -> bool:
    """Return whether a section has a number of the paper, for a row or for a method."""
    methods = item.get("methods", {}).values()
    return any(item["rows"].values()) or any(set(method) - {"title"} for method in methods)


def _training(results: list[Result]) -> str:
    records = [result.training for result in results]
    units = {"kimg": " kimg", "resolution": " px", "precision": ""}
    return ", ".join(f"{_values(records, name)}{unit}" for name, unit in units.items())


def _values(records: Iterable[dict], name: str) -> str:
    values = dict.fromkeys(record.get(name, "unknown") for record in records)
    return " or ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in values)


def _commits(results: list[Result]) -> str:
    trained = [result.training.get("commit", "unknown") for result in results]
    measured = [result.commit for result in results]
    return ", ".join(dict.fromkeys(_short(commit) for commit in [*trained, *measured]))


def _short(commit: str) -> str:
    digest, dash, dirty = commit.partition("-")
    return f"{digest[:SHORT]}{dash}{dirty}"


def _caveat(params: Params, datasets: list[str], profile: str) -> str:
    if not any("stand_in_for" in params.source(name, profile) for name in datasets):
        return ""
    if len(params.profile(profile)["seeds"]) > 1:
        return " On stand-ins the values don't compare; orders of rows do where they are shown."
    data = params.profile(profile)["data"]
    lines = {name: params.profile(name) for name in params.profiles}
    longer = [
        f"{name} ({params.results(name).root}/tables/)"
        for name, line in lines.items()
        if line["data"] == data and len(line["seeds"]) > 1
    ]
    return (
        " These are stand-ins and one training per row, which decide neither values nor orders of rows;"
        f" profiles with several seeds do: {', '.join(longer) or 'none yet'}."
    )

"""What stands under every table: with what, on what, for how long and from which code its numbers come."""

from collections.abc import Iterable

from spatialgan.params import Params
from spatialgan.reporting.results import Result

SHORT = 10  # digits of a hash that people read
NAMED = ("extractor", "segmenter")  # what looks at the images, said with the hash of its weights
COUNTED = ("num_moves", "num_trials")  # how much was measured


def footer_lines(
    params: Params, sections: list[dict], profile: str, results: list[Result]
) -> list[str]:
    """Return the footer as lines of Markdown; `results` have passed `check_protocols`."""
    if not results:
        return [f"No run of this table has been made yet in the profile `{profile}`."]
    datasets = list(dict.fromkeys(result.dataset for result in results))
    protocols = {result.file: result.protocol for result in results}
    lines = [f"- Data: {'; '.join(_data(params, name, profile) for name in datasets)}."]
    lines += [
        f"- Protocol ({file}): {_protocol(protocol)}." for file, protocol in protocols.items()
    ]
    lines.append(f"- Training: {_training(results)}; profile `{profile}`.")
    seeds = params.profile(profile)["seeds"]
    lines.append(f"- Seeds: {', '.join(map(str, seeds))}{_spread(seeds, results)}.")
    lines.append(f"- Commit: {_commits(results)}.")
    lines.append(f"- {_paper(params, sections)}{_caveat(params, datasets, profile)}")
    return lines


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


def _paper(params: Params, sections: list[dict]) -> str:
    """Return what the paper's numbers in these sections are, and of what: their first metric."""
    shown = [item["metrics"][0] for item in sections if any(item["rows"].values())]
    facts = [params.metrics[metric].get("paper") for metric in dict.fromkeys(shown)]
    known = [fact for fact in facts if fact]
    return f"The paper's numbers are {'; '.join(known)}." if known else "Not in the paper."


def _training(results: list[Result]) -> str:
    facts = [result.training for result in results]
    units = {"kimg": " kimg", "resolution": " px", "precision": ""}
    return ", ".join(f"{_values(facts, name)}{unit}" for name, unit in units.items())


def _values(facts: Iterable[dict], name: str) -> str:
    values = dict.fromkeys(fact.get(name, "unknown") for fact in facts)
    return " or ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in values)


def _spread(seeds: list[int], results: list[Result]) -> str:
    parts = ["mean ± standard deviation" if len(seeds) > 1 else "one training per cell, no spread"]
    if any(result.intervals for result in results):
        parts.append("in brackets the 95 % interval of the mean, had other samples been drawn")
    return f" ({'; '.join(parts)})"


def _commits(results: list[Result]) -> str:
    trained = [result.training.get("commit", "unknown") for result in results]
    measured = [result.commit for result in results]
    return ", ".join(dict.fromkeys(_short(commit) for commit in [*trained, *measured]))


def _short(commit: str) -> str:
    digest, dash, dirty = commit.partition("-")
    return f"{digest[:SHORT]}{dash}{dirty}"


def _caveat(params: Params, datasets: list[str], profile: str) -> str:
    if any("stand_in_for" in params.source(name, profile) for name in datasets):
        return " On stand-ins compare the order of rows, not the values."
    return ""

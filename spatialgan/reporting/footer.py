"""What stands under every table: with what, on what, for how long and from which code its numbers come."""

from collections.abc import Iterable

from spatialgan.params import Params
from spatialgan.reporting.results import Result

SHORT = 10  # digits of a hash that people read
PAPER = (
    "The paper's numbers are FID-50k with Inception features on the real data sets, one training of "
    "25,000 kimg at 256 px each."
)


def footer_lines(params: Params, profile: str, results: list[Result]) -> list[str]:
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
    lines.append(f"- Seeds: {', '.join(map(str, seeds))}{_spread(seeds)}.")
    lines.append(f"- Commit: {_commits(results)}.")
    lines.append(f"- {PAPER}{_caveat(params, datasets, profile)}")
    return lines


def _data(params: Params, name: str, profile: str) -> str:
    source = params.source(name, profile)
    stand_in = source.get("stand_in_for")
    if stand_in:
        return f"procedural {name} scenes standing in for {stand_in}"
    return params.dataset(name)["paper_name"]


def _protocol(protocol: dict) -> str:
    known = {"extractor", "extractor_sha256", "num_real", "num_fake", "dataset_sha256"}
    parts = []
    if "extractor" in protocol:
        digest = protocol.get("extractor_sha256", "")[:SHORT]
        parts.append(f"extractor {protocol['extractor']} {digest}")
    if "num_fake" in protocol:
        parts.append(
            f"{protocol['num_fake']:,} generated against {protocol['num_real']:,} real images"
        )
    for name, value in protocol.items():
        if name not in known:
            parts.append(f"{name.replace('_', ' ')} {value}")
    return ", ".join(parts)


def _training(results: list[Result]) -> str:
    facts = [result.training for result in results]
    units = {"kimg": " kimg", "resolution": " px", "precision": ""}
    return ", ".join(f"{_values(facts, name)}{unit}" for name, unit in units.items())


def _values(facts: Iterable[dict], name: str) -> str:
    values = dict.fromkeys(fact.get(name, "unknown") for fact in facts)
    return " or ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in values)


def _spread(seeds: list[int]) -> str:
    return (
        " (mean ± standard deviation)" if len(seeds) > 1 else " (one training per cell, no spread)"
    )


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

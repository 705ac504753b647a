"""What params/ says about a table and everything in it: what its pages depend on beside the measures."""

from spatialgan.settings.params import Params


def shown_in(params: Params, table: str, profile: str) -> dict:
    """Return what params/ says about a table and all that it shows."""
    sections = params.sections(table)
    rows = dict.fromkeys(row for item in sections.values() for row in item["rows"])
    columns = (name for s in sections.values() for name in params.columns(s, profile))
    paper_names = {name: params.dataset(name)["paper_name"] for name in columns}
    metrics = dict.fromkeys(name for item in sections.values() for name in item["metrics"])
    return {
        "title": params.tables[table]["title"],
        "sections": sections,
        "rows": {row: params.rows[row]["title"] for row in rows},
        "datasets": {
            name: {**params.source(name, profile), "paper_name": paper_name}
            for name, paper_name in paper_names.items()
        },
        "metrics": {name: params.metrics[name] for name in metrics},
    }

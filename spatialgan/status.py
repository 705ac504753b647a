"""Which results are current, missing or stale, and why."""

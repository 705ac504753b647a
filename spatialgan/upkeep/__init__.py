"""Upkeep of results: every step and its inputs, what is current or stale and why, what may be deleted, what is damaged."""

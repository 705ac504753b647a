"""Words of messages that depend on numbers."""


def counted(number: int, noun: str) -> str:
    """Return how many there are of a noun whose plural ends in s: "1 level", "3 levels"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"

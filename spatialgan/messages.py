"""Text for people: names and contents of files reach a terminal only with control characters escaped."""

from collections.abc import Sequence


class Listed(ValueError):
    """A fault that many things share: one line that says what it is, and a line for each thing named."""

    def __init__(self, head: str, lines: Sequence[str]) -> None:
        super().__init__("\n".join([head, *(f"  {line}" for line in lines)]))
        self.lines = (head, *(f"  {one_line(line)}" for line in lines))


def printable(text: str) -> str:
    r"""Return a text with everything but letters, signs, spaces and ends of lines escaped, as in \x1b."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else _escaped(c) for c in text)


def one_line(text: str) -> str:
    """Return a text as one line that can be printed."""
    return printable(" ".join(text.split()))


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")

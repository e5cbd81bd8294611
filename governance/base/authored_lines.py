"""Lines of a text by which it is known who wrote it."""

# What is shorter (`---`, `}`, a lone heading mark) is nobody's.
_SHORTEST = 8


def telling_lines(text: str) -> frozenset[str]:
    """The lines that say something, without the space around them."""
    stripped = (line.strip() for line in text.splitlines())
    return frozenset(line for line in stripped if len(line) >= _SHORTEST)

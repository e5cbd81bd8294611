"""JSON that strangers send: what no service could store or walk through is refused on reading."""

import re
from collections.abc import Iterator, Mapping
from typing import IO, Any

from rest_framework import parsers

from governance.base.errors import InvalidInput

# JSON can name one half of a character (``\ud800``), which no text can hold.
_HALF = re.compile("[\ud800-\udfff]")


class JSONParser(parsers.JSONParser):
    """The usual one, with a sentence about nesting and about half characters."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        try:
            body = super().parse(stream, media_type, parser_context)
        except RecursionError as error:
            raise InvalidInput("The JSON is nested too deeply.", code="too_deep") from error
        if any(_HALF.search(text) for text in _texts(body)):
            raise InvalidInput("A text holds half a character.", code="half_character")
        return body


def _texts(body: Any) -> Iterator[str]:
    """Every text in it, keys as well; without recursion, however deep it is."""
    left = [body]
    while left:
        value = left.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            left += [*value, *value.values()]
        elif isinstance(value, list):
            left += value

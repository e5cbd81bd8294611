"""A definition as the body of a request: plain Markdown, or JSON with its text."""

from collections.abc import Mapping
from typing import IO, Any

from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from agents.importing import MAX_BYTES, PROVENANCE
from governance.base.errors import InvalidInput, TooLarge
from governance.base.uploads import told_length

# Escaped JSON may be longer than the text it holds.
MAX_BODY = 2 * MAX_BYTES


class MarkdownParser(BaseParser):
    """The bytes as they come; what they mean is the importer's business."""

    media_type = "text/markdown"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        return stream.read(MAX_BYTES + 1)


def definition_of(request: Request) -> bytes:
    """The definition in a request's body; too long a body is refused unread."""
    if told_length(request.META) > MAX_BODY:
        raise TooLarge("A definition may be at most 1 MB.", limit=MAX_BYTES)
    body: Any = request.data
    if isinstance(body, bytes):
        return body
    text = body.get("text") if isinstance(body, dict) else None
    if not isinstance(text, str):
        raise InvalidInput("Send the definition as text/markdown, or as JSON with text.")
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput("The text holds half characters (lone surrogates).") from error


def named_in(request: Request, name: str, default: str) -> str:
    """A short text beside the definition: from the JSON body, else from the query."""
    body = request.data
    value = body.get(name) if isinstance(body, dict) else request.query_params.get(name)
    return value if isinstance(value, str) else default


def provenance_in(request: Request) -> dict[str, str]:
    """Where the text came from, as far as the caller says: from the body, else from the query."""
    told = {name: named_in(request, name, "") for name in PROVENANCE}
    return {name: text for name, text in told.items() if text}

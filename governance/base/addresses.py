"""Addresses of pages with what is asked of them."""

from urllib.parse import urlencode


def with_query(path: str, **said: object) -> str:
    """The address with each thing that is said; what is empty is left out."""
    query = urlencode({name: value for name, value in said.items() if value})
    return f"{path}?{query}" if query else path

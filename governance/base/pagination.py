"""Keyset pagination: the same cost on the first page and on the last."""

from typing import Any

from django.db.models import QuerySet
from rest_framework.pagination import CursorPagination


class KeysetPagination(CursorPagination):
    ordering = "-id"
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200


def one_page(found: QuerySet[Any], size: int) -> tuple[list[Any], bool]:
    """As many rows as a page holds, and whether there are more after them."""
    rows = list(found[: size + 1])
    return rows[:size], len(rows) > size


def key_in(text: str) -> int | None:
    """The key in an address from which a page goes on; nothing where there is none to be read."""
    is_key = text.isascii() and text.isdecimal() and len(text) < 19
    return int(text) if is_key else None

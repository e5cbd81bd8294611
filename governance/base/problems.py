"""Problem details for every error of the API (RFC 9457)."""

from http import HTTPStatus
from typing import Any

from governance.base.errors import Refusal

MEDIA_TYPE = "application/problem+json"


def problem(
    *, status: int, detail: str, code: str, title: str = "", **members: Any
) -> dict[str, Any]:
    """The members of one problem; ``code`` is stable, ``detail`` is the sentence to read."""
    return {
        "type": "about:blank",
        "title": title or HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        **members,
    }


def problem_of(refusal: Refusal) -> dict[str, Any]:
    """A refusal as a problem."""
    return problem(
        status=refusal.status,
        detail=refusal.sentence,
        code=refusal.code,
        title=refusal.title,
        **refusal.details,
    )

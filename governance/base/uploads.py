"""Forms with files: refused by their size and number before anything of them is read."""

from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import TooManyFilesSent
from django.http import HttpRequest, HttpResponse

from governance.base.errors import TooLarge
from governance.base.problems import refused

MB = 1024 * 1024


class UploadLimitMiddleware:
    """Answers 413, with the sentence why, to an upload that is too large or of too many files."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: object, args: object, kwargs: object
    ) -> HttpResponse | None:
        """Comes before the check of the form's token, which reads the whole form."""
        if not (request.content_type or "").startswith("multipart/"):
            return None
        if told_length(request.META) > settings.UPLOAD_MAX_SIZE:
            return refused(request, _too_large())
        try:
            # An API reads its own; a runner's call has no token that would be looked for.
            _ = request.path.startswith("/api/") or request.POST
        except TooManyFilesSent:
            return refused(request, _too_many())
        return None

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        return refused(request, _too_many()) if isinstance(error, TooManyFilesSent) else None


def told_length(headers: Mapping[str, Any]) -> int:
    """The length of the body as the ``META`` of a request tells it; 0 where it does not."""
    length = str(headers.get("CONTENT_LENGTH") or "0")
    return int(length) if length.isdigit() else 0


def _too_large() -> TooLarge:
    most = settings.UPLOAD_MAX_SIZE
    return TooLarge(f"At most {most // MB} MB at once. Send a zip, or less.", limit=most)


def _too_many() -> TooLarge:
    most = settings.DATA_UPLOAD_MAX_NUMBER_FILES
    return TooLarge(f"At most {most:,} files at once. Send a zip, or fewer.", limit=most)

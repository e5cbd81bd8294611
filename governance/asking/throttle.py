"""Slows down whoever guesses tokens. Tokens that work are never held up.

Counted per address in the cache; without a cache nothing is counted, since the tokens' own
strength is what protects them.
"""

import structlog
from allauth.account.adapter import get_adapter
from django.core.cache import cache
from django.http import HttpRequest
from redis.exceptions import RedisError

FAILURES_ALLOWED = 30
WINDOW_SECONDS = 600
log = structlog.get_logger()


def is_throttled(request: HttpRequest) -> bool:
    """Whether this address has guessed wrong too often of late."""
    try:
        return int(cache.get(_key(request), 0)) >= FAILURES_ALLOWED
    except (RedisError, OSError) as error:
        log.warning("throttle_unavailable", error=type(error).__name__)
        return False


def count_failure(request: HttpRequest) -> None:
    """One more wrong token from this address."""
    key = _key(request)
    try:
        cache.add(key, 0, WINDOW_SECONDS)
        cache.incr(key)
    except (RedisError, OSError, ValueError) as error:
        log.warning("throttle_unavailable", error=type(error).__name__)


def _key(request: HttpRequest) -> str:
    return f"review-link-failures:{get_adapter().get_client_ip(request)}"

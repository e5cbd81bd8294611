"""Runners sign in with ``Authorization: Bearer gp_…``."""

import hmac
from typing import Any

from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from governance.people.models import Runner, RunnerKey
from governance.people.services import key_digest

REFUSED = "This key opens nothing: it is unknown, expired or revoked."


def runner_key(plain: str, *, at: Any) -> RunnerKey | None:
    """The usable key with this plain text, its runner loaded; None for anything else."""
    parts = plain.split("_", 2)
    if len(parts) != 3 or parts[0] != "gp":
        return None
    key = RunnerKey.objects.usable(at=at).select_related("runner").filter(prefix=parts[1]).first()
    if key is None or not hmac.compare_digest(key.digest, key_digest(plain)):
        return None
    return key


class RunnerKeyAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[Runner, RunnerKey] | None:
        header = get_authorization_header(request).split()
        if not header or header[0].lower() != b"bearer":
            return None
        key = runner_key(header[-1].decode("latin-1"), at=timezone.now())
        if key is None or len(header) != 2:
            raise AuthenticationFailed(REFUSED)
        return key.runner, key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="portal"'


class RunnerKeyScheme(OpenApiAuthenticationExtension):
    target_class = RunnerKeyAuthentication
    name = "runnerKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "gp_…"}

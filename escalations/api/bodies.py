"""What requests say. A question comes as strict JSON, or as the block that the agents print."""

from typing import Any, NamedTuple, cast

from rest_framework.request import Request
from rest_framework.serializers import Serializer

from agents.api.parsers import MarkdownParser
from escalations.payload import InvalidPayload, PayloadTooLarge, parse_block, parse_json
from escalations.schema import MAX_BODY, RaisePayload, read_payload
from governance.base.encoding import decode
from governance.base.errors import InvalidInput, TooLarge
from governance.base.findings import Finding
from governance.base.json_bodies import JSONParser
from governance.people.models import Runner

# What may be said in the address beside a block, which has no line for it.
BESIDE_A_BLOCK = ("agent", "environment", "run", "project", "instance", "version", "supersedes")
PARSERS = [JSONParser, MarkdownParser]


class Question(NamedTuple):
    """``sent`` is all that was sent: its fingerprint tells a retry from another question."""

    payload: RaisePayload
    findings: tuple[Finding, ...]
    sent: bytes
    source_format: str


def question_of(request: Request) -> Question:
    """Read what a runner asks. Whatever is too large is refused before it is parsed."""
    raw = _raw_body(request)
    kind = (request.content_type or "").partition(";")[0].strip().lower()
    if kind in {"text/markdown", "text/plain"}:
        return _from_block(raw, request)
    if kind in {"application/json", ""}:
        return _from_json(raw)
    raise InvalidInput("Send application/json or text/markdown.", code="unsupported_media_type")


def _raw_body(request: Request) -> bytes:
    raw: bytes = request._request.read(MAX_BODY + 1)
    if len(raw) > MAX_BODY:
        raise TooLarge(f"A question has at most {MAX_BODY // 1024} KB.", limit=MAX_BODY)
    return raw


def _from_json(raw: bytes) -> Question:
    try:
        body = parse_json(raw)
    except PayloadTooLarge as error:
        raise TooLarge(str(error)) from error
    except InvalidPayload as error:
        raise InvalidInput(str(error)) from error
    return Question(read_payload(body), (), raw, "json")


def _from_block(raw: bytes, request: Request) -> Question:
    decoded = decode(raw)
    try:
        block = parse_block(decoded.text)
    except PayloadTooLarge as error:
        raise TooLarge(str(error)) from error
    query = request.query_params
    beside = {name: query[name] for name in BESIDE_A_BLOCK if query.get(name)}
    body: dict[str, Any] = {**block.as_payload(), **beside}
    if not body.get("agent"):
        raise InvalidInput("Say which agent asks: a line Agent: ..., or ?agent= in the address.")
    findings = (*(f for f in decoded.findings if f not in block.findings), *block.findings)
    sent = raw + b"\0" + repr(sorted(beside.items())).encode()
    return Question(read_payload(body), findings, sent, "markdown")


def said_in(body: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    """What a request says, as its serializer lets it pass."""
    checked = body(data=request.data)
    checked.is_valid(raise_exception=True)
    return dict(checked.validated_data)


def runner_of(request: Request) -> Runner:
    """Who the permission of the view has let pass; the stubs know people only."""
    user: Any = request.user
    return cast(Runner, user)

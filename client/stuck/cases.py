"""How cases are named and asked about: references, addresses, idempotency keys."""

import hashlib
import json
import re
from typing import Any, Dict, Mapping, Union
from urllib.parse import urlencode

from stuck.answers import Answer, Case, answer_of
from stuck.calls import Call, members_of
from stuck.errors import NotSetUp, NotVerified
from stuck.transport import Reply

REF = re.compile(r"(?:ESC-)?([1-9][0-9]{0,17})", re.IGNORECASE)
JSON_ACCEPTED = {"Accept": "application/json"}
JSON_TYPE = {"Content-Type": "application/json", **JSON_ACCEPTED}

Payload = Union[str, Mapping[str, Any]]


def ref_of(ref: Union[str, Case]) -> str:
    """``ESC-12`` for 12, esc-12, ESC-12 or a case."""
    found = REF.fullmatch(ref.ref if isinstance(ref, Case) else ref.strip())
    if not found:
        raise NotSetUp(f"This names no case: {ref!r}. Cases are called ESC-12.")
    return f"ESC-{found.group(1)}"


def path_of(ref: str) -> str:
    return f"/api/v1/escalations/{ref}/"


def about(ref: Union[str, Case], reply: Reply) -> Answer:
    """The answer, if it is about this case and, where it was asked here, this very request."""
    answer = answer_of(members_of(reply))
    if answer.ref != ref_of(ref):
        raise NotVerified(f"Asked about {ref}, the portal speaks of {answer.ref!r}.", answer)
    if isinstance(ref, Case) and ref.request_sha256 != answer.request_sha256:
        raise NotVerified(f"{answer.ref} is not the request that was asked.", answer)
    return answer


def raise_call(payload: Payload, named: Dict[str, str]) -> Call:
    if isinstance(payload, str):
        path = f"/api/v1/escalations/{'?' + urlencode(named) if named else ''}"
        headers = {"Content-Type": "text/markdown; charset=utf-8", "Accept": "application/json"}
        return Call("POST", path, payload.encode(), headers)
    try:
        body = json.dumps({**payload, **named}, sort_keys=True, allow_nan=False).encode()
    except (ValueError, TypeError) as error:
        raise NotSetUp(f"The escalation is no JSON: {error}.") from None
    return Call("POST", "/api/v1/escalations/", body, JSON_TYPE)


def key_of(call: Call) -> str:
    """One key for one content in one run: both are in the path or the body."""
    content = call.path.encode() + b"\n" + (call.body or b"")
    return f"stuck-{hashlib.sha256(content).hexdigest()}"

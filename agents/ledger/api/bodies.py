"""What a runner sends to the guard, read leanly: it calls before every act."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from agents.ledger.actions import action_of_tool
from agents.ledger.guarding import Question
from governance.base.errors import InvalidInput, TooLarge
from governance.base.json_shape import check_shape

MAX_BODY = 256 * 1024
DEFAULT_ENVIRONMENT = "production"
Short = Annotated[str, Meta(max_length=200)]


class ActionBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    kind: Annotated[str, Meta(min_length=1, max_length=200)]
    target: str = ""
    arguments: Any = None


class GuardBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One act, or one tool call."""

    agent: Annotated[str, Meta(min_length=1, max_length=200)]
    environment: Annotated[str, Meta(max_length=40)] = ""
    run: Short = ""
    instance: Short = ""
    action: ActionBody | None = None
    tool: Short = ""
    command: str = ""
    paths: list[str] = []
    input: dict[str, Any] = {}


def question_from(body: Any) -> Question:
    """A decoded body as a question, or :class:`InvalidInput` with what is wrong."""
    check_shape(body)
    try:
        read = msgspec.convert(body, GuardBody)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"The request is not as described: {error}.") from error
    if (read.action is None) == (not read.tool):
        raise InvalidInput("Send an action or a tool call, not both and not neither.")
    action = msgspec.to_builtins(read.action) if read.action else _called(read)
    return Question(
        agent=read.agent,
        environment=read.environment or DEFAULT_ENVIRONMENT,
        run=read.run,
        instance=read.instance,
        kind=action["kind"],
        target=action["target"],
        arguments=action["arguments"],
    )


def _called(read: GuardBody) -> dict[str, Any]:
    return action_of_tool(read.tool, command=read.command, paths=read.paths, given=read.input)


def check_size(raw: bytes) -> None:
    if len(raw) > MAX_BODY:
        raise TooLarge(f"A question to the guard has at most {MAX_BODY // 1024} KiB.")

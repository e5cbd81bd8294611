"""What the portal says about a case, read strictly: a field of the wrong kind is no answer."""

import re
from typing import Any, Callable, Dict, Mapping, NamedTuple, Tuple

_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
PERMITTING = ("approved_option", "other_approach")


class Malformed(Exception):
    """The portal's answer is not of the agreed form."""


class Decider(NamedTuple):
    """A person who decided, and how that person was signed in."""

    name: str
    method: str
    on_behalf_of: str


class Question(NamedTuple):
    """What an approver wants to know before deciding, or to be asked otherwise."""

    text: str
    asked_by: str
    wants_edit: bool = False


class Answer(NamedTuple):
    """A case as the runner sees it. Only :meth:`stuck.client.Client.wait` and ``answer`` say
    whether it permits anything: they check the receipt."""

    ref: str
    status: str
    revision: int
    proceed: bool
    verdict: str
    option: str
    decision: str
    approach: str
    constraints: Tuple[str, ...]
    context: str
    constitutional_notes: str
    next_steps: Tuple[str, ...]
    decided_by: Tuple[Decider, ...]
    decided_at: str
    use_before: str
    request_sha256: str
    receipt: str
    reason: str
    settled_reason: str
    questions: Tuple[Question, ...]
    needs_permit: bool
    permit_spent_at: str
    superseded_by: str
    url: str
    raw: Mapping[str, Any]

    def block(self) -> str:
        """The six fields that an agent reads."""
        return "\n".join(
            [
                _line("DECISION", self.decision or self.option or self.verdict),
                _line("APPROACH", self.approach),
                _items("CONSTRAINTS", self.constraints),
                _line("CONTEXT", self.context or self.reason),
                _line("CONSTITUTIONAL_NOTES", self.constitutional_notes),
                _items("NEXT_STEPS", self.next_steps),
            ]
        )


class Case(NamedTuple):
    """What the portal made of an escalation."""

    ref: str
    status: str
    revision: int
    url: str
    created: bool
    request_sha256: str
    findings: Tuple[str, ...]
    raw: Mapping[str, Any]


class Said(NamedTuple):
    """One message of the thread of a case."""

    author: str
    from_runner: bool
    text: str


class KeptCase(NamedTuple):
    """A whole case for a session that remembers nothing; ``answer`` is not judged yet."""

    answer: Answer
    title: str
    question: Mapping[str, Any]
    thread: Tuple[Said, ...]
    report_due: bool

    def head(self) -> str:
        """What was asked and said, as lines that an agent reads."""
        options = self.question.get("options")
        choices = (
            [one for one in options if isinstance(one, dict)] if isinstance(options, list) else []
        )
        return "\n".join(
            [
                _line("CASE", f"{self.answer.ref} {self.title}"),
                _line("STATUS", self.answer.status),
                _line("TASK", str(self.question.get("task") or "")),
                _line("PROBLEM", str(self.question.get("problem") or "")),
                _items(
                    "OPTIONS", tuple(f"{one.get('key')}: {one.get('label')}" for one in choices)
                ),
                _items("THREAD", tuple(f"{one.author}: {one.text}" for one in self.thread)),
            ]
        )


class Kept(NamedTuple):
    """What the portal keeps: answers to acknowledge, and open cases to wait for."""

    settled: Tuple[KeptCase, ...]
    waiting: Tuple[KeptCase, ...]
    more: bool


def answer_of(members: Mapping[str, Any]) -> Answer:
    """Read the portal's JSON. Raises :class:`Malformed`."""
    return Answer(
        ref=_ref(members),
        status=_text(members, "status"),
        revision=_revision(members),
        proceed=members.get("proceed") is True,
        verdict=_text(members, "verdict"),
        option=_text(members, "option"),
        decision=_text(members, "decision"),
        approach=_text(members, "approach"),
        constraints=_texts(members, "constraints"),
        context=_text(members, "context"),
        constitutional_notes=_text(members, "constitutional_notes"),
        next_steps=_texts(members, "next_steps"),
        decided_by=_each(members, "decided_by", _decider),
        decided_at=_text(members, "decided_at"),
        use_before=_text(members, "use_before"),
        request_sha256=_text(members, "request_sha256"),
        receipt=_text(members, "receipt"),
        reason=_text(members, "reason"),
        settled_reason=_text(members, "settled_reason"),
        questions=_each(members, "questions", _question),
        needs_permit=members.get("permit") is not None,
        permit_spent_at=_text(_object(members.get("permit") or {}), "spent_at"),
        superseded_by=_text(members, "superseded_by"),
        url=_text(members, "url"),
        raw=members,
    )


def kept_of(members: Mapping[str, Any]) -> Kept:
    """Read what the portal keeps for this runner. Raises :class:`Malformed`."""
    return Kept(
        settled=_each(members, "settled", _kept_case),
        waiting=_each(members, "waiting", _kept_case),
        more=members.get("more") is True,
    )


def _kept_case(value: Any) -> KeptCase:
    whole = _object(value)
    report = _object(whole.get("report") or {})
    return KeptCase(
        answer=answer_of(whole),
        title=_text(whole, "title"),
        question=_object(whole.get("question") or {}),
        thread=_each(whole, "thread", _line_of_thread),
        report_due=report.get("due") is True,
    )


def _line_of_thread(value: Any) -> Said:
    said = _object(value)
    return Said(_text(said, "author"), said.get("from_runner") is True, _text(said, "text"))


def case_of(members: Mapping[str, Any], *, created: bool) -> Case:
    """Read the portal's answer to an escalation. Raises :class:`Malformed`."""
    return Case(
        ref=_ref(members),
        status=_text(members, "status"),
        revision=_revision(members),
        url=_text(members, "url"),
        created=created,
        request_sha256=_text(members, "request_sha256"),
        findings=_each(members, "findings", _finding),
        raw=members,
    )


def plain(text: str) -> str:
    """Text without characters that steer a terminal; further lines are indented.

    So nothing inside a field can look like the beginning of another one.
    """
    return _STEERING.sub("\ufffd", text.replace("\r\n", "\n")).replace("\n", "\n  ")


def _line(name: str, text: str) -> str:
    return f"{name}: {plain(text) or 'none'}"


def _items(name: str, items: Tuple[str, ...]) -> str:
    if not items:
        return f"{name}: none"
    return "\n".join([f"{name}:", *(f"- {plain(item)}" for item in items)])


def _ref(members: Mapping[str, Any]) -> str:
    ref = _text(members, "ref")
    if not ref:
        raise Malformed("ref is missing")
    return ref


def _revision(members: Mapping[str, Any]) -> int:
    revision = members.get("revision")
    if not isinstance(revision, int) or isinstance(revision, bool) or revision < 0:
        raise Malformed("revision is no whole number")
    return revision


def _text(members: Mapping[str, Any], name: str) -> str:
    value = members.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Malformed(f"{name} is no text")
    return value


def _texts(members: Mapping[str, Any], name: str) -> Tuple[str, ...]:
    return _each(members, name, _plain)


def _each(members: Mapping[str, Any], name: str, read: Callable[[Any], Any]) -> Tuple[Any, ...]:
    values = members.get(name)
    if values is None:
        return ()
    if not isinstance(values, list):
        raise Malformed(f"{name} is no list")
    return tuple(read(value) for value in values)


def _plain(value: Any) -> str:
    if not isinstance(value, str):
        raise Malformed("a list holds something that is no text")
    return value


def _decider(value: Any) -> Decider:
    person = _object(value)
    return Decider(_text(person, "name"), _text(person, "method"), _text(person, "on_behalf_of"))


def _question(value: Any) -> Question:
    asked = _object(value)
    wants_edit = asked.get("wants") == "edited_question"
    return Question(_text(asked, "text"), _text(asked, "asked_by"), wants_edit)


def _finding(value: Any) -> str:
    return value if isinstance(value, str) else _text(_object(value), "message")


def _object(value: Any) -> Dict[str, Any]:
    if not isinstance(value, dict):
        raise Malformed("an entry is no object")
    return value

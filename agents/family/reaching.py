"""Can the escalation of an agent reach a human being? Yes, no or unclear, with the reasons.

What the file says is followed: whom it tells the agent to ask, whether the tools it names allow
that, and whether the agent that is to carry the question exists, runs and can ask in its turn.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from agents.family.members import Member
from agents.family.routes import Route, Way
from governance.base.blocks import KNOWN_FIELDS

Find = Callable[[str], Member | None]


class Answer(StrEnum):
    YES = "yes"
    NO = "no"
    UNCLEAR = "unclear"


LABELS = {Answer.YES: "Reaches people", Answer.NO: "Reaches nobody", Answer.UNCLEAR: "Unclear"}
TONES = {Answer.YES: "good", Answer.NO: "bad", Answer.UNCLEAR: "warn"}
_RANK = {Answer.YES: 0, Answer.UNCLEAR: 1, Answer.NO: 2}
_NO_OWN_WAY = re.compile(
    r"approv|permission|confirm|consent|\bask|decid|decision|human|\buser|stuck|clarif"
    r"|fall[ -]?back|work[ -]?around|assum|guess|placeholder|on your own",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Reach:
    """``missing`` are the parts of the escalation protocol that the file lacks."""

    answer: Answer
    reasons: tuple[str, ...]
    missing: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        return LABELS[self.answer]

    @property
    def tone(self) -> str:
        return TONES[self.answer]

    @property
    def sentence(self) -> str:
        return " ".join(self.reasons)


def reach_of(member: Member, find: Find) -> Reach:
    """Whether the agent's question gets to people; ``find`` knows the agents by their names."""
    missing = missing_of(member)
    answer, reasons = _way_of(member, find, ())
    if answer is Answer.YES and missing:
        return Reach(Answer.UNCLEAR, (*reasons, _incomplete(missing)), missing)
    if answer is Answer.NO and missing and _promises(member):
        reasons = (*reasons, _incomplete(missing))
    return Reach(answer, reasons, missing)


def _promises(member: Member) -> bool:
    return member.demands("escalation") or bool(member.contract.get("has_escalation_section"))


def _incomplete(missing: tuple[str, ...]) -> str:
    return f"The protocol is incomplete. Missing: {', '.join(missing)}."


def missing_of(member: Member) -> tuple[str, ...]:
    """What a complete escalation protocol holds and this one lacks."""
    has_rule = any(_is_no_fallback(rule) for rule in member.parts("rules"))
    checks = (
        ("a section about escalation", bool(member.contract.get("has_escalation_section"))),
        ("when to escalate", bool(member.parts("triggers"))),
        ("how to escalate", bool(member.parts("escalation_steps"))),
        (_missing_payload(member), not _missing_payload(member)),
        ("a no-fallbacks rule", has_rule),
        ("“escalation: mandatory” in the frontmatter", member.demands("escalation")),
    )
    return tuple(name for name, is_there in checks if not is_there)


def _missing_payload(member: Member) -> str:
    held = {str(part["name"]).lower() for part in member.parts("payload_fields")}
    lacking = [name for name in KNOWN_FIELDS if name.lower() not in held]
    if not held or (lacking and not member.contract.get("has_escalation_section")):
        return "the payload template"
    return f"payload fields {', '.join(lacking)}" if lacking else ""


def _is_no_fallback(rule: object) -> bool:
    """NEVER something without asking or on a guess, or ALWAYS escalate."""
    if not isinstance(rule, dict):
        return False
    text = str(rule.get("text", ""))
    forbids = rule.get("modality") in {"NEVER", "MUST_NOT"} and _NO_OWN_WAY.search(text)
    return bool(forbids) or "escalat" in text.lower()


def _way_of(member: Member, find: Find, before: tuple[str, ...]) -> tuple[Answer, tuple[str, ...]]:
    # Who names a gateway means its people when he writes of people.
    gateways = [route for route in member.routes if route.way is not Way.PEOPLE]
    tried = [_follow(member, route, find, before) for route in gateways or member.routes]
    if not tried:
        return _names_nobody(member)
    best = min((answer for answer, _ in tried), key=_RANK.__getitem__)
    return best, tuple(sentence for answer, sentence in tried if answer is best)


def _names_nobody(member: Member) -> tuple[Answer, tuple[str, ...]]:
    if member.contract.get("has_escalation_section"):
        return Answer.UNCLEAR, ("The section about escalation names nobody who is asked.",)
    if member.demands("escalation"):
        line = member.line_of("escalation")
        return Answer.NO, (f"Escalation is mandatory by line {line}, but no text says how.",)
    return Answer.NO, ("No line was found that tells whom the agent asks.",)


def _follow(
    member: Member, route: Route, find: Find, before: tuple[str, ...]
) -> tuple[Answer, str]:
    at = f"line {route.line}"
    if route.way is Way.AGENT:
        return _through(member, route, find, before)
    if route.way is Way.PORTAL:
        if member.may_call_portal:
            return Answer.YES, f"It files cases in the portal ({at}), which asks people."
        return Answer.NO, (
            f"It is told to use the portal ({at}), but {_tools(member)} can neither run a command "
            "nor call the portal."
        )
    if member.may_ask:
        how = "inherits every tool" if member.tools is None else "has a tool that asks"
        return Answer.YES, f"It is told to ask people ({at}) and {how}."
    if route.way is Way.TOOL:
        return Answer.NO, f"It is told to ask with a tool ({at}) that {_tools(member)} lack."
    return Answer.UNCLEAR, (
        f"It is told to ask people ({at}), but none of its tools does: it can only say so in its "
        "last answer."
    )


def _through(
    member: Member, route: Route, find: Find, before: tuple[str, ...]
) -> tuple[Answer, str]:
    to = f"the {route.name} agent (line {route.line})"
    peer = find(route.name)
    if peer is None:
        return Answer.NO, f"It must invoke {to}, and there is none in the family or the portal."
    if not member.may_invoke:
        return Answer.NO, (
            f"It must invoke {to}, but {_tools(member)} hold neither Task nor Agent, which that "
            "takes."
        )
    if peer.slug in {*before, member.slug}:
        return Answer.NO, f"It invokes {to}, which leads back in a circle that asks no people."
    if peer.suspended:
        return Answer.NO, f"It must invoke {to}, which is suspended."
    if not peer.released:
        return Answer.NO, f"It must invoke {to}, which is released nowhere."
    answer, reasons = _way_of(peer, find, (*before, member.slug))
    return answer, f"It invokes {to}. {peer.name}: {' '.join(reasons)}"


def _tools(member: Member) -> str:
    """``its tools (Read, Grep)``, or that those it lacks are denied."""
    if member.tools is None:
        return "the tools that are left to it"
    named = ", ".join(member.tools[:6])
    more = f" and {len(member.tools) - 6} more" if len(member.tools) > 6 else ""
    return f"its tools ({named}{more})" if named else "its tools (none)"

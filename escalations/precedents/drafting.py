"""A decision in the words of a rule or of the law: a text to go on writing, changing nothing."""

from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from agents.editor.services import newest_of
from agents.models import AgentVersion
from escalations.answers import agreeing, joint_constraints, request_of
from escalations.models import Escalation, Verdict
from escalations.precedents.searching import decided_cases
from governance.base.encoding import visible
from governance.base.errors import Conflict, NotThere
from governance.constitution.drafting import newest_sequence
from governance.constitution.models import ConstitutionVersion, Principle
from governance.constitution.services import MAIN

RULE, AMENDMENT = "rule", "amendment"
LONGEST_LINE = 400
HEADING = "## Escalation Protocol\n\n### No Fallbacks Rule\n"


@dataclass(frozen=True, slots=True)
class Draft:
    """The line that is new, the whole text with it, and the editor that opens it."""

    line: str
    text: str
    after: str
    editor: str
    newest: int
    title: str


def draft_of(case: Escalation, kind: str, *, principle: str = "") -> Draft:
    """The text that a decided case proposes, as a rule of its agent or as an amendment."""
    if not decided_cases().filter(pk=case.pk).exists():
        raise Conflict(f"Nobody has decided {case.ref}.", code="not_decided")
    if kind == RULE:
        return _rule(case)
    if kind == AMENDMENT:
        return _amendment(case, principle)
    raise NotThere("There is no such draft.")


def sentence_of(case: Escalation) -> str:
    """``ALWAYS choose "JWT tokens" when ...``, on one line; hidden characters are made visible."""
    ballot = case.decision.ballot
    request = request_of(case)
    asked = str(request.get("problem") or request.get("task") or case.title)
    if ballot.verdict == Verdict.REJECTED:
        words = f"NEVER proceed, and escalate, when: {asked}"
    elif ballot.verdict == Verdict.OTHER_APPROACH:
        words = f"ALWAYS take this approach: {ballot.approach} When: {asked}"
    else:
        words = f"ALWAYS choose “{ballot.option.label if ballot.option else ''}” when: {asked}"
    votes = agreeing(ballot, list(case.ballots.all()))
    limits = "; ".join(joint_constraints(votes))
    line = _one_line(f"{words}{f' Provided that: {limits}' if limits else ''}")
    return f"{line} (decided in {case.ref})"


def _one_line(text: str) -> str:
    line = " ".join(visible(" ".join(text.split())).split())
    return line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE - 1]}…"


def _rule(case: Escalation) -> Draft:
    version = case.agent.versions.order_by("-sequence").first()
    if version is None:
        raise NotThere("This agent has no version yet.")
    line = f"- {sentence_of(case)}"
    text, after = _with_rule(version, line)
    return Draft(
        line=line,
        text=text,
        after=after,
        editor=f"{reverse('agent-edit', args=[case.agent.slug])}?from={version.sequence}",
        newest=newest_of(case.agent),
        title=f"a rule of {case.agent.name}",
    )


def _with_rule(version: AgentVersion, line: str) -> tuple[str, str]:
    """After the last rule of the text; under a heading of its own where there is none."""
    last = version.rules.order_by("-line").first()
    if last is None:
        return f"{version.text.rstrip()}\n\n{HEADING}{line}\n", "at the end of the text"
    return _after(version.text, last.line, line), f"after line {last.line}"


def _after(text: str, number: int, line: str) -> str:
    """The text with a line behind the one of this number, counted from one."""
    lines = text.split("\n")
    place = max(0, min(number, len(lines)))
    return "\n".join([*lines[:place], line, *lines[place:]])


def _amendment(case: Escalation, key: str) -> Draft:
    law = ConstitutionVersion.objects.filter(constitution__slug=MAIN).order_by("-sequence").first()
    if law is None:
        raise NotThere("There is no constitution yet.")
    article = _article(law, [key] if key else case.principles)
    line = sentence_of(case)
    text = _with_sentence(law, article, line)
    return Draft(
        line=line,
        text=text,
        after=f"at the end of “{article.title}”" if article else "at the end of the text",
        editor=f"{reverse('constitution-edit')}?from={law.sequence}",
        newest=newest_sequence(),
        title="an amendment of the constitution",
    )


def _article(law: ConstitutionVersion, keys: Any) -> Principle | None:
    return law.principles.filter(key__in=list(keys)).order_by("position").first()


def _with_sentence(law: ConstitutionVersion, article: Principle | None, line: str) -> str:
    """At the end of the article: before the next heading that follows its own."""
    if article is None:
        return f"{law.text.rstrip()}\n\n{line}\n"
    lines = law.text.split("\n")
    end = next((n for n in range(article.line, len(lines)) if lines[n].startswith("#")), len(lines))
    body = lines[:end]
    while body and not body[-1].strip():
        body.pop()
    return "\n".join([*body, "", line, "", *lines[end:]])

"""Read an agent's definition, however broken its file is, into its contract."""

import re
from collections.abc import Iterator
from dataclasses import replace

from agents.contract import ParsedDefinition, Rule, is_demanded
from agents.declared import Declared, declared_peers, read_declared
from agents.examples import example_findings, payload_fields, worked_examples
from agents.items import (
    closing_paragraph,
    coordination,
    escalation_steps,
    principle_claims,
    quality_standards,
    statements,
    triggers,
    workflow_steps,
)
from agents.placeholders import placeholder_findings
from agents.rules import plain, read_rules
from agents.sections import Kind, Sections
from governance.base.encoding import Decoded, decode
from governance.base.findings import Finding, Severity, distinct
from governance.base.frontmatter import Frontmatter, split_frontmatter
from governance.base.keys import words
from governance.base.outline import Outline, blank_out, only_comments, outline

_ASKS = re.compile(r"\b(approv|confirm|permission|escalat|consent|asking)", re.IGNORECASE)
_COMMON = frozenset(
    words(
        "never always must not and or for of to in on with without by any all be is are it this "
        "that approval approved escalate escalation confirmation permission human decision "
        "decisions do dont vs before when asking unclear requirements implementation implement"
    )
)
_STEM = 6


def parse_definition(raw: bytes, *, filename: str = "") -> ParsedDefinition:
    """Read the bytes of one definition. Never raises; what is wrong is among the findings."""
    decoded = decode(raw)
    front = split_frontmatter(decoded.text)
    declared = read_declared(front, filename)
    standing = blank_out(front.body, spans=False, blocks=False)
    sections = Sections(outline(standing, front.body_line))
    parsed = _assemble(decoded, front, declared, sections)
    findings = (
        *decoded.findings,
        *front.findings,
        *declared.findings,
        *_text_findings(parsed, sections),
        *_comment_findings(front),
    )
    return replace(parsed, findings=distinct(findings))


def _assemble(
    decoded: Decoded, front: Frontmatter, declared: Declared, sections: Sections
) -> ParsedDefinition:
    said = declared.texts
    found = sections.outline
    last = closing_paragraph(found)
    return ParsedDefinition(
        text=decoded.text,
        encoding=decoded.encoding,
        repaired=decoded.repaired,
        frontmatter=front.data,
        name=said.get("name", ""),
        version=said.get("version", ""),
        description=said.get("description", ""),
        type=said.get("type", ""),
        model=said.get("model", ""),
        context=said.get("context", ""),
        escalation=said.get("escalation", ""),
        constitutional_compliance=said.get("constitutional_compliance", ""),
        permission_mode=said.get("permission_mode", ""),
        tools=declared.tools,
        disallowed_tools=declared.disallowed_tools,
        title=plain(found.headings[0].text) if found.headings else "",
        introduction=_introduction(found),
        responsibilities=statements(sections.items(Kind.RESPONSIBILITIES)),
        expertise=statements(sections.items(Kind.EXPERTISE)),
        principles=principle_claims(sections.items(Kind.PRINCIPLES)),
        standards=statements(sections.items(Kind.STANDARDS)),
        triggers=triggers(sections),
        escalation_steps=escalation_steps(sections.items(Kind.HOW)),
        payload_fields=payload_fields(sections),
        rules=read_rules(found),
        examples=worked_examples(sections),
        escalation_tools=statements(sections.items(Kind.ESCALATION_TOOLS)),
        workflow=workflow_steps(sections),
        coordination=coordination(
            sections.items(Kind.COORDINATION), declared_peers(front, declared.tools)
        ),
        quality=quality_standards(sections.items(Kind.QUALITY)),
        closing=last.text if last else "",
        has_escalation_section=sections.escalates,
    )


def _introduction(found: Outline) -> str:
    """The first paragraph, where it stands before every section but the title."""
    first = found.paragraphs[0] if found.paragraphs else None
    return first.text if first and first.section <= 0 else ""


def _text_findings(parsed: ParsedDefinition, sections: Sections) -> Iterator[Finding]:
    found = sections.outline
    if not (found.headings or found.items or found.paragraphs or found.blocks):
        yield _empty()
    for line in found.unclosed:
        yield _unclosed(line)
    yield from placeholder_findings(parsed.text)
    yield from _promise_findings(parsed)
    yield from example_findings(parsed.examples)
    if parsed.triggers:
        yield from (_without_trigger(rule) for rule in _lonely_rules(parsed))


def _empty() -> Finding:
    return Finding(
        "EMPTY_BODY",
        Severity.ERROR,
        0,
        "There is no text below the frontmatter.",
        "Say what the agent does.",
    )


def _unclosed(line: int) -> Finding:
    return Finding(
        "UNCLOSED_FENCE",
        Severity.WARNING,
        line,
        "A code block starts here and never ends; it was read as text.",
        "Close the block, or remove this line.",
    )


def _comment_findings(front: Frontmatter) -> Iterator[Finding]:
    """Rules that stand in an HTML comment are none; a comment that never ends is none either."""
    if "<!--" not in front.body:
        return
    for rule in read_rules(outline(only_comments(front.body), front.body_line)):
        yield _commented(rule)
    bare = blank_out(front.body)
    if "<!--" in bare:
        line = front.body_line + bare[: bare.index("<!--")].count("\n")
        yield _unclosed_comment(line)


def _commented(rule: Rule) -> Finding:
    return Finding(
        "COMMENTED_RULE",
        Severity.WARNING,
        rule.line,
        f"This rule stands in an HTML comment, so it does not count: {rule.text}",
        "Take the comment marks away if it is meant, else remove it: an agent may still read it.",
        excerpt=rule.key,
    )


def _unclosed_comment(line: int) -> Finding:
    return Finding(
        "UNCLOSED_COMMENT",
        Severity.WARNING,
        line,
        "An HTML comment opens here and never closes; it was read as text, but pages hide it.",
        "Close the comment with -->, or remove <!--.",
    )


def _promise_findings(parsed: ParsedDefinition) -> Iterator[Finding]:
    """What the frontmatter promises and the text does not hold."""
    demanded = is_demanded(parsed.escalation)
    if not parsed.has_escalation_section:
        yield _no_escalation(demanded)
    if is_demanded(parsed.constitutional_compliance) and not parsed.principles:
        yield _no_principles()


def _no_escalation(demanded: bool) -> Finding:
    if demanded:
        return Finding(
            "ESCALATION_NOT_DESCRIBED",
            Severity.ERROR,
            0,
            "Escalation is mandatory for this agent, but no section says when or how.",
            "Add the section When to Escalate.",
        )
    return Finding(
        "NO_ESCALATION",
        Severity.INFO,
        0,
        "No section says when this agent must ask a human.",
        "Add the section When to Escalate.",
    )


def _no_principles() -> Finding:
    return Finding(
        "COMPLIANCE_NOT_DESCRIBED",
        Severity.WARNING,
        0,
        "The file requires constitutional compliance but claims no principle.",
        "Add the section Constitutional Integration.",
    )


def _lonely_rules(parsed: ParsedDefinition) -> Iterator[Rule]:
    """Rules that need somebody's approval, about things no trigger mentions."""
    covered = {
        stem for trigger in parsed.triggers for stem in _stems(f"{trigger.title} {trigger.text}")
    }
    for rule in parsed.rules:
        if _ASKS.search(rule.text) and not covered & _stems(rule.text):
            yield rule


def _stems(text: str) -> set[str]:
    return {word[:_STEM] for word in words(text) if word not in _COMMON}


def _without_trigger(rule: Rule) -> Finding:
    return Finding(
        "RULE_WITHOUT_TRIGGER",
        Severity.INFO,
        rule.line,
        f"No trigger mentions what this rule asks approval for: {rule.text}",
        "Add a trigger, so that the agent knows to escalate.",
        excerpt=rule.key,
    )

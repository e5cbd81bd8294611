"""The payload template and the worked examples in a definition's fenced blocks."""

from agents.contract import Example, PayloadField
from agents.sections import Kind, Sections
from governance.base.blocks import KNOWN_FIELDS, Block, read_block
from governance.base.findings import Finding, Severity
from governance.base.keys import Keys
from governance.base.outline import FencedBlock

_ENOUGH = 3
_PLACES = frozenset({Kind.HOW, Kind.ESCALATION, Kind.OTHER})


def payload_fields(sections: Sections) -> tuple[PayloadField, ...]:
    """The lines of the first block that is a template: how to escalate, then anywhere."""
    for kinds in ({Kind.HOW}, _PLACES):
        for fenced in sections.outline.blocks:
            if sections.kind(fenced.section) in kinds:
                block = read_block(fenced.text)
                if _known(block) >= _ENOUGH:
                    return _fields(block, fenced)
    return ()


def worked_examples(sections: Sections) -> tuple[Example, ...]:
    keys = Keys()
    found = []
    for fenced in sections.outline.blocks:
        if sections.kind(fenced.section) is Kind.EXAMPLES:
            block = read_block(fenced.text)
            if _known(block):
                found.append(_example(block, fenced, keys))
    return tuple(found)


def example_findings(examples: tuple[Example, ...]) -> list[Finding]:
    return [
        Finding(
            "EXAMPLE_INCOMPLETE",
            Severity.INFO,
            example.line,
            f"The example “{example.title}” leaves out: {', '.join(missing)}.",
            "Show every field that the template asks for.",
            excerpt=example.key,
        )
        for example in examples
        if (missing := [name for name in KNOWN_FIELDS if name not in example.fields])
    ]


def _known(block: Block) -> int:
    return sum(named.name in KNOWN_FIELDS for named in block.fields)


def _fields(block: Block, fenced: FencedBlock) -> tuple[PayloadField, ...]:
    keys = Keys()
    return tuple(
        PayloadField(
            keys.take(named.name),
            named.name,
            named.text.removeprefix("[").removesuffix("]"),
            fenced.line + named.line - 1,
        )
        for named in block.fields
    )


def _example(block: Block, fenced: FencedBlock, keys: Keys) -> Example:
    fields = {named.name: named.text for named in block.fields}
    title = block.title or fields.get("Task") or fields.get("Problem", "")
    return Example(keys.take(title), title, fields, block.options, block.notes, fenced.line)

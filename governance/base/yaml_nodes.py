"""A YAML mapping as JSON values: no tags, no aliases, no depth, and each key's line."""

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from governance.base.findings import Finding, Severity

MAX_DEPTH = 12
MAX_NODES = 2000
_INTEGER = re.compile(r"[-+]?\d{1,15}")
_DECIMAL = re.compile(r"[-+]?\d{1,15}\.\d{1,15}")
_TRUE = frozenset({"true", "yes", "on"})
_TAG = "tag:yaml.org,2002:"
_STANDARD_TAGS = frozenset(
    _TAG + name for name in ("str", "int", "float", "bool", "null", "seq", "map", "timestamp")
)


class Refused(Exception):
    """YAML that could do harm, or is no mapping."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.message)
        self.finding = finding


@dataclass(slots=True)
class Mapping:
    data: dict[str, Any] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def read_mapping(raw: str, first_line: int) -> Mapping:
    """Read one mapping; raises :class:`Refused` or ``yaml.YAMLError``."""
    mapping = Mapping()
    _check_events(raw, first_line)
    root = yaml.compose(raw, Loader=yaml.SafeLoader)
    if root is None:
        return mapping
    if not isinstance(root, yaml.MappingNode):
        raise Refused(_no_mapping(first_line))
    for key_node, value_node in root.value:
        key = _key(key_node)
        line = first_line + key_node.start_mark.line
        if key in mapping.data:
            mapping.findings.append(_twice(key, line))
        mapping.lines[key] = line
        mapping.data[key] = _value(value_node, mapping, first_line)
        if isinstance(value_node, yaml.ScalarNode):
            mapping.texts[key] = value_node.value
    return mapping


def _check_events(raw: str, first_line: int) -> None:
    """Look at the stream before anything is built from it."""
    depth = 0
    for count, event in enumerate(yaml.parse(raw, Loader=yaml.SafeLoader)):
        line = first_line + (event.start_mark.line if event.start_mark else 0)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise Refused(_anchor(line))
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH or count > MAX_NODES:
            raise Refused(_too_much(line))


def _anchor(line: int) -> Finding:
    return Finding(
        "YAML_ANCHOR",
        Severity.ERROR,
        line,
        "The frontmatter uses YAML anchors or aliases, which are refused.",
        "Write the value out, or put text that starts with & or * in quotes.",
    )


def _too_much(line: int) -> Finding:
    return Finding(
        "YAML_TOO_COMPLEX",
        Severity.ERROR,
        line,
        f"The frontmatter is nested deeper than {MAX_DEPTH} or holds more than {MAX_NODES} parts.",
        "Make it simpler.",
    )


def _no_mapping(line: int) -> Finding:
    return Finding(
        "FRONTMATTER_NO_MAPPING",
        Severity.ERROR,
        line,
        "The frontmatter is not a list of keys with values.",
        "Write one key: value pair per line.",
    )


def _twice(key: str, line: int) -> Finding:
    return Finding(
        "DUPLICATE_KEY",
        Severity.ERROR,
        line,
        f"The key “{key}” stands there twice; the last one counts here, elsewhere the first may.",
        "Keep one of them.",
        excerpt=key,
    )


def _key(node: yaml.Node) -> str:
    return node.value if isinstance(node, yaml.ScalarNode) else f"({node.tag.rsplit(':')[-1]})"


def _value(node: yaml.Node, mapping: Mapping, first_line: int) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node, mapping, first_line)
    if isinstance(node, yaml.SequenceNode):
        return [_value(child, mapping, first_line) for child in node.value]
    inner: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = _key(key_node)
        if key in inner:
            mapping.findings.append(_twice(key, first_line + key_node.start_mark.line))
        inner[key] = _value(value_node, mapping, first_line)
    return inner


def _scalar(node: yaml.ScalarNode, mapping: Mapping, first_line: int) -> Any:
    """Numbers only where JSON writes them the same way; all else stays text."""
    text: str = node.value
    if node.tag not in _STANDARD_TAGS:
        mapping.findings.append(_strange_tag(node, first_line))
        return text
    if node.tag == f"{_TAG}null":
        return None
    if node.tag == f"{_TAG}bool":
        return text.lower() in _TRUE
    if node.tag == f"{_TAG}int" and _INTEGER.fullmatch(text):
        return int(text)
    if node.tag == f"{_TAG}float" and _DECIMAL.fullmatch(text):
        return float(text)
    return text


def _strange_tag(node: yaml.ScalarNode, first_line: int) -> Finding:
    return Finding(
        "YAML_TAG",
        Severity.ERROR,
        first_line + node.start_mark.line,
        f"The YAML tag “{node.tag}” is not obeyed; the value is kept as text.",
        "Remove the tag.",
        excerpt=node.tag,
    )

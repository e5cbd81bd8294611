"""What the portal's own templates leave open for people to write."""

import re
from collections.abc import Iterator

from governance.base.findings import Finding, Severity

UNNAMED = "fill-in-the-name"
_OPEN = re.compile(rf"\[FILL IN: [^\[\]\n]{{1,200}}\]|\b{UNNAMED}\b")


def placeholder_findings(text: str) -> Iterator[Finding]:
    """One for each place that nobody filled in; in every other file there are none."""
    if UNNAMED not in text and "[FILL IN: " not in text:
        return
    for number, line in enumerate(text.split("\n"), start=1):
        for found in _OPEN.findall(line):
            yield Finding(
                "PLACEHOLDER",
                Severity.ERROR,
                number,
                f"{found} is not filled in.",
                "Write what belongs here, or remove the line.",
                excerpt=found,
            )

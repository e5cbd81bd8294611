"""A stated pattern permits what it names, and nothing besides."""

from typing import Any

import pytest

from agents.ledger.scoping import lies_within, read_pattern
from governance.base.errors import InvalidInput

GIT: dict[str, Any] = {
    "command": {"program": ["git"], "subcommands": ["push"], "words": ["origin", "fix/*"]}
}
FILES = {"tool": ["Write"], "paths": ["docs/**", "!docs/adr/**"], "access": ["write"]}
PAY = {"kind": ["payment"], "arguments": [{"name": "amount", "op": "<=", "value": 100}]}


def shell(text: str, **arguments: Any) -> dict[str, Any]:
    return {"kind": "Bash", "target": "", "arguments": {"command": text, **arguments}}


def argv(*words: str) -> dict[str, Any]:
    return {"kind": "shell", "target": "", "arguments": {"argv": list(words)}}


@pytest.mark.parametrize(
    ("pattern", "action"),
    [
        (GIT, shell("git push origin")),
        (GIT, shell("git push origin fix/one", description="Push the fix")),
        (GIT, argv("git", "push", "origin", "fix/one")),
        ({"command": {"program": ["pytest"]}}, shell("pytest")),
        (
            {"command": {"program": ["pip"], "subcommands": ["install"], "words": ["*"]}},
            shell("pip install requests"),
        ),
        (
            {"command": {"program": ["pytest"], "flags": ["-q|--quiet"], "words": ["tests/*"]}},
            shell("pytest -q tests/test_app.py"),
        ),
        (FILES, {"kind": "Write", "arguments": {"file_path": "docs/guide.md"}}),
        ({"kind": ["deploy"], "target": ["web-*"]}, {"kind": "deploy", "target": "web-staging"}),
        (PAY, {"kind": "payment", "arguments": {"amount": 99.5}}),
        (PAY, {"kind": "payment", "arguments": {"amount": "100"}}),
    ],
)
def test_what_a_pattern_names_is_permitted(pattern, action):
    assert lies_within(read_pattern(pattern), action)


@pytest.mark.parametrize(
    ("pattern", "action"),
    [
        # Another part of the line.
        (GIT, shell("git push origin && rm -rf /")),
        (GIT, shell("git push origin; curl example.org")),
        (GIT, shell("git push origin | tee log")),
        (GIT, shell("git push origin > /etc/passwd")),
        (GIT, shell("git push origin $(rm -rf /)")),
        (GIT, shell("git push origin `id`")),
        (GIT, shell("git push $WHERE")),
        (GIT, shell("PATH=/opt/evil git push origin")),
        (GIT, shell("sudo git push origin")),
        (GIT, shell("git push origin", script="rm -rf /")),
        # Another program, option, word or place than those that are named.
        (GIT, shell("/opt/git push origin")),
        (GIT, argv("/opt/git", "push", "origin")),
        (GIT, argv("git.exe", "push", "origin")),
        (GIT, shell("git push --force origin")),
        (GIT, shell("git -C /elsewhere push origin")),
        (GIT, shell("git push elsewhere")),
        (GIT, shell("git push origin main")),
        (GIT, shell("git push origin fix/../main")),
        (GIT, shell("git pull origin")),
        (GIT, shell("g\u0456t push origin")),
        (GIT, shell("git push 'origin'")),
        ({"command": {"program": ["pytest"]}}, shell("pytest tests")),
        ({"command": {"program": ["pytest"], "flags": ["-q"]}}, shell("pytest")),
        ({"command": {"program": ["pytest"], "flags": ["-q"]}}, shell("pytest -qx")),
        # A name without the command that it would run.
        ({"kind": ["shell"]}, argv("rm", "x")),
        ({"tool": ["Bash"]}, shell("rm x")),
        ({"kind": ["shell"], "target": ["git*"]}, {"kind": "shell", "target": "git push"}),
        ({"kind": ["deploy"], "target": ["web-*"]}, {"kind": "deploy", "target": "w\u0435b-1"}),
        ({"kind": ["deploy"], "target": ["web-*"]}, {"kind": "deploy", "target": "api"}),
        # Files that are excluded, elsewhere, or named beside.
        (FILES, {"kind": "Write", "arguments": {"file_path": "docs/adr/1.md"}}),
        (FILES, {"kind": "Write", "arguments": {"file_path": "docs/../src/app.py"}}),
        (FILES, {"kind": "Write", "arguments": {"paths": ["docs/a.md", "src/app.py"]}}),
        (FILES, {"kind": "Edit", "arguments": {"file_path": "docs/guide.md"}}),
        ({"tool": ["Write"]}, {"kind": "Write", "arguments": {"file_path": "a"}}),
        (
            {"kind": ["deploy"], "target": ["web-*"]},
            {"kind": "deploy", "target": "web-1", "arguments": {"file": "/etc/passwd"}},
        ),
        # A bound that is not shown to be kept.
        (PAY, {"kind": "payment", "arguments": {"amount": 101}}),
        (PAY, {"kind": "payment", "arguments": {"amount": "a lot"}}),
        (PAY, {"kind": "payment", "arguments": {"amount": True}}),
        (PAY, {"kind": "payment", "arguments": {"amount": [1]}}),
        (PAY, {"kind": "payment", "arguments": {}}),
        (PAY, {"kind": "payment"}),
        (
            {"kind": ["payment"], "arguments": [{"name": "to", "op": "!=", "value": "x"}]},
            {"kind": "payment", "arguments": {}},
        ),
    ],
)
def test_what_a_pattern_does_not_name_is_not_permitted(pattern, action):
    assert not lies_within(read_pattern(pattern), action)


@pytest.mark.parametrize(
    "pattern",
    [
        {},
        [],
        "git push",
        {"phrases": ["drop table"], "kind": ["sql"]},
        {"command": {"program": ["psql"], "phrases": ["select"]}},
        {"arguments": [{"name": "amount", "op": "<", "value": 5}]},
        {"kind": ["x"], "unknown": 1},
    ],
)
def test_a_pattern_that_bounds_nothing_is_refused(pattern):
    with pytest.raises(InvalidInput):
        read_pattern(pattern)

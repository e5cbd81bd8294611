"""What the style guide shows: made-up content for every component in every state."""

import re
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.conf import settings

FINGERPRINT = "9f2c41d7a05be83c6d1240f7b8aa93e5107d6c2f48b1e0a9d3c75f6621ab84fe"
TONES = (
    ("neutral", "Draft"),
    ("info", "Asked back"),
    ("waiting", "Waiting for people"),
    ("good", "Approved"),
    ("warn", "Stale"),
    ("bad", "Suspended"),
)
PROSE = """\
# A rendered text

Headings move below the page's own. **Bold**, *emphasis*, `code`, and a
[link with its target](https://example.org/handbook). No images, no raw HTML.

- NEVER implement schema changes without confirmation
- ALWAYS escalate security decisions

> A principle is a promise.

| Quality | Measure |
|---|---|
| Response time | under 200 ms |

```
Agent: python-backend
Task: user login
```
"""
ACT = {
    "migration": "0042_add_session_table",
    "reversible": True,
    "lock_timeout_ms": 2000,
    "statements": ["CREATE TABLE user_session (id uuid PRIMARY KEY)"],
    "labels": [],
    "comment": None,
    "surprise": "a key that nobody expected",
}


class SampleForm(forms.Form):
    """One field of each kind."""

    name = forms.CharField(help_text="As it stands in the file.")
    reason = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}), required=False, help_text="One or two sentences."
    )
    environment = forms.ChoiceField(
        choices=[("production", "Production"), ("staging", "Staging")], required=False
    )
    role = forms.ChoiceField(
        choices=[("owner", "Owner"), ("approver", "Approver")], widget=forms.RadioSelect
    )
    source = forms.FileField(required=False)
    confirmed = forms.BooleanField(label="I have read the findings")


def samples(now: datetime) -> dict[str, Any]:
    """The context of the style guide at one moment."""
    return {
        "tones": TONES,
        "form": SampleForm(),
        "form_with_errors": SampleForm({"name": ""}),
        "sha256": FINGERPRINT,
        "hidden_text": "delete\u202e the \u200bbackup",
        "prose_text": PROSE,
        "act": ACT,
        "known_keys": [key for key in ACT if key != "surprise"],
        "moments": [
            now,
            now - timedelta(minutes=4),
            now + timedelta(hours=3),
            now - timedelta(days=9),
            now - timedelta(days=90),
        ],
        "ladder": _ladder(),
        "timeline": _timeline(now),
        "findings": _findings(),
        "fixable": {"unclosed"},
        "text_lines": ["---", "name: python-backend", 'description: "Unclosed', "---"],
        "lines": _diff(),
        "rows": _rows(),
        "tabs": _links("Versions", "Rules", "Releases", "Findings"),
        "segments": _links("Mine", "My teams’", "All"),
        "facts": [("Name", "python-backend"), ("Environment", "production")],
        "icons": _icons(),
    }


def _ladder() -> list[dict[str, Any]]:
    return [
        {"position": 1, "who": "Backend approvers", "delay_text": "asked 2 h ago", "state": "done"},
        {"position": 2, "who": "Security team", "delay_text": "every hour", "state": "current"},
        {"position": 3, "who": "Head of engineering", "delay_text": "in 3 h", "state": "later"},
    ]


def _timeline(now: datetime) -> list[dict[str, Any]]:
    return [
        {
            "at": now - timedelta(hours=2),
            "actor": "build-07",
            "text": "raised the case and stopped",
            "icon": "halt",
            "tone": "bad",
        },
        {
            "at": now - timedelta(hours=1),
            "actor": "Lena Brandt",
            "text": "asked the runner",
            "icon": "message",
            "tone": "info",
        },
        {
            "at": now - timedelta(minutes=3),
            "actor": "Mara Okafor",
            "text": "decided",
            "icon": "check",
            "tone": "good",
        },
    ]


def _findings() -> list[dict[str, Any]]:
    return [
        {
            "key": "unclosed",
            "severity": "error",
            "line": 3,
            "message": "The frontmatter cannot be read.",
            "fix": "Close the quotation mark.",
            "replacement": 'description: "Unclosed"',
        },
        {
            "severity": "warning",
            "line": 0,
            "message": "It inherits every tool.",
            "fix": "Name its tools.",
        },
        {"severity": "info", "line": 71, "message": "The encoding was repaired.", "fix": ""},
    ]


def _diff() -> list[dict[str, Any]]:
    return [
        {"kind": "hunk", "text": "No fallbacks"},
        {"kind": "same", "old": 61, "new": 61, "text": "- **NEVER** skip input validation"},
        {"kind": "del", "old": 62, "new": None, "text": "- **NEVER** add dependencies"},
        {"kind": "add", "old": None, "new": 62, "text": "- **NEVER** add external dependencies"},
    ]


def _rows() -> list[dict[str, Any]]:
    same = [{"text": "- **NEVER** skip input validation", "changed": False}]
    begins = {"text": "- **NEVER** add ", "changed": False}
    ends = {"text": "dependencies", "changed": False}
    return [
        {"kind": "hunk", "left": [{"text": "No fallbacks", "changed": False}]},
        {"kind": "same", "old": 61, "new": 61, "left": same, "right": same},
        {
            "kind": "changed",
            "old": 62,
            "new": 62,
            "left": [begins, ends],
            "right": [begins, {"text": "external ", "changed": True}, ends],
        },
    ]


def _links(*labels: str) -> list[dict[str, Any]]:
    return [
        {
            "label": label,
            "href": f"?part={number}",
            "current": number == 0,
            "count": number * 4 if number else None,
        }
        for number, label in enumerate(labels)
    ]


def _icons() -> list[str]:
    sprite = settings.BASE_DIR / "static" / "icons.svg"
    return re.findall(r'<symbol id="([^"]+)"', sprite.read_text())

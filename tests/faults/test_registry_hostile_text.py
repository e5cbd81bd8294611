"""49, 74: what definitions, laws and people say is shown as text, hidden characters and all."""

from datetime import timedelta
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from agents import services
from agents.batches.services import open_batch
from agents.compliance.services import ask_waiver, judge
from agents.intake.archives import Incoming
from agents.intake.services import import_many
from agents.ledger.services import judge_rule
from agents.models import Agent
from agents.releasing import services as releasing
from agents.reviewing import services as reviewing
from governance.constitution import services as law
from governance.people.models import Role, Team
from governance.review.comments import comment
from governance.review.services import latest_review
from tests.agents import acts
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db

BIDI = "\u202e"
EVIL = (
    f"<script>alert(1)</script>\"'><img src=x onerror=alert(2)> [go](javascript:alert(3)) {BIDI}dcb"
)
PLAIN_EVIL = EVIL.replace("'", "")
DEFINITION = f"""---
name: 'evil'
version: '{PLAIN_EVIL}'
description: '{PLAIN_EVIL}'
tools: ['Read', '{PLAIN_EVIL}']
model: '{PLAIN_EVIL}'
color: '{PLAIN_EVIL}'
escalation: '{PLAIN_EVIL}'
constitutional_compliance: required
'{PLAIN_EVIL}': '{PLAIN_EVIL}'
---

# Evil {EVIL}

{EVIL}

## Core Responsibilities
- {EVIL}

## Constitutional Integration
- **Test-First Development {EVIL}**: {EVIL}
- **Simplicity**: {EVIL}

## Escalation Protocol

### When to Escalate (invoke stuck agent)
- **Unclear {EVIL}** for anything

### Domain-Specific Escalation Triggers
- **A vs B {EVIL}**: {EVIL}

### No Fallbacks Rule
- NEVER add external dependencies without approval {EVIL}
- ALWAYS escalate {EVIL}

## Implementation Workflow
1. **First {EVIL}**: {EVIL}

## Integration Coordination
- **With {EVIL}**: hand over {EVIL}
- **With other-agent**: {EVIL}

## Quality Standards
- Answers under 200ms {EVIL}
"""
LAW = (
    acts.LAW.decode()
    .replace("Tests MUST be", f"Tests MUST {EVIL} be")
    .replace("### II. Simplicity", f"### II. Simplicity {EVIL}")
)
PATHS = f"agents/{PLAIN_EVIL[:90].replace('/', '-')}.md"
RUNS = ("href", "src", "action", "formaction", "xlink:href", "data", "poster", "hx-get", "hx-post")


class Watcher(HTMLParser):
    """Notes what a browser would run, load or show the wrong way round."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.seen: list[str] = []
        self.inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"script", "style", "textarea", "title"}:
            self.inside.append(tag)
        for name, value in attrs:
            said = (value or "").strip().lower()
            if name.startswith("on"):
                self.seen.append(f"<{tag} {name}={value!r}>")
            if name in RUNS and said.startswith(("javascript:", "data:text", "vbscript:")):
                self.seen.append(f"<{tag} {name}={value!r}>")
            if name == "src" and said == "x":
                self.seen.append(f"<{tag} src=x>")

    def handle_endtag(self, tag: str) -> None:
        if self.inside and tag == self.inside[-1]:
            self.inside.pop()

    def handle_data(self, data: str) -> None:
        if "script" in self.inside and "alert(1)" in data:
            self.seen.append("a script")
        if BIDI in data and "textarea" not in self.inside:
            self.seen.append(f"hidden: {data.strip()[:120]!r}")


@pytest.fixture
def world() -> SimpleNamespace:
    now = timezone.now()
    owner = UserFactory(roles=[Role.OWNER], name="Olivia <script>alert(1)</script>")
    approver = UserFactory(roles=[Role.APPROVER], name="Adam '\"><img src=x>")
    team = Team.objects.create(name=f"Team {EVIL}"[:80], slug="team")
    made_law = law.import_constitution(raw=LAW.encode(), by=owner, at=now)
    acts.ratify(at=now)
    family = f"Fam {EVIL}"[:110]
    run = import_many(
        files=[
            Incoming(PATHS, DEFINITION.encode()),
            Incoming(f"x/{PATHS}", b"no front matter " + EVIL.encode()),
            Incoming("refused.md", b"", refused=f"Refused {EVIL}"),
        ],
        family=family,
        by=owner,
        at=now,
        source="api",
        name=EVIL,
    )
    acts.bring_in(owner, raw=acts.definition("calm"), at=now, family=family)
    agent = Agent.objects.get(slug="evil")
    agent.team = team
    agent.save()
    first = agent.versions.get()
    reviewing.submit_version(version_id=first.pk, by=owner, at=now)
    review = latest_review(first.subject)
    comment(review_id=review.pk, by=owner, text=EVIL, line=3, part=f"rule:{PLAIN_EVIL[:60]}"
            .replace(BIDI, ""), at=now)  # fmt: skip
    for voter in (approver, UserFactory(roles=[Role.APPROVER])):
        if latest_review(first.subject).status == "in_review":
            reviewing.vote(
                version_id=first.pk, by=voter, verdict="approve", comment=EVIL,
                seen_sha256=first.sha256, method="session", at=now,
            )  # fmt: skip
    judge(
        version_id=first.pk, principle="simplicity", verdict="fail", evidence=EVIL, line=3,
        by=approver, at=now,
    )  # fmt: skip
    ask_waiver(
        version_id=first.pk, principle="simplicity", reason=EVIL,
        expires_at=now + timedelta(days=9), by=owner, at=now,
    )  # fmt: skip
    rule = first.rules.last()
    judge_rule(
        agent_slug="evil",
        key=rule.key,
        rule_class="gated",
        mode="observe",
        matchers=[{"preset": "secrets"}],
        reason=EVIL,
        by=approver,
        at=now,
    )
    changed, _ = services.import_definition(
        raw=DEFINITION.replace("under 200ms", "under 300ms").replace("NEVER add", "Do add")
        .encode(),
        filename=PATHS, family="", by=owner, at=now,
        provenance={
            "repository": "javascript:alert(1)", "branch": EVIL, "commit": EVIL,
            "pull_request": "javascript:alert(1)", "author_name": EVIL,
        },
    )  # fmt: skip
    batch = open_batch(
        kind="baseline", version_ids=[changed.pk], title=EVIL, by=owner, at=now,
        family_id=agent.family_id,
    )  # fmt: skip
    releasing.break_glass(
        version_id=Agent.objects.get(slug="calm").versions.get().pk,
        environment="production", reason=EVIL, hours=3, by=approver, at=now,
    )  # fmt: skip
    releasing.suspend(slug="evil", reason=EVIL, by=owner, at=now)
    releasing.suspend(family=agent.family.slug, reason=EVIL, by=owner, at=now)
    return SimpleNamespace(
        owner=owner, approver=approver, run=run, batch=batch, law=made_law, family=agent.family,
        rule=rule, others=[one.slug for one in Agent.objects.all()],
    )  # fmt: skip


def addresses(world: SimpleNamespace) -> list[str]:
    evil, sequence = ["evil"], ["evil", 1]
    return [
        *(
            reverse(name)
            for name in (
                "inbox", "agents", "import-runs", "agents-import", "rules", "agent-new", "as-of",
                "batches", "batch-new", "families", "stale-approvals", "waivers",
                "review-policies", "constitution", "constitution-edit",
            )
        ),
        *(reverse(name, args=evil) for name in (
            "agent", "agent-rules", "agent-edit", "agent-ownership",
        )),
        *(reverse("agent", args=[slug]) for slug in world.others),
        reverse("agent-rule", args=["evil", world.rule.key]),
        *(reverse(name, args=[*sequence[:1], number]) for number in (1, 2) for name in (
            "agent-version", "agent-version-diff", "agent-version-matrix", "agent-version-release",
        )),
        f"{reverse('agent-version-diff', args=['evil', 2])}?view=inline",
        f"{reverse('agent-version', args=['evil', 1])}?line=3",
        reverse("import-run", args=[world.run.pk]),
        reverse("batch", args=[world.batch.pk]),
        *(reverse(name, args=[world.family.slug]) for name in ("family", "family-suspend")),
        f"{reverse('batch-new')}?kind=reaffirmation&family={world.family.slug}",
        *(reverse(name, args=[world.law.sequence]) for name in (
            "constitution-version", "constitution-diff", "constitution-report", "amendment-impact",
        )),
        reverse("admin:agents_agentversion_changelist"),
        reverse("admin:agents_suspension_changelist"),
        reverse("admin:agents_agent_changelist"),
    ]  # fmt: skip


def test_no_page_runs_loads_or_hides_what_a_definition_a_law_or_a_person_says(world):
    client, said = Client(), {}
    client.force_login(UserFactory(roles=[Role.ADMINISTRATOR, Role.AUDITOR]))
    for address in addresses(world):
        answer = client.get(address)
        assert answer.status_code == 200, address
        watcher = Watcher()
        watcher.feed(answer.content.decode())
        if watcher.seen:
            said[address] = watcher.seen[:4]
    assert said == {}, "\n".join(f"{where}: {seen}" for where, seen in said.items())


def test_what_leaves_for_a_spreadsheet_is_no_formula(world):
    client = Client()
    client.force_login(world.owner)
    for address in (reverse("family-csv", args=[world.family.slug]), reverse("as-of-csv")):
        cells = client.get(address).content.decode().split(",")
        assert not [cell for cell in cells if cell.lstrip('"').startswith(("=", "+", "@"))]


def test_the_watcher_sees_what_it_is_for():
    watcher = Watcher()
    watcher.feed(f"<p>{EVIL}</p><a href=' JavaScript:x'>x</a>")
    assert len(watcher.seen) >= 4

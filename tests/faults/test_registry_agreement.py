"""Whatever happened, all who say what may run say the same, now and looking back."""

import random
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from agents.batches.services import open_batch, vote_on_batch
from agents.compliance.forecast import touched_releases
from agents.ledger.guarding import Question, guard
from agents.models import Agent, AgentVersion, Release, Suspension
from agents.releasing import services as releasing
from agents.releasing.as_of import Row, as_of
from agents.releasing.bundle import _bundle, outline_of
from agents.resolving import resolve
from agents.reviewing import services as reviewing
from governance.base.errors import Refusal
from governance.constitution import services as law
from governance.people.models import Role, Runner, User
from governance.review.services import latest_review
from tests.agents import acts
from tests.factories import NOW, RunnerFactory, UserFactory

pytestmark = pytest.mark.django_db

PLACES = ("production", "staging")
SLUGS = ("first", "second")
STEPS = 25
SIMPLICITY = "\n## Constitutional Integration\n- **Simplicity**: The plainer one\n"
LAWS = (
    acts.LAW,
    acts.AMENDED,
    acts.LAW.replace(b"the plainer of two", b"the plainest of two"),
    acts.LAW.replace(b"SHOULD choose the plainer", b"MUST choose the plainer"),
    acts.LAW.replace(b"## Governance", b"### III. Honesty\nAgents MUST say it.\n\n## Governance"),
)
Answer = tuple[Any, ...]


class History:
    """Random acts of people at moments that only move on; what is refused did not happen."""

    def __init__(self, seed: int) -> None:
        self.random, self.now = random.Random(seed), NOW
        self.owner: User = UserFactory(roles=[Role.OWNER])
        self.approvers = [UserFactory(roles=[Role.APPROVER]) for _ in range(4)]
        self.runner: Runner = RunnerFactory(agents=["*"])
        self.happened: list[str] = []
        self.answers: list[tuple[datetime, dict[tuple[str, str], Answer]]] = []
        self.of_etag: dict[str, Answer] = {}
        self.of_bundle: dict[str, Any] = {}

    def step(self) -> None:
        self.now = self._next_moment()
        act = self.random.choice(
            [
                self.bring_in, self.approve, self.approve, self.release, self.release, self.amend,
                self.roll_back, self.suspend, self.lift, self.break_glass, self.affirm, self.wait,
            ]
        )  # fmt: skip
        with suppress(Refusal), transaction.atomic():
            act()
            self.happened.append(f"{act.__name__} at {self.now}")

    def _next_moment(self) -> datetime:
        """Often exactly the moment at which something ends by itself."""
        ends = [
            *Release.objects.filter(expires_at__gt=self.now).values_list("expires_at", flat=True),
            *touched_releases()
            .filter(grace_until__gt=self.now)
            .values_list("grace_until", flat=True),
        ]
        if ends and self.random.random() < 0.3:
            return min(ends)
        return self.now + timedelta(seconds=self.random.choice([1, 600, 7200, 90_000, 600_000]))

    def _version(self) -> AgentVersion:
        found = list(AgentVersion.objects.filter(agent__slug=self.random.choice(SLUGS)))
        return self.random.choice(found) if found else self.bring_in()

    def wait(self) -> None:
        """Nothing happens but time."""

    def bring_in(self) -> AgentVersion:
        slug = self.random.choice(SLUGS)
        raw = acts.definition(slug, f"\nNote {self.random.randrange(3)}.\n")
        if slug == "second":
            raw = raw.replace(b"constitutional_compliance: required\n", b"") + SIMPLICITY.encode()
        return acts.bring_in(self.owner, raw=raw, at=self.now)

    def approve(self) -> None:
        version = self._version()
        review = reviewing.submit_version(
            version_id=version.pk,
            by=self.owner,
            at=self.now,
            environment=self.random.choice([None, None, *PLACES]),
        )
        for voter in self.approvers[: review.required_votes]:
            acts.say(version, voter, at=self.now)

    def release(self) -> None:
        releasing.release(
            version_id=self._version().pk,
            environment=self.random.choice(PLACES),
            by=self.approvers[0],
            at=self.now,
        )

    def roll_back(self) -> None:
        version = self._version()
        releasing.roll_back(
            slug=version.agent.slug,
            environment=self.random.choice(PLACES),
            sequence=version.sequence,
            reason="Back.",
            by=self.approvers[0],
            at=self.now,
        )

    def suspend(self) -> None:
        version = self._version()
        what: dict[str, Any] = self.random.choice(
            [
                {"slug": version.agent.slug},
                {"slug": version.agent.slug, "sequence": version.sequence},
                {"family": version.agent.family.slug},
            ]
        )
        releasing.suspend(**what, reason="It loops.", by=self.owner, at=self.now)

    def lift(self) -> None:
        for one in Suspension.objects.filter(lifted_at=None):
            releasing.lift(suspension_id=one.pk, by=self.owner, at=self.now)

    def break_glass(self) -> None:
        releasing.break_glass(
            version_id=self._version().pk,
            environment=self.random.choice(PLACES),
            reason="The payment service is down since nine.",
            hours=self.random.randint(1, 24),
            by=self.approvers[0],
            at=self.now,
        )

    def amend(self) -> None:
        version = law.import_constitution(raw=self.random.choice(LAWS), by=self.owner, at=self.now)
        review = law.submit_version(
            version_id=version.pk, by=self.owner, at=self.now, override_reason="As the test says."
        )
        for voter in self.approvers[: review.required_votes]:
            law.vote(
                version_id=version.pk, by=voter, verdict="approve", comment="",
                seen_sha256=version.sha256, method="session", at=self.now,
            )  # fmt: skip

    def affirm(self) -> None:
        touched = [*dict.fromkeys(touched_releases().values_list("version", flat=True))]
        batch = open_batch(
            kind="reaffirmation", version_ids=touched, title="", by=self.owner, at=self.now
        )
        review = latest_review(batch.subject)
        assert review
        for voter in self.approvers[: review.required_votes]:
            vote_on_batch(
                batch_id=batch.pk, by=voter, verdict="approve", comment="",
                seen_sha256=batch.sha256, method="session", at=self.now,
            )  # fmt: skip

    # --- what everybody says -----------------------------------------------------------------

    def ask_everybody(self) -> None:
        known = list(Agent.objects.values_list("slug", flat=True))
        told = {}
        for place in PLACES:
            past = self._looked_back(place, self.now)
            for slug in known:
                told[slug, place] = self._agreed(slug, place, past.get(slug, ()))
        self.answers.append((self.now, told))
        for place in PLACES:
            self._compare_bundle(place, told)

    def _agreed(self, slug: str, place: str, past: Answer) -> Answer:
        resolved = self._resolved(slug, place)
        assert past in (resolved, ()), self.happened
        assert past or resolved[0] == "refused", self.happened
        guarded = guard(
            question=Question(slug, place, "run", "instance", "read"),
            runner=self.runner,
            at=self.now,
        )
        refused = resolved[0] == "refused"
        assert (guarded.standing is None) == refused, self.happened
        assert not refused or guarded.code in {resolved[1], "not_released"}, self.happened
        self._compare_forecast(slug, place, resolved)
        return resolved

    def _resolved(self, slug: str, place: str) -> Answer:
        try:
            found = resolve(slug=slug, environment=place, principal=self.runner, at=self.now)
        except Refusal as refusal:
            return ("refused", refusal.code)
        standing = found.standing
        under = standing.approved_under
        answer = ("runs", standing.sha256, under, standing.stale_since, standing.grace_until)
        whole = (*answer, standing.approval, standing.constitution_sha256)
        assert self.of_etag.setdefault(standing.etag, whole) == whole, self.happened
        return answer

    def _looked_back(self, place: str, at: datetime) -> dict[str, Answer]:
        """What the page about the past says of each agent that it knows a release of."""
        past = as_of(environment=place, at=at, principal=self.runner)
        return {row.release.agent.slug: self._told_by(row) for row in past.rows}

    def _told_by(self, row: Row) -> Answer:
        if row.code:
            return ("refused", row.code)
        under = row.approval.constitution_sha256 if row.approval else None
        sha256 = row.release.version.sha256
        return ("runs", sha256, under, row.stale_since, row.grace_until)

    def _compare_forecast(self, slug: str, place: str, resolved: Answer) -> None:
        found = touched_releases().filter(agent__slug=slug, environment__slug=place).first()
        is_touched = resolved == ("refused", "stale") or (resolved[0] == "runs" and resolved[3])
        if resolved[:2] != ("refused", "no_constitution"):
            assert (found is not None) == bool(is_touched), self.happened
        if found is not None:
            has_stopped = self.now >= found.grace_until
            assert has_stopped == (resolved == ("refused", "stale")), self.happened

    def _compare_bundle(self, place: str, told: dict[tuple[str, str], Answer]) -> None:
        outline = outline_of(environment=place, principal=self.runner, at=self.now)
        bundle = _bundle(outline)
        running = {one["slug"]: one["sha256"] for one in bundle["agents"]}
        expected = {
            slug: answer[1] for (slug, where), answer in told.items()
            if where == place and answer[0] == "runs"
        }  # fmt: skip
        assert running == expected, self.happened
        stopped = {one["slug"] for one in bundle["revocations"]}
        assert stopped == {slug for slug, where in told if where == place} - set(running)
        for name in ("issued_at", "expires_at", "serial"):
            del bundle[name]
        assert self.of_bundle.setdefault(outline.etag, bundle) == bundle, self.happened

    def compare_with_the_past(self) -> None:
        """Later acts do not change what ran then."""
        for at, told in self.answers:
            past = {place: self._looked_back(place, at) for place in PLACES}
            for (slug, place), answer in told.items():
                then = past[place].get(slug, ())
                assert then in (answer, ()), (at, self.happened)
                assert then or answer[0] == "refused", (at, self.happened)


@pytest.mark.parametrize("seed", range(6))
def test_resolve_guard_bundle_forecast_and_the_past_agree_at_every_moment(seed):
    history = History(seed)
    acts.ratify()
    for _ in range(STEPS):
        history.step()
        history.ask_everybody()
    history.compare_with_the_past()

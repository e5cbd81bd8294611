"""What could run at a moment is what resolve answered then, for random histories."""

import json
from contextlib import suppress
from datetime import timedelta
from random import Random
from typing import Any

import jwt
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from jwt.algorithms import OKPAlgorithm

from agents.models import Agent, Suspension
from agents.releasing import services
from agents.releasing.as_of import AsOf, as_of
from agents.releasing.exports import csv_of, report_of, signed_report
from agents.resolving import resolve
from agents.reviewing.services import submit_version
from governance.audit.receipts import jwks
from governance.base.canonical import digest_of
from governance.base.errors import NotThere, Refusal
from governance.constitution.services import current
from governance.people.models import Role, User
from tests.agents import acts
from tests.factories import NOW, RunnerFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = timedelta(hours=1)
WHY = "Production is down and this version mends it."
SLUGS = ("worker", "helper")
PLACES = ("production", "staging")


def reader() -> User:
    return UserFactory(roles=[Role.AUDITOR])


def look(at=NOW, environment: str = "production", by: Any = None) -> AsOf:
    return as_of(environment=environment, at=at, principal=by or reader())


def answers(found: AsOf) -> dict[str, tuple[Any, ...]]:
    """By agent: the version and constitution that ran, or the code of the refusal."""
    law = found.law.sha256 if found.law else ""
    return {
        row.release.agent.slug: (row.release.version.sequence, law) if row.runs else (row.code,)
        for row in found.rows
    }


def resolved(slug: str, environment: str, by: Any, at) -> tuple[Any, ...]:
    try:
        found = resolve(slug=slug, environment=environment, principal=by, at=at)
    except Refusal as refusal:
        return (refusal.code,)
    return found.standing.sequence, found.standing.constitution_sha256


class History:
    """Random acts on a portal, an hour apart, and what resolve answered after each."""

    def __init__(self) -> None:
        self.people = [acts.owner(), acts.owner()]
        self.approvers = [acts.approver(), acts.approver()]
        self.reader = reader()
        self.at = NOW
        self.laws = 0
        self.texts = dict.fromkeys(SLUGS, 0)
        self.seen: list[tuple[Any, str, dict[str, tuple[Any, ...]]]] = []

    def play(self, step: tuple[str, int, int, int]) -> None:
        kind, who, which, length = step
        self.at += HOUR * length
        with suppress(Refusal):
            getattr(self, kind)(SLUGS[which % 2], PLACES[which // 2 % 2], which, who)
        for environment in PLACES:
            self.seen.append((self.at, environment, self.answered(environment)))

    def answered(self, environment: str) -> dict[str, tuple[Any, ...]]:
        found = {slug: resolved(slug, environment, self.reader, self.at) for slug in SLUGS}
        released = Agent.objects.filter(releases__environment__slug=environment)
        known = set(released.values_list("slug", flat=True))
        return {slug: answer for slug, answer in found.items() if slug in known}

    def _newest(self, slug: str) -> Any:
        return Agent.objects.get(slug=slug).versions.order_by("-sequence").first()

    def bring(self, slug: str, environment: str, which: int, who: int) -> None:
        self.texts[slug] += 1
        raw = acts.definition(slug, f"\nNote {self.texts[slug]}.\n")
        acts.bring_in(self.people[who % 2], raw=raw, at=self.at)

    def approve(self, slug: str, environment: str, which: int, who: int) -> None:
        version = self._newest(slug)
        submit_version(version_id=version.pk, by=self.people[who % 2], at=self.at)
        acts.say(version, self.approvers[who % 2], at=self.at)

    def release(self, slug: str, environment: str, which: int, who: int) -> None:
        services.release(
            version_id=self._newest(slug).pk,
            environment=environment,
            by=self.people[0],
            at=self.at,
        )

    def ready(self, *step: Any) -> None:
        for part in (self.bring, self.approve, self.release):
            part(*step)

    def roll_back(self, slug: str, environment: str, which: int, who: int) -> None:
        services.roll_back(
            slug=slug,
            environment=environment,
            sequence=who + 1,
            reason="odd",
            by=self.people[0],
            at=self.at,
        )

    def suspend(self, slug: str, environment: str, which: int, who: int) -> None:
        what: dict[str, Any] = [
            {"slug": slug},
            {"slug": slug, "sequence": 1},
            {"family": "sample"},
        ][who % 3]
        services.suspend(**what, reason="odd", by=self.people[0], at=self.at)

    def lift(self, slug: str, environment: str, which: int, who: int) -> None:
        for suspension in Suspension.objects.filter(lifted_at=None):
            services.lift(suspension_id=suspension.pk, by=self.people[0], at=self.at)

    def break_glass(self, slug: str, environment: str, which: int, who: int) -> None:
        services.break_glass(
            version_id=self._newest(slug).pk,
            environment=environment,
            reason=WHY,
            hours=who + 1,
            by=self.approvers[0],
            at=self.at,
        )

    def ratify(self, slug: str, environment: str, which: int, who: int) -> None:
        self.laws += 1
        text = acts.LAW.replace(b"1.0.0", f"{self.laws}.0.0".encode())
        changed = (b"Tests MUST", f"In year {self.laws} tests MUST".encode())
        acts.ratify(text.replace(*changed) if self.laws > 1 else text, at=self.at)

    def wait(self, slug: str, environment: str, which: int, who: int) -> None:
        self.at += timedelta(days=5 * who)


ACTS = (
    "ready", "ready", "ready", "bring", "approve", "release", "roll_back", "roll_back", "suspend",
    "lift", "break_glass", "break_glass", "ratify", "wait",
)  # fmt: skip


@pytest.mark.parametrize("seed", range(10))
def test_each_moment_of_a_random_history_is_what_resolve_answered_then(seed):
    dice, history = Random(seed), History()
    history.ratify("", "", 0, 0)
    for slug in SLUGS:
        acts.bring_in(history.people[0], raw=acts.definition(slug), at=history.at)
    for _ in range(24):
        history.play((dice.choice(ACTS), dice.randrange(4), dice.randrange(4), dice.randint(1, 3)))
    for at, environment, answered in history.seen:
        assert answers(look(at, environment, history.reader)) == answered, (at, environment)
    assert len({str(answered) for _, _, answered in history.seen}) > 4


def test_the_whole_life_of_a_release_is_told():
    acts.ratify()
    first = acts.put_into_production(at=NOW)
    suspension = services.suspend(slug="worker", reason="It loops.", by=acts.owner(), at=NOW + HOUR)
    services.lift(suspension_id=suspension.pk, by=acts.owner(), at=NOW + 2 * HOUR)
    draft = acts.bring_in(raw=acts.definition(more="\nBe brief.\n"), at=NOW + 2 * HOUR)
    services.break_glass(
        version_id=draft.pk,
        environment="production",
        reason=WHY,
        hours=2,
        by=acts.approver(),
        at=NOW + 3 * HOUR,
    )
    told = [answers(look(NOW + hours * HOUR)).get("worker") for hours in range(-1, 6)]
    law = current().sha256
    halted, ended = ("suspended",), ("glass_expired",)
    assert told == [None, (1, law), halted, (1, law), (2, law), (2, law), ended]
    row = look(NOW + HOUR).rows[0]
    assert row.reason == "Suspended: It loops."
    assert [vote.voter for vote in row.approvers] == [first.review.votes.get().voter]
    assert row.judged_under.sha256 == law
    emergency = look(NOW + 3 * HOUR).rows[0]
    assert (emergency.approvers, emergency.until) == ((), NOW + 5 * HOUR)


def test_the_cost_does_not_grow_with_the_agents():
    acts.ratify()
    person = reader()

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            report_of(look(by=person))
        return len(queries)

    acts.put_into_production(acts.bring_in(raw=acts.definition("first")))
    one = cost()
    for number in range(4):
        acts.put_into_production(acts.bring_in(raw=acts.definition(f"more-{number}")))
    assert cost() == one <= 8


def test_a_runner_sees_its_own_agents_only_and_nobody_an_unknown_place():
    acts.put_into_production()
    assert look(by=RunnerFactory(agents=["worker"])).rows
    assert not look(by=RunnerFactory(agents=["other"])).rows
    with pytest.raises(NotThere):
        look(environment="moon")


def test_the_report_is_signed_and_a_changed_one_shows():
    acts.put_into_production()
    person = reader()
    said = json.loads(json.dumps(signed_report(look(), reader=person, at=NOW)))
    key: Any = OKPAlgorithm.from_jwk(jwks()["keys"][0])
    claims = jwt.decode(
        said["signature"], key, ["EdDSA"], audience=person.subject, options={"verify_iat": False}
    )
    assert claims["report_sha256"] == digest_of(said["report"])
    said["report"]["agents"][0]["runs"] = False
    assert claims["report_sha256"] != digest_of(said["report"])


def test_a_spreadsheet_takes_no_text_for_a_formula():
    acts.put_into_production()
    services.suspend(slug="worker", reason="odd", by=acts.owner(), at=NOW)
    found = look()
    row = found.rows[0]
    row.release.released_by.name = "=HYPERLINK(1)"
    assert ",'=HYPERLINK(1)," in csv_of(found)
    assert ",no,Suspended: odd," in csv_of(found)

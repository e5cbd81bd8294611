"""What an amendment does to agents: told before it is ratified, and after."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.compliance.impact import Impact, impact_of
from agents.releasing.services import release
from governance.constitution import services as law
from governance.constitution.models import ConstitutionVersion
from governance.people.models import Role
from tests.agents import acts
from tests.agents.compliance.amendments import LATER, ratify_as_it_is
from tests.factories import NOW, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
SIMPLE = acts.definition("simple").replace(b"Test-First Development", b"Simplicity")
# Removes a principle that only some claim: MAJOR, and it touches only those.
WITHOUT = acts.LAW.replace(
    b"### II. Simplicity\nTeams SHOULD choose the plainer of two solutions.\n\n", b""
).replace(b"**Version**: 1.0.0", b"**Version**: 2.0.0")
WORDING = acts.LAW.replace(b"before the code that they test", b"before the code they test").replace(
    b"**Version**: 1.0.0", b"**Version**: 1.0.1"
)


def draft(raw: bytes) -> ConstitutionVersion:
    return law.import_constitution(raw=raw, by=acts.owner(), at=NOW)


def names(impact: Impact) -> tuple[list[str], list[str]]:
    """The agents that run on touched approvals, and those whose approval is idle."""
    return (
        [one.version.agent.slug for one in impact.running],
        [one.version.agent.slug for one in impact.idle],
    )


@pytest.fixture
def family():
    """One claims what goes, one does not; a third claims it and runs nowhere."""
    acts.ratify()
    simple = acts.put_into_production(acts.bring_in(raw=SIMPLE))
    acts.put_into_production(acts.bring_in(raw=acts.definition("tester")))
    acts.approve(acts.bring_in(raw=SIMPLE.replace(b"name: simple", b"name: idle")))
    return simple


def test_a_draft_is_judged_as_if_it_were_ratified_now(family):
    release(version_id=family.version_id, environment="staging", by=acts.owner(), at=NOW)
    impact = impact_of(draft(WITHOUT), at=NOW)
    assert names(impact) == (["simple"], ["idle"])
    assert (impact.reach.level, impact.reach.touches_all) == ("major", False)
    assert impact.reach.stops_at == NOW + settings.AMENDMENT_GRACE
    assert [r.environment.slug for r in impact.running[0].releases] == ["production", "staging"]
    assert impact.running[0].why == "claims Simplicity"
    assert [claim.version.agent.slug for claim in impact.claims] == ["idle", "simple"]


def test_wording_touches_no_approval(family):
    impact = impact_of(draft(WORDING), at=NOW)
    assert names(impact) == ([], [])
    assert (impact.reach.level, impact.reach.stops_at) == ("patch", None)
    assert [claim.version.agent.slug for claim in impact.claims] == ["tester"]


def test_a_change_of_what_binds_everybody_touches_everybody(family):
    impact = impact_of(draft(acts.AMENDED), at=NOW)
    assert names(impact) == (["simple", "tester"], ["idle"])
    assert "binds everybody" in impact.running[0].why


def test_a_ratified_one_tells_what_it_touched_and_when_that_stops(family):
    made = ratify_as_it_is(WITHOUT, at=LATER)
    impact = impact_of(made.version, at=LATER + timedelta(days=3))
    assert names(impact) == (["simple"], ["idle"])
    assert impact.reach.stops_at == made.grace_until
    assert impact.reach.ratification == made


def test_what_is_affirmed_again_is_touched_no_more(family):
    made = ratify_as_it_is(WITHOUT, at=LATER)
    acts.approve(family.version, at=LATER)
    assert names(impact_of(made.version, at=LATER)) == ([], ["idle"])


def test_the_forecast_of_a_draft_is_what_its_ratification_does(family):
    before = impact_of(draft(WITHOUT), at=LATER)
    after = impact_of(ratify_as_it_is(WITHOUT, at=LATER).version, at=LATER)
    assert names(before) == names(after)
    assert (before.reach.level, before.reach.stops_at) == (after.reach.level, after.reach.stops_at)


def test_rules_that_name_the_principle_are_listed():
    acts.ratify()
    more = b"## No Fallbacks\n- NEVER give up Simplicity for speed\n"
    acts.put_into_production(acts.bring_in(raw=SIMPLE + b"\n" + more))
    impact = impact_of(draft(WITHOUT), at=NOW)
    assert [rule.text for rule in impact.rules] == ["NEVER give up Simplicity for speed"]


def test_the_first_law_touches_what_was_approved_without_one():
    raw = acts.definition().replace(b"constitutional_compliance: required\n", b"")
    version = acts.bring_in(raw=raw)
    acts.approve(version)
    release(version_id=version.pk, environment="production", by=acts.owner(), at=NOW)
    assert names(impact_of(draft(acts.LAW), at=NOW)) == (["worker"], [])


def test_it_costs_the_same_for_few_and_for_many(family):
    version = draft(WITHOUT)
    counts = []
    for number in range(2):
        with CaptureQueriesContext(connection) as queries:
            assert [one.version.agent.owner.name for one in impact_of(version, at=NOW).approvals]
        counts.append(len(queries))
        raw = SIMPLE.replace(b"name: simple", b"name: more-%d" % number)
        acts.put_into_production(acts.bring_in(raw=raw))
    assert counts[0] == counts[1]


def test_people_read_it_and_runners_do_not(client, family):
    version = draft(WITHOUT)
    page, api = (
        f"{at}constitution/versions/{version.sequence}/impact/" for at in ("/", "/api/v1/")
    )
    client.force_login(UserFactory(roles=[Role.AUDITOR]))
    text = " ".join(client.get(page).content.decode().split())
    assert "1 approval that agents run on would stop on" in text
    body = client.get(api).json()
    assert (body["level"], body["ratified"], body["touched"]) == ("major", False, ["simplicity"])
    assert [(one["agent"], one["environments"]) for one in body["approvals"]] == [
        ("idle", []),
        ("simple", ["production"]),
    ]

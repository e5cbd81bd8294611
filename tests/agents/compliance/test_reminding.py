"""People are asked to affirm touched approvals again; the forecast says what stops when."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.compliance.forecast import families, forecast, of_agent
from agents.compliance.reminding import remind_stale
from agents.compliance.services import ask_waiver
from agents.models import Release
from agents.releasing.services import lift, release, suspend
from agents.tasks import remind
from governance.asking.links import link_for
from governance.asking.mail import message_of
from governance.asking.models import Ask, Notification, Policy
from governance.asking.sweep import sweep
from governance.audit.models import AuditEvent
from governance.people.models import Role
from governance.review.models import Review
from tests.agents import acts
from tests.agents.compliance.amendments import GRACE, LATER, amend
from tests.factories import NOW, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
CLAIMED = "test-first"


def asks() -> list[Ask]:
    return list(Ask.objects.open().filter(subject__startswith="stale:").order_by("subject"))


def run_family(family: str, *names: str) -> list[Release]:
    return [
        acts.put_into_production(acts.bring_in(raw=acts.definition(name), family=family))
        for name in names
    ]


def test_one_question_for_each_amendment_and_family():
    run_family("shop", "one", "two")
    run_family("bank", "three")
    amended = amend(touched=(CLAIMED,))
    assert remind_stale(at=LATER) == 2
    assert [(ask.subject, ask.title) for ask in asks()] == [
        (f"stale:{amended.pk}:bank", "1 approval of bank stops on 17 March"),
        (f"stale:{amended.pk}:shop", "2 approvals of shop stop on 17 March"),
    ]
    assert asks()[1].about == "Runners are refused from then on: one, two."
    assert asks()[1].path == "/agents/stale/?family=shop"


def test_asking_again_changes_nothing():
    run_family("shop", "one")
    amend(touches_all=True)
    remind_stale(at=LATER)
    before = AuditEvent.objects.count()
    assert remind_stale(at=LATER) == 0
    assert (len(asks()), AuditEvent.objects.count()) == (1, before)


@pytest.mark.parametrize("reach", [{"level": "patch"}, {"touched": ("simplicity",)}])
def test_nobody_is_asked_about_what_is_not_touched(reach):
    run_family("shop", "one")
    amend(**reach)
    assert remind_stale(at=LATER) == 0


def test_two_reminders_at_once_ask_one_question():
    run_family("shop", "one")
    amend(touches_all=True)
    together = threading.Barrier(2)

    def act() -> None:
        together.wait()
        try:
            remind_stale(at=LATER)
        finally:
            connection.close()

    threads = [threading.Thread(target=act) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(asks()) == 1


def test_it_stays_open_after_the_stop_and_decides_nothing():
    run_family("shop", "one")
    amend(touches_all=True)
    remind_stale(at=LATER)
    long_after = LATER + 10 * GRACE
    remind_stale(at=long_after)
    assert [ask.title for ask in asks()] == ["1 approval of shop stopped on 17 March"]
    assert Review.objects.filter(subject__startswith="agent_version:").count() == 1


def affirm(release: Release) -> None:
    acts.approve(release.version, at=LATER)


def replace(made: Release) -> None:
    newer = acts.bring_in(raw=acts.definition(made.agent.slug, more="x"), family="shop", at=LATER)
    acts.put_into_production(newer, at=LATER)


def halt(made: Release) -> None:
    suspend(slug=made.agent.slug, reason="Not now.", by=acts.owner(), at=LATER)


@pytest.mark.parametrize("settle", [affirm, replace, halt])
def test_it_closes_when_nothing_is_left(settle):
    one, two = run_family("shop", "one", "two")
    amend(touches_all=True)
    remind_stale(at=LATER)
    settle(one)
    remind_stale(at=LATER)
    assert [ask.title for ask in asks()] == ["1 approval of shop stops on 17 March"]
    settle(two)
    remind_stale(at=LATER)
    assert asks() == []
    assert Ask.objects.get(subject__startswith="stale:").closed_because == "nothing_left"


def test_a_lifted_suspension_is_asked_about_again():
    run_family("shop", "one")
    suspension = suspend(slug="one", reason="Not now.", by=acts.owner(), at=NOW)
    amend(touches_all=True)
    assert remind_stale(at=LATER) == 0
    lift(suspension_id=suspension.pk, by=acts.owner(), at=LATER)
    assert remind_stale(at=LATER) == 1


def test_owners_and_approvers_get_mail_that_says_what_stops_when():
    owner, approver = acts.owner(), acts.approver()
    acts.put_into_production(acts.bring_in(owner, family="shop"))
    amend(touches_all=True)
    remind_stale(at=LATER)
    for _ in range(2):
        sweep(at=LATER)
    ask = asks()[0]
    told = set(Notification.objects.filter(ask=ask).values_list("recipient", flat=True))
    assert {owner.pk, approver.pk} <= told
    notice = Notification.objects.filter(ask=ask, recipient=owner).get()
    mail = message_of(notice, link_for(ask=ask, recipient=owner, at=LATER))
    assert "1 approval of shop stops on 17 March" in str(mail.subject)
    assert "Runners are refused from then on: worker." in str(mail.body)
    assert "A new version waits" not in str(mail.body)


def test_without_its_policy_the_usual_one_asks():
    Policy.objects.filter(slug="stale-approvals").delete()
    run_family("shop", "one")
    amend(touches_all=True)
    remind_stale(at=LATER)
    assert asks()[0].policy_name == "Reviews of versions"


def test_a_waiver_that_ran_out_ungranted_is_asked_about_no_more():
    acts.ratify()
    version = acts.bring_in()
    waiver = ask_waiver(
        version_id=version.pk, principle=CLAIMED, reason="Later.", by=acts.owner(), at=NOW,
        expires_at=NOW + timedelta(days=3),
    )  # fmt: skip
    assert remind_stale(at=LATER) == 0
    remind_stale(at=waiver.expires_at)
    assert Ask.objects.get(subject=waiver.subject).closed_because == "expired"


def test_the_task_asks_by_the_clock():
    run_family("shop", "one")
    amend(touches_all=True)
    remind()
    assert "stopped on 17 March" in asks()[0].title


# --- the forecast ---------------------------------------------------------------------------


def test_the_forecast_lists_what_stops_first_and_where():
    one, two = run_family("shop", "one", "two")
    release(version_id=one.version_id, environment="staging", by=acts.owner(), at=NOW)
    amend(1, touched=(CLAIMED,))
    acts.approve(two.version, at=LATER)
    amend(2, touched=(CLAIMED,), grace=timedelta(days=3))
    found = forecast({}, at=LATER)
    rows = [(row.release.agent.slug, row.release.environment.slug) for row in found["rows"]]
    assert sorted(rows) == [("one", "production"), ("one", "staging"), ("two", "production")]
    assert {row.stops_at for row in found["rows"]} == {LATER + timedelta(days=3)}
    assert [(one.name, one.count) for one in found["families"]] == [("shop", 2)]


def test_pages_of_the_forecast_meet_without_gap_or_overlap(monkeypatch):
    monkeypatch.setattr("agents.compliance.forecast.PER_PAGE", 2)
    run_family("shop", "one", "two", "three")
    amend(touches_all=True)
    first = forecast({"family": "shop"}, at=LATER)
    query = dict(part.split("=") for part in first["next"].split("?")[1].split("&"))
    query = {name: value.replace("%3A", ":").replace("%2B", "+").replace("%7E", "~")
             for name, value in query.items()}  # fmt: skip
    second = forecast(query, at=LATER)
    slugs = [row.release.agent.slug for row in (*first["rows"], *second["rows"])]
    assert sorted(slugs) == ["one", "three", "two"]
    assert second["next"] == ""


@pytest.mark.parametrize("after", ["", "x", "2026-03-17~1", "2026-13-45T00:00:00+00:00~1", "~"])
def test_an_odd_address_of_a_page_is_the_first_page(after):
    run_family("shop", "one")
    amend(touches_all=True)
    assert len(forecast({"after": after}, at=LATER)["rows"]) == 1


def test_the_forecast_costs_the_same_for_few_and_for_many():
    run_family("shop", "one")
    amend(touches_all=True)
    counts = []
    for more in range(2):
        with CaptureQueriesContext(connection) as queries:
            found = forecast({}, at=LATER)
            assert [str(row.release.agent.owner) for row in found["rows"]]
        counts.append(len(queries))
        newer = acts.bring_in(raw=acts.definition(f"more-{more}"), family="shop")
        acts.approve(newer, at=LATER)
        Release.objects.create(
            agent=newer.agent,
            environment=Release.objects.latest("id").environment,
            version=newer,
            review=newer.review_bases.get().review,
            released_by=acts.owner(),
            at=LATER,
        )
    assert counts == [3, 3]


def test_an_agent_says_what_of_it_stops():
    made = run_family("shop", "one", "two")[0]
    amend(touches_all=True)
    found = of_agent(made.agent_id, at=LATER + GRACE)
    assert [(one.release.pk, one.has_stopped, one.is_asked) for one in found] == [
        (made.pk, True, False)
    ]


def test_families_are_the_most_urgent_first():
    run_family("shop", "one")
    amend(1, touched=(CLAIMED,))
    assert [one.slug for one in families(at=LATER)] == ["shop"]


# --- pages ----------------------------------------------------------------------------------


def text_of(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def test_the_pages_warn_and_link_to_the_vote(client):
    run_family("shop", "one")
    amend(touches_all=True)
    client.force_login(UserFactory(roles=[Role.OWNER]))
    assert "Approvals stop" in text_of(client.get("/agents/"))
    assert "refused since" in text_of(client.get("/agents/one/"))
    page = text_of(client.get("/agents/stale/"))
    assert "/batches/new/?kind=reaffirmation&amp;family=shop" in page
    assert "Refused" in page


def test_the_pages_say_nothing_where_nothing_stops(client):
    run_family("shop", "one")
    client.force_login(UserFactory(roles=[Role.OWNER]))
    assert "Approvals stop" not in text_of(client.get("/agents/"))
    assert "Nothing stops" in text_of(client.get("/agents/stale/"))

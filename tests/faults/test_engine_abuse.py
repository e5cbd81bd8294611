"""The engine attacked: eyes, proofs, permits, silence, and hostile words."""

import subprocess
import sys
from datetime import timedelta

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.core import mail as outgoing
from django.db import connection
from django.test import Client
from django.utils import timezone
from psycopg import sql

from agents.ledger.matchers import read_matchers
from agents.ledger.scoping import read_pattern
from agents.models import Permit
from escalations.acting import report_outcome, revoke
from escalations.models import Ballot, Escalation, Status
from escalations.precedents.standing import answer
from escalations.scopes import Scope
from governance.asking.dispatch import dispatch
from governance.asking.links import link_for, token_of, word_of
from governance.asking.models import Ask, PushSubscription
from governance.asking.reaching import Reach
from governance.asking.sweep import sweep
from governance.asking.together.snoozing import snooze_ask
from governance.audit.models import AuditEvent
from governance.base.errors import InvalidInput
from governance.people.models import Delegation, Membership, Role, Team
from governance.people.services import issue_key
from tests.asking.channels.test_webpush import AUTH, BROWSER
from tests.escalations.acts import ACT, agent, approve, approver, ask, rules_of, version
from tests.escalations.precedents.acts import again, source, stand
from tests.factories import NOW, RunnerFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = timedelta(hours=1)
LATER = NOW + timedelta(days=2)


def team(slug, *members):
    made = Team.objects.create(name=slug.title(), slug=slug)
    Membership.objects.bulk_create(Membership(team=made, user=user) for user in members)
    return made


def left_open(case):
    case.refresh_from_db()
    return case.status == Status.OPEN


# --- standing decisions


def of_the_team(ada, ops):
    """Ada of the team that may choose the option lets its decision stand."""
    authority = {"jwt": {"role": "", "team": ops.pk}}
    case = source(ada)
    Ask.objects.filter(subject=case.subject).update(
        rules={**Ask.objects.get(subject=case.subject).rules, "authorities": authority}
    )
    return stand(case, ada), authority


def test_a_standing_decision_ends_when_its_author_left_the_team_that_may_choose():
    ada = approver()
    ops = team("ops", ada)
    _, authority = of_the_team(ada, ops)
    assert answer(again("one", rules={"authorities": authority}), LATER)
    Membership.objects.all().delete()
    case = again("two", rules={"authorities": authority})
    assert answer(case, LATER) is None
    assert left_open(case)


def test_a_standing_decision_ends_when_the_policy_gives_its_option_to_others():
    ada = approver()
    _, _ = of_the_team(ada, team("ops", ada))
    law = team("law", approver())
    case = again("two", rules={"authorities": {"JWT": {"role": "", "team": law.pk}}})
    assert answer(case, LATER) is None


def broken(case, *, kept):
    line = {"constraint": "Sessions end after an hour", "kept": kept, "evidence": ""}
    report_outcome(
        escalation_id=case.pk,
        runner=case.runner,
        result="succeeded",
        summary="Done.",
        constraints=[line],
        at=NOW + HOUR,
    )


def test_a_standing_decision_ends_when_its_constraints_were_broken():
    ada = approver()
    case = source(ada)
    stand(case, ada)
    broken(case, kept=False)
    assert answer(again(), LATER) is None


def test_a_standing_decision_ends_when_a_constraint_was_broken_in_a_case_it_answered():
    ada = approver()
    stand(source(ada), ada)
    first = again("one")
    assert answer(first, LATER)
    broken(first, kept=False)
    assert answer(again("two"), LATER) is None


def test_a_standing_decision_goes_on_where_its_constraints_were_kept():
    ada = approver()
    case = source(ada)
    stand(case, ada)
    broken(case, kept=True)
    assert answer(again(), LATER)


def test_a_standing_decision_ends_when_people_took_back_a_permit_of_it():
    ada = approver()
    case = source(ada, action=ACT, said={"constraints": []})
    stand(case, ada)
    revoke(escalation_id=case.pk, by=approver(), reason="It harms.", at=NOW + HOUR)
    later = again(action=ACT)
    assert answer(later, LATER) is None
    assert not Permit.objects.filter(source=later.subject).exists()


# --- scopes


def permit_after(*scopes):
    case = rules_of(
        ask(action=ACT, risk="low", run="r1"),
        votes=len(scopes),
        permit_scopes=["uses", "until", "run", "pattern"],
    )
    for scope in scopes:
        approve(case, scope=scope, reason="Yes.")
    return Permit.objects.get(source=case.subject)


def test_once_until_a_time_ends_at_that_time():
    assert permit_after(Scope("once", until=NOW + HOUR)).use_before == NOW + HOUR


def test_deciders_who_differ_never_make_a_permit_longer_than_either_said():
    soon = NOW + HOUR
    permit = permit_after(Scope("until", until=soon), Scope("uses", uses=3, until=NOW + 3 * HOUR))
    assert (permit.scope, permit.most_uses, permit.use_before) == ("once", 1, soon)


@pytest.mark.parametrize(
    "pattern",
    [
        {"kind": ["*"]},
        {"target": ["*"]},
        {"paths": ["**"]},
        {"paths": ["*"]},
        {"target": ["**"]},
        {"kind": ["?*"]},
        {"command": {"program": ["*"]}},
        {"tool": ["*"]},
    ],
)
def test_a_pattern_that_bounds_nothing_is_refused(pattern):
    with pytest.raises(InvalidInput):
        read_pattern(pattern)


@pytest.mark.parametrize(
    "glob", ["a*" * 140 + "b", "**/a*b/" * 30 + "c", "**a*b" * 40, "**/a/" * 60, "*a?" * 80 + "b"]
)
@pytest.mark.parametrize("path", ["a" * 3000, "a/" * 1500, "ab/" * 1000])
def test_no_glob_takes_a_time_that_grows_with_its_wildcards(glob, path):
    """Measured in steps of the clock of the process: without the protection it never ends."""
    code = (
        "import re, sys; from agents.ledger.matching import path_pattern;"
        "re.compile(path_pattern(sys.argv[1])).fullmatch(sys.argv[2])"
    )
    subprocess.run([sys.executable, "-c", code, glob, path], timeout=20, check=True)


def test_a_wildcard_inside_a_name_is_not_repeated_for_ever():
    with pytest.raises(InvalidInput):
        read_matchers([{"paths": ["a**/" * 50 + "b"]}])
    assert read_matchers([{"paths": ["**/a**/b", "!**/c/**"]}])


# --- silence


def test_an_owner_who_gets_no_digest_is_told_of_a_quiet_question():
    owner = UserFactory(roles=[Role.OWNER])
    agent(owner=owner)
    case = ask(risk="low")
    asked = Ask.objects.get(subject=case.subject)
    asked.in_digest = True
    asked.owner_id = owner.pk
    asked.ladder = [
        {
            "position": 1,
            "audience": "owner",
            "role": "",
            "team": None,
            "person": None,
            "delay_s": 0,
            "repeat_s": 3600,
            "cap_s": 86400,
        }
    ]
    asked.save()
    for n in range(30):
        sweep(at=NOW + n * 24 * HOUR)
        dispatch(at=NOW + n * 24 * HOUR)
    assert [mail.to for mail in outgoing.outbox if mail.to == [owner.email]]


# --- follow up


def test_any_constraint_that_can_be_given_can_be_reported_as_broken():
    case = ask()
    lines = [f"{n} " + "x" * 9_000 for n in range(45)]
    approve(case, constraints=lines)
    case.refresh_from_db()
    report_outcome(
        escalation_id=case.pk,
        runner=case.runner,
        result="failed",
        summary="y" * 5000,
        constraints=[{"constraint": one, "kept": False, "evidence": "e" * 2000} for one in lines],
        at=NOW,
    )
    assert Escalation.objects.filter(follows_up=case).count() == 1


def test_a_browser_reaches_nobody_where_web_push_is_switched_off(settings):
    settings.VAPID_KEY = ""
    ada = approver()
    case = ask(risk="low")
    EmailAddress.objects.create(user=ada, email=ada.email, verified=False, primary=True)
    PushSubscription.objects.create(
        user=ada, endpoint="https://push.example.net/x", p256dh="a", auth="b", created_at=NOW
    )
    asked = Ask.objects.get(subject=case.subject)
    assert Reach([asked], at=NOW).of_step(asked, 0).told == []


# --- edges


def signed_in(user):
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/cases/rows/",
        "/precedents/",
        "/standing/",
        "/proposals/",
        "/insights/",
        "/absences/",
        "/cases/together/?case=1",
        "/history/",
        "/me/",
    ],
)
@pytest.mark.parametrize("value", ["%00", "a%00b", "9" * 40, "%F0%9F%98%80" * 300, "'", "%D9%A1"])
def test_hostile_words_in_an_address_are_never_an_error(path, value):
    user = UserFactory(roles=[Role.APPROVER, Role.AUDITOR])
    client = signed_in(user)
    names = [
        "q",
        "agent",
        "trigger",
        "principle",
        "verdict",
        "marked",
        "risk",
        "team",
        "who",
        "page",
        "before",
        "after",
        "case",
        "status",
        "policy",
        "since",
        "until",
        "scope",
        "environment",
        "liveness",
        "runner",
        "days",
        "kind",
        "actor",
        "stream",
        "cursor",
    ]
    for name in names:
        joint = "&" if "?" in path else "?"
        answer_ = client.get(f"{path}{joint}{name}={value}")
        assert answer_.status_code < 500, (path, name)


def api(runner):
    _, plain = issue_key(runner_id=runner.pk, by=runner.owner, at=NOW)
    return {"HTTP_AUTHORIZATION": f"Bearer {plain}"}


@pytest.mark.parametrize(
    "name", ["status", "agent", "project", "run", "settled", "idempotency_key", "cursor"]
)
@pytest.mark.parametrize("path", ["/api/v1/escalations/", "/api/v1/escalations/kept/"])
def test_a_nul_in_a_filter_is_a_refusal_and_no_error(path, name):
    runner = RunnerFactory(owner=UserFactory(roles=[Role.OWNER]))
    agent()
    with time_machine.travel(NOW, tick=False):
        answer_ = Client(raise_request_exception=False).get(f"{path}?{name}=a%00b", **api(runner))
    assert answer_.status_code < 500


def refusals_of(user):
    return [
        event
        for event in AuditEvent.objects.filter(kind="refused")
        if f"user:{user.pk}" in bytes(event.body).decode()
    ]


def test_a_vote_without_the_proof_that_is_asked_for_leaves_its_trace():
    ada = approver()
    case = rules_of(ask(), authentication="passkey")
    said = {"choice": "option:jwt", "seen_sha256": case.request_sha256, "level": "passkey"}
    response = signed_in(ada).post(f"/cases/{case.ref}/decide/", said)
    assert response.status_code in {302, 403}
    assert left_open(case)
    assert len(refusals_of(ada)) == 1


@pytest.mark.parametrize(
    "until", ["0001-01-01T00:00", "9999-12-31T23:59", "2026-03-29T02:30", "x", "", "1e9"]
)
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/Los_Angeles"])
@pytest.mark.parametrize("scope", ["until", "once"])
def test_no_moment_that_a_decider_writes_is_an_error(until, zone, scope):
    ada = approver(time_zone=zone)
    case = rules_of(
        ask(action=ACT, risk="low"),
        permit_scopes=["until"],
        authentication="signed_in",
        reason_required=False,
    )
    said = {
        "choice": f"option:{case.options.first().key}",
        "seen_sha256": case.request_sha256,
        "permit-scope": scope,
        "permit-until": until,
        "reason": "Yes.",
    }
    client = Client(raise_request_exception=False)
    client.force_login(ada)
    assert client.post(f"/cases/{case.ref}/decide/", said).status_code < 500


def test_the_lists_leave_out_the_case_of_ones_own_agent_and_decide_the_others():
    """46 once more, on the pages of several cases; a fingerprint of another case counts nothing."""
    ada = approver()
    own = RunnerFactory(owner=ada)
    mine, theirs, third = ask(own, run="1"), ask(run="2"), ask(run="3")
    key = Escalation.objects.get(pk=mine.pk).group_key
    picks = [
        f"{mine.pk}:{mine.request_sha256}",
        f"{theirs.pk}:{theirs.request_sha256}",
        f"{third.pk}:{'0' * 64}",
    ]
    said = {"case": picks, "choice": "option:jwt", "reason": "Yes.", "approach": ""}
    for case in (mine, theirs, third):
        rules_of(case, authentication="signed_in")
    response = signed_in(ada).post(f"/cases/group/{key}/", said)
    assert response.status_code == 200
    assert list(Ballot.objects.values_list("escalation", flat=True)) == [theirs.pk]
    assert len(refusals_of(ada)) == 2
    signed_in(ada).post(f"/cases/group/{key}/", said)
    assert Ballot.objects.count() == 1


def word_case():
    worker = agent()
    case = rules_of(
        ask(version=version(worker).sequence), authentication="mail_word", reason_required=False
    )
    assert case.risk == "low"
    return case


def came_by(case, user):
    asked = Ask.objects.get(subject=case.subject)
    link = link_for(asked, user, at=timezone.now())
    client = Client()
    client.get(f"/r/{token_of(link)}/")
    return client, link


def test_robots_and_words_of_other_mails_decide_nothing_by_mail():
    case, other = word_case(), word_case_again()
    ada, ben = approver(), approver()
    client, link = came_by(case, ada)
    _, foreign = came_by(case, ben)
    _, elsewhere = came_by(other, ada)
    form = {"choice": "option:jwt", "seen_sha256": case.request_sha256}
    path = f"/cases/{case.ref}/by-mail/"
    assert client.get(path).status_code == 200
    for word in ("", " ", "-", word_of(foreign), word_of(elsewhere), "x" * 40, "\0"):
        client.post(path, form | {"word": word})
    assert left_open(case)
    # Nor the right one in the name of somebody who left, or on another case of the same browser.
    assert (
        client.post(f"/cases/{other.ref}/by-mail/", form | {"word": word_of(link)}).status_code
        == 404
    )
    type(ada).objects.filter(pk=ada.pk).update(is_active=False)
    client.post(path, form | {"word": word_of(link)})
    assert not Ballot.objects.exists()


def word_case_again():
    return rules_of(ask(run="other", version=1), authentication="mail_word", reason_required=False)


OPERATIONAL = ("django_", "usersessions", "asking_heartbeat")


def rows_of_all():
    """The rows of each table as text; sessions and loops apart."""
    found = {}
    with connection.cursor() as cursor:
        for name in connection.introspection.table_names():
            if not name.startswith(OPERATIONAL):
                table = sql.Identifier(name)
                cursor.execute(sql.SQL("SELECT t::text FROM {} t").format(table))
                found[name] = sorted(cursor.fetchall())
    return found


def test_looking_changes_nothing_on_any_page_of_the_engine():
    """Invariant 11 on what came with the engine."""
    ada = approver()
    case = ask(action=ACT, risk="low")
    done = source(ada)
    standing = stand(done, ada)
    client = signed_in(UserFactory(roles=[Role.APPROVER, Role.AUDITOR, Role.ADMINISTRATOR]))
    key = Escalation.objects.get(pk=case.pk).group_key
    paths = [
        "/",
        "/cases/rows/",
        f"/cases/{case.ref}/",
        f"/cases/{done.ref}/",
        "/precedents/?q=login",
        f"/cases/group/{key}/",
        f"/cases/together/?case={case.pk}&case={done.pk}",
        "/standing/",
        f"/standing/{standing.pk}/",
        "/proposals/",
        f"/cases/{done.ref}/draft/rule/",
        "/insights/",
        "/me/",
        "/absences/",
        "/operations/",
        "/health/scheduler",
    ]
    before = rows_of_all()
    for path in paths:
        for method in ("get", "head"):
            assert getattr(client, method)(path).status_code in {200, 503}, path
    after = rows_of_all()
    assert [name for name in before if before[name] != after[name]] == []


# --- a ladder that names one person


def named(case, user):
    asked = Ask.objects.get(subject=case.subject)
    usual = {"role": "", "team": None, "delay_s": 0, "repeat_s": 3600, "cap_s": 86400}
    asked.ladder = [{"position": 1, "audience": "person", "person": user.pk, **usual}]
    asked.save()
    return asked


def addressees_at(moment):
    outgoing.outbox.clear()
    sweep(at=moment)
    dispatch(at=moment)
    return sorted(mail.to[0] for mail in outgoing.outbox)


def away(person, delegate=None):
    span = {"starts_at": NOW - HOUR, "ends_at": NOW + 240 * HOUR, "made_at": NOW}
    Delegation.objects.create(person=person, delegate=delegate, made_by=person, **span)


def test_where_the_last_person_is_away_administrators_are_told_again_and_again():
    ada, admin = approver(), UserFactory(roles=[Role.ADMINISTRATOR])
    asked = named(ask(risk="low"), ada)
    away(ada)
    for n in range(3):
        assert addressees_at(NOW + n * 24 * HOUR) == [admin.email]
    asked.refresh_from_db()
    assert asked.closed_at is None


def test_administrators_who_are_all_away_are_told_all_the_same():
    ada, admin = approver(), UserFactory(roles=[Role.ADMINISTRATOR])
    named(ask(risk="low"), ada)
    away(ada)
    away(admin)
    assert addressees_at(NOW) == [admin.email]


def test_an_administrator_who_is_kept_out_of_it_is_no_last_resort():
    ada, admin = approver(), UserFactory(roles=[Role.ADMINISTRATOR])
    asked = named(ask(RunnerFactory(owner=admin), risk="low"), ada)
    assert admin.pk in asked.excluded
    away(ada)
    assert addressees_at(NOW) == []


def test_one_who_snoozes_day_after_day_keeps_nothing_from_everybody():
    ada, admin = approver(), UserFactory(roles=[Role.ADMINISTRATOR])
    asked = named(ask(risk="low"), ada)
    assert addressees_at(NOW) == [ada.email]
    snooze_ask(ask_id=asked.pk, by=ada, until=NOW + 24 * HOUR, reason="Later.", at=NOW + HOUR / 2)
    assert addressees_at(NOW + HOUR) == [admin.email]


def test_where_somebody_is_told_administrators_are_left_alone():
    ada, ben = approver(), approver()
    UserFactory(roles=[Role.ADMINISTRATOR])
    named(ask(risk="low"), ada)
    away(ada, ben)
    assert addressees_at(NOW) == addressees_at(NOW + HOUR) == [ben.email]


def test_hostile_words_of_colleagues_are_kept_as_words(settings):
    ada = approver()
    case = ask(risk="low")
    asked = Ask.objects.get(subject=case.subject)
    client = Client(raise_request_exception=False)
    client.force_login(ada)
    hostile = "a\0b <script>alert(1)</script> \u202egnp.exe"
    sent = {"text": hostile, "reason": hostile, "hours": "1", "for": "1", "label": hostile}
    keys = {"endpoint": "https://push.example.net/x", "p256dh": BROWSER, "auth": AUTH}
    for path in ("comment/", "snooze/", "hand-over/", "claim/", "nudge/", "watch/"):
        response = client.post(f"/asks/{asked.pk}/{path}", sent | {"to": "\0"})
        assert response.status_code < 500, path
    for path in (f"/cases/{case.ref}/ask/", f"/cases/{case.ref}/dismiss/", "/me/push/on/"):
        assert client.post(path, sent | keys).status_code < 500, path
    # A field that was refused keeps one's own words, for oneself alone.
    assert "<script>alert(1)" not in client.get(f"/cases/{case.ref}/").content.decode()
    client.force_login(approver())
    page = client.get(f"/cases/{case.ref}/").content.decode()
    assert "<script>alert(1)" not in page
    assert "\u202e" not in page


def test_ten_megabytes_are_refused_and_kept_nowhere():
    ada = approver()
    asked = Ask.objects.get(subject=ask(risk="low").subject)
    client = Client(raise_request_exception=False)
    client.force_login(ada)
    response = client.post(f"/asks/{asked.pk}/comment/", {"text": "x" * 10_000_000})
    assert response.status_code in {400, 413}
    assert not asked.comments.exists()

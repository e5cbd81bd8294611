"""The inbox and the page of a case, as people use them."""

import json
import re
import time
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from agents.models import Permit
from escalations.acting import withdraw
from escalations.answers import answer_of, load_case
from escalations.liveness import GONE_AFTER
from escalations.models import Ballot, Decision, Escalation, Presence, Status
from governance.asking.models import Ask, Sighting
from governance.audit.models import AuditEvent
from governance.people.models import Delegation, Membership, Role, Team
from tests.escalations.acts import ACT, agent, approve, approver, ask, rules_of, version
from tests.factories import NOW, PASSWORD, RunnerFactory, UserFactory

pytestmark = pytest.mark.django_db
QUERIES_OF_THE_INBOX = 6


def signed_in(user, **options):
    client = Client(**options)
    client.force_login(user)
    return client


def decide_url(case):
    return reverse("case-decide", args=[case.pk])


def vote_for(case, **changes):
    return {"choice": "option:jwt", "seen_sha256": case.request_sha256, **changes}


def test_the_inbox_shows_what_waits_for_an_approver():
    case = ask(project="shop", action=ACT)
    page = signed_in(approver()).get("/")
    text = page.content.decode()
    assert page.status_code == 200
    assert case.ref in text
    assert case.title in text
    assert "One question waits for you" in text


def test_a_question_that_one_may_not_answer_is_not_among_mine():
    owner = approver(roles=[Role.APPROVER, Role.OWNER])
    case = ask(RunnerFactory(owner=owner))
    client = signed_in(owner)
    assert case.ref not in client.get("/").content.decode()
    assert case.ref in client.get("/?scope=all").content.decode()


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ("waiting", {"open", "back"}),
        ("asked_back", {"back"}),
        ("settled", {"settled"}),
        ("all", {"open", "back", "settled"}),
    ],
)
def test_the_inbox_filters_by_state(status, shown):
    user = approver()
    cases = {name: ask(problem=name) for name in ("open", "back", "settled")}
    signed_in(user).post(reverse("case-ask", args=[cases["back"].pk]), {"text": "Why?"})
    approve(cases["settled"])
    text = signed_in(user).get(f"/cases/rows/?scope=all&status={status}").content.decode()
    assert {name for name, case in cases.items() if f'id="ask-{case.ref}"' in text} == shown


def test_the_inbox_finds_a_case_by_its_number():
    case = ask()
    client = signed_in(approver())
    assert client.get("/", {"q": case.ref.lower()}).url == f"/cases/{case.pk}/"
    assert "There is no case ESC-999" in client.get("/", {"q": "ESC-999"}).content.decode()


def test_the_inbox_is_paged_by_key():
    cases = [ask(problem=str(number)) for number in range(31)]
    client = signed_in(approver())
    first = client.get("/").content.decode()
    assert f'id="ask-{cases[0].ref}"' not in first
    older = client.get("/").context["older"]
    second = client.get("/" + older).content.decode()
    assert f'id="ask-{cases[0].ref}"' in second
    assert f'id="ask-{cases[1].ref}"' not in second


def test_the_inbox_costs_the_same_however_much_waits(django_assert_num_queries):
    user = approver()
    client = signed_in(user)
    ask(problem="first")
    client.get("/")
    with django_assert_num_queries(QUERIES_OF_THE_INBOX):
        client.get("/cases/rows/")
    for number in range(10):
        ask(problem=str(number))
    with django_assert_num_queries(QUERIES_OF_THE_INBOX):
        client.get("/cases/rows/")


def test_the_case_page_shows_the_exact_act_and_every_unknown_key():
    case = ask(action=ACT, surprise={"deep": "value"}, extra={"Cost_Impact": "12 euros"})
    text = signed_in(approver()).get(case.get_absolute_url()).content.decode()
    for shown in ("add_index.sql", "db-staging", "surprise", "value", "Cost impact", "12 euros"):
        assert shown in text
    assert case.request_sha256 in text


def test_hidden_characters_are_visible_on_the_case_page():
    case = ask(problem="Delete\u202eeverything")
    text = signed_in(approver()).get(case.get_absolute_url()).content.decode()
    assert "\u202e" not in re.sub(r'data-copy="[^"]*"', "", text)
    assert "U+202E" in text


def test_agents_words_are_text_on_the_case_page():
    case = ask(problem="<script>alert(1)</script>", run="<img src=x>")
    text = signed_in(approver()).get(case.get_absolute_url()).content.decode()
    assert "<script>alert" not in text
    assert "<img src=x" not in text


def test_nothing_is_chosen_beforehand():
    case = ask()
    text = signed_in(approver()).get(case.get_absolute_url()).content.decode()
    assert 'value="option:jwt"' in text
    assert not re.search(r"<input[^>]* checked", text)


def test_deciding_on_the_page_records_the_vote_and_what_was_shown():
    case, user = ask(), approver()
    answer = signed_in(user).post(
        decide_url(case), vote_for(case, constraints="- Keep it fast\n\nKeep it simple")
    )
    assert answer.status_code == 302
    ballot = Decision.objects.get(escalation=case).ballot
    assert (ballot.voter, ballot.option.key, ballot.method) == (user, "jwt", "session")
    assert ballot.constraints == ["Keep it fast", "Keep it simple"]
    assert len(ballot.template_version) == 12
    decided = signed_in(user).get(case.get_absolute_url()).content.decode()
    assert "Approved: JWT tokens" in decided
    assert "Record my decision" not in decided


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"choice": ""}, "Choose one of these first"),
        ({"choice": "option:other"}, "not one of the available choices"),
        ({"choice": "rejected"}, "Say why the agent must not proceed"),
        ({"choice": "other_approach"}, "Say what to do instead"),
        ({"seen_sha256": "0" * 64}, "What you saw is not what is asked"),
    ],
)
def test_an_unfit_vote_shows_the_page_again_and_decides_nothing(changes, sentence):
    case = ask()
    page = signed_in(approver()).post(
        decide_url(case), vote_for(case, approach="", context="my words") | changes
    )
    assert page.status_code in {400, 409}
    assert sentence in page.content.decode()
    assert "my words" in page.content.decode()
    assert not Decision.objects.exists()


def test_posting_the_same_vote_twice_is_one_decision():
    case, user = ask(), approver()
    client = signed_in(user)
    answers = [client.post(decide_url(case), vote_for(case)) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [302, 302]
    assert Decision.objects.count() == 1


def test_the_second_approver_is_told_that_it_is_decided():
    case = ask()
    approve(case)
    page = signed_in(approver()).post(decide_url(case), vote_for(case, choice="option:session"))
    assert page.status_code == 409
    assert "has decided" in page.content.decode()


def test_a_vote_needs_the_csrf_token():
    case = ask()
    client = signed_in(approver(), enforce_csrf_checks=True)
    assert client.post(decide_url(case), vote_for(case)).status_code == 403
    assert not Decision.objects.exists()


def test_get_on_the_address_of_a_vote_decides_nothing():
    case = ask()
    answer = signed_in(approver()).get(decide_url(case), vote_for(case))
    assert answer.status_code == 405
    assert not Decision.objects.exists()


def _owner_of_the_runner():
    user = approver()
    return user, ask(RunnerFactory(owner=user))


def _superuser_who_owns_the_runner():
    user = approver(is_superuser=True)
    return user, ask(RunnerFactory(owner=user))


def _owner_of_the_acting_agent():
    user = approver()
    agent(owner=user)
    return user, ask(action=ACT)


def _author_of_the_acting_version():
    user = approver()
    made = version(agent(), author=user)
    return user, ask(action=ACT, version=made.sequence)


@pytest.mark.parametrize(
    "story",
    [
        _owner_of_the_runner,
        _superuser_who_owns_the_runner,
        _owner_of_the_acting_agent,
        _author_of_the_acting_version,
    ],
)
def test_four_eyes_hold_on_the_page(story):
    user, case = story()
    client = signed_in(user)
    page = client.get(case.get_absolute_url()).content.decode()
    assert "Somebody else has to decide" in page
    assert "Record my decision" not in page
    choice = f"option:{case.options.first().key}"
    answer = client.post(decide_url(case), vote_for(case, choice=choice))
    assert answer.status_code == 403
    assert "Somebody else has to decide" in answer.content.decode()
    assert not Decision.objects.exists()
    assert Escalation.objects.get(pk=case.pk).status == Status.OPEN


def test_a_refused_vote_leaves_its_trace():
    user = approver()
    case = ask(RunnerFactory(owner=user))
    signed_in(user).post(decide_url(case), vote_for(case))
    event = AuditEvent.objects.get(stream="refusals")
    assert event.actor == f"user:{user.pk}"
    assert event.subject == f"POST {decide_url(case)}"
    assert json.loads(bytes(event.body))["data"]["code"] == "four_eyes"


@pytest.mark.parametrize("role", [Role.OWNER, Role.AUDITOR, Role.ADMINISTRATOR])
def test_without_the_role_the_button_is_disabled_with_the_sentence(role):
    case = ask()
    client = signed_in(UserFactory(roles=[role]))
    assert "To decide cases you need the role approver" in (
        client.get(case.get_absolute_url()).content.decode()
    )
    assert client.post(decide_url(case), vote_for(case)).status_code == 403


def test_people_without_a_role_and_strangers_see_nothing():
    case = ask()
    for path in ("/", "/cases/rows/", case.get_absolute_url()):
        assert signed_in(UserFactory()).get(path).status_code == 403
        assert Client().get(path).status_code == 302


def test_looking_counts_for_nothing_and_saying_seen_counts_once():
    case, user = ask(), approver()
    client = signed_in(user)
    for _ in range(3):
        client.get(case.get_absolute_url())
        client.head(case.get_absolute_url())
    assert not Sighting.objects.exists()
    for _ in range(2):
        assert client.post(reverse("case-seen", args=[case.pk])).status_code == 204
    assert Sighting.objects.get().user == user
    assert str(user) in client.get("/").content.decode()


def test_whoever_decides_has_seen_the_case():
    case, user = ask(), approver()
    signed_in(user).post(decide_url(case), vote_for(case))
    assert Sighting.objects.get().user == user


def test_the_runner_is_asked_from_the_page_and_people_stay_asked():
    case = ask()
    client = signed_in(approver())
    client.post(reverse("case-ask", args=[case.pk]), {"text": "Which users?"})
    case.refresh_from_db()
    assert case.status == Status.INFO_REQUESTED
    assert Ask.objects.open().filter(subject=case.subject).exists()
    assert "Which users?" in client.get(case.get_absolute_url()).content.decode()


def test_a_case_is_dismissed_only_when_its_runner_is_gone():
    case = ask(at=timezone.now())
    client, url = signed_in(approver()), reverse("case-dismiss", args=[case.pk])
    assert client.post(url, {"reason": "Old"}).status_code == 409
    assert "The runner is gone" not in client.get(case.get_absolute_url()).content.decode()
    Presence.objects.update(last_seen_at=timezone.now() - GONE_AFTER - timedelta(seconds=1))
    page = client.get(case.get_absolute_url()).content.decode()
    assert "The runner is gone" in page
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids)), "a label would lead to another form's field"
    assert client.post(url, {"reason": "Old"}).status_code == 302
    page = client.get(case.get_absolute_url()).content.decode()
    assert "Nobody decided this case" in page


def test_a_withdrawn_case_offers_no_decision():
    case = ask()
    withdraw(escalation_id=case.pk, runner=case.runner, reason="Found out", at=NOW)
    page = signed_in(approver()).get(case.get_absolute_url()).content.decode()
    assert "Found out" in page
    assert "Record my decision" not in page


def test_the_timeline_names_who_did_what():
    case, user = ask(action=ACT), approver(name="Ada Approver")
    approve(case, user)
    page = signed_in(approver()).get(case.get_absolute_url()).content.decode()
    assert "Ada Approver</strong> decided" in page
    assert f"{case.runner} (runner)</strong> asked" in page


def test_the_case_page_costs_the_same_however_long_its_thread(django_assert_max_num_queries):
    case = ask(action=ACT, constitutional_impact={"principles": ["Simplicity"]})
    client = signed_in(approver())
    for number in range(5):
        client.post(reverse("case-ask", args=[case.pk]), {"text": f"Why {number}?"})
    with django_assert_max_num_queries(32):
        client.get(case.get_absolute_url())


def proved(user, method="password", **more):
    """A client whose session holds a fresh proof."""
    client = signed_in(user)
    session = client.session
    session["account_authentication_methods"] = [{"method": method, "at": time.time(), **more}]
    session["account_authentication_methods_user"] = str(user.pk)
    session.save()
    return client


def test_a_proof_that_is_missing_is_asked_for_and_every_word_is_kept():
    case = rules_of(ask(), authentication="fresh", reason_required=True)
    user = approver(password=PASSWORD)
    client = signed_in(user)
    assert "asked to confirm that it is you" in client.get(case.get_absolute_url()).content.decode()
    words = {"reason": "Because \u00e4", "constraints": "Fast\nSmall", "context": "Mine"}
    answer = client.post(decide_url(case), vote_for(case, **words))
    assert answer.status_code == 302
    assert answer.url.startswith("/account/reauthenticate/?next=")
    assert not Decision.objects.exists()
    back = client.post(
        answer.url, {"password": PASSWORD, "next": f"{case.get_absolute_url()}#decide"}
    )
    assert back.url == f"{case.get_absolute_url()}#decide"
    page = client.get(case.get_absolute_url())
    shown = page.content.decode()
    assert "Your words are as you left them" in shown
    assert all(word in shown for word in ("Because \u00e4", "Fast\nSmall", "Mine"))
    assert re.search(r'value="option:jwt" required checked', shown)
    assert not Decision.objects.exists()
    client.post(decide_url(case), vote_for(case, **words))
    assert Decision.objects.get().ballot.level == "fresh"
    assert "drafts" not in client.session or not client.session["drafts"]


def test_the_words_of_somebody_else_in_the_same_browser_are_not_shown():
    case = rules_of(ask(), authentication="fresh")
    client = signed_in(approver(password=PASSWORD))
    client.post(decide_url(case), vote_for(case, context="Only mine"))
    kept = dict(client.session)["drafts"]
    other = signed_in(approver())
    session = other.session
    session["drafts"] = kept
    session.save()
    assert "Only mine" not in other.get(case.get_absolute_url()).content.decode()


def test_without_the_means_to_prove_it_the_page_says_what_to_do_and_keeps_the_words():
    case = rules_of(ask(), authentication="passkey")
    page = signed_in(approver(password=PASSWORD)).post(
        decide_url(case), vote_for(case, context="my words")
    )
    assert page.status_code == 403
    assert "add a passkey" in page.content.decode()
    assert "my words" in page.content.decode()


def test_a_fresh_passkey_is_the_strongest_proof():
    case, user = rules_of(ask(), authentication="passkey"), approver()
    client = proved(user, "mfa", type="webauthn")
    assert client.post(decide_url(case), vote_for(case)).status_code == 302
    assert Decision.objects.get().ballot.level == "passkey"


def test_an_edited_question_is_asked_for_and_nothing_is_decided():
    case = ask()
    client = signed_in(approver())
    answer = client.post(decide_url(case), vote_for(case, choice="changes", changes="  "))
    assert answer.status_code == 400
    assert "Write what to change" in answer.content.decode()
    client.post(decide_url(case), vote_for(case, choice="changes", changes="Name the users."))
    case.refresh_from_db()
    assert case.status == Status.INFO_REQUESTED
    assert Ask.objects.open().filter(subject=case.subject).exists()
    assert not Ballot.objects.exists()
    assert [(one["wants"], one["text"]) for one in answer_of(load_case(case.pk))["questions"]] == [
        ("edited_question", "Name the users.")
    ]
    assert "asked for an edited question" in client.get(case.get_absolute_url()).content.decode()


SCOPES = {"permit-scope": "uses", "permit-uses": "3", "permit-until": ""}


def test_the_reach_of_a_permit_is_chosen_shown_and_taken_back():
    case = rules_of(ask(action=ACT, run="r1"), permit_scopes=["uses", "run"])
    client = signed_in(approver())
    page = client.get(case.get_absolute_url()).content.decode()
    assert re.search(r'name="permit-scope" value="once" checked', page)
    client.post(decide_url(case), vote_for(case, **SCOPES))
    page = client.get(case.get_absolute_url()).content.decode()
    assert "Permit for exactly this act, at most 3 times" in page
    url = reverse("case-revoke", args=[case.pk])
    assert client.get(url).status_code == 405
    assert (
        signed_in(UserFactory(roles=[Role.AUDITOR])).post(url, {"reason": "No"}).status_code == 403
    )
    client.post(url, {"reason": "A mistake"})
    permit = Permit.objects.get()
    assert (permit.state(at=timezone.now()), permit.revoked_because) == ("revoked", "A mistake")
    page = client.get(case.get_absolute_url()).content.decode()
    assert "Revoked" in page
    assert "A mistake" in page


def test_a_reach_without_its_numbers_shows_the_page_again():
    case = rules_of(ask(action=ACT), permit_scopes=["uses", "until"])
    page = signed_in(approver()).post(
        decide_url(case), vote_for(case, **SCOPES | {"permit-uses": ""}, context="my words")
    )
    assert page.status_code == 400
    assert "Say how many times" in page.content.decode()
    assert "my words" in page.content.decode()
    assert not Permit.objects.exists()


def test_until_is_read_in_the_time_zone_of_the_decider():
    case = rules_of(ask(action=ACT), permit_scopes=["until"])
    day = timezone.now().date() + timedelta(days=3)
    until = {"permit-scope": "until", "permit-until": f"{day}T12:00", "permit-uses": ""}
    signed_in(approver(time_zone="Asia/Kathmandu")).post(decide_url(case), vote_for(case, **until))
    assert f"{Permit.objects.get().use_before:%H:%M}" == "06:15"


def test_an_option_that_somebody_may_not_choose_says_why():
    case = rules_of(ask(), authorities={"jwt": {"role": "administrator", "team": None}})
    client = signed_in(approver())
    page = client.get(case.get_absolute_url()).content.decode()
    assert "This option asks for somebody who is administrator as well" in page
    assert re.search(r'value="option:jwt" required disabled', page)
    assert client.post(decide_url(case), vote_for(case)).status_code == 403
    assert not Decision.objects.exists()


def test_opening_the_details_of_the_act_is_noted_once_by_a_protected_post():
    case, user = ask(action=ACT), approver()
    url = reverse("case-opened", args=[case.pk])
    assert signed_in(user).get(url).status_code == 405
    assert signed_in(user, enforce_csrf_checks=True).post(url).status_code == 403
    assert not Sighting.objects.exists()
    for _ in range(2):
        assert signed_in(user).post(url).status_code == 204
    seen = Sighting.objects.get()
    assert seen.action_opened_at >= seen.first_at
    kinds = list(AuditEvent.objects.filter(stream=case.subject).values_list("kind", flat=True))
    assert kinds.count("ask.act_opened") == kinds.count("ask.seen") == 1


def test_whoever_stands_in_is_shown_with_the_person_who_is_away():
    ada, ben = approver(name="Ada"), approver(name="Ben")
    case, now = ask(), timezone.now()
    Delegation.objects.create(
        person=ada,
        delegate=ben,
        starts_at=now - timedelta(days=1),
        ends_at=now + timedelta(days=1),
        made_by=ada,
        made_at=now,
    )
    asked = Ask.objects.get(subject=case.subject)
    asked.ladder = [asked.ladder[0] | {"audience": "person", "role": "", "person": ada.pk}]
    asked.save()
    client = signed_in(ben)
    client.post(decide_url(case), vote_for(case))
    page = client.get(case.get_absolute_url()).content.decode()
    assert "Ben (on behalf of Ada, who was away)" in page


def shown_by(client, query):
    text = client.get(f"/cases/rows/?scope=all&{query}").content.decode()
    return set(re.findall(r'id="ask-(ESC-[0-9]+)"', text))


def test_the_inbox_is_narrowed_by_risk_agent_and_team():
    ops = Team.objects.create(name="Ops", slug="ops")
    owner = UserFactory(roles=[Role.OWNER])
    Membership.objects.create(team=ops, user=owner)
    agent("painter", owner=owner)
    high, other = ask(risk="high", problem="A"), ask(agent="painter", problem="B")
    client = signed_in(approver())
    assert shown_by(client, "risk=high") == {high.ref}
    assert shown_by(client, "agent=painter") == {other.ref}
    assert shown_by(client, f"team={ops.pk}") == {other.ref}
    assert shown_by(client, f"team={ops.pk}&risk=high") == set()
    assert shown_by(client, "risk=odd&agent=&team=x") == {high.ref, other.ref}
    page = client.get("/?risk=high&scope=all")
    assert "risk=high" in page.context["statuses"][0]["href"]
    assert '<option value="high" selected>' in page.content.decode()


def test_the_inbox_says_whether_a_runner_still_listens():
    case = ask(at=timezone.now())
    client = signed_in(approver())
    assert "Runner listening" in client.get("/cases/rows/").content.decode()
    Presence.objects.filter(pk=case.pk).update(last_seen_at=timezone.now() - GONE_AFTER)
    assert "Runner gone" in client.get("/cases/rows/").content.decode()


def test_an_owner_finds_what_the_policy_lets_owners_answer_among_mine():
    owner = UserFactory(roles=[Role.OWNER])
    made = version(agent(owner=owner))
    case = ask(RunnerFactory(owner=owner), version=made.sequence)
    client = signed_in(owner)
    assert case.ref not in client.get("/cases/rows/?scope=mine").content.decode()
    rules_of(case, owner_may_answer=True)
    assert case.ref in client.get("/cases/rows/?scope=mine").content.decode()
    client.post(decide_url(case), vote_for(case))
    assert "the agent\u2019s own owner" in client.get(case.get_absolute_url()).content.decode()

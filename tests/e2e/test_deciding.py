"""Deciding in a browser: the reach of a permit, proof, the word of a mail, several at once."""

import pytest
from django.utils import timezone

from agents.models import Permit
from escalations.models import Ballot, Decision
from governance.asking.links import link_for, token_of, word_of
from governance.asking.models import Ask, Sighting
from governance.people.models import Role, Runner
from tests.e2e.conftest import eventually
from tests.e2e.test_pages import cases, entered, looks, none, parts, vera  # noqa: F401
from tests.escalations import acts
from tests.factories import PASSWORD, UserFactory

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.slow]
PSQL = {"kind": "shell", "arguments": {"argv": ["psql", "-f", "add_index.sql"]}}
ALL = ["uses", "until", "run", "pattern"]


def permissive(vera):  # noqa: F811
    case = acts.ask(
        Runner.objects.get(),
        key="wide",
        at=timezone.now(),
        agent="python-backend",
        action=PSQL,
        run="run-7",
        options=[
            {"key": "now", "label": "Do it now"},
            {"key": "boss", "label": "Do it at once, in production", "authority": "lead"},
        ],
    )
    lead = {"lead": {"role": "", "team": 999_999}}
    return acts.rules_of(
        case, permit_scopes=ALL, authentication="fresh", authorities=lead, reason_required=False
    )


def test_a_wider_permit_with_a_fresh_proof_and_no_word_lost(vera, visitor, stack):  # noqa: F811
    case = permissive(vera)
    vera.set_password(PASSWORD)
    vera.save()
    with visitor() as page:
        entered(page, stack, vera)
        page.goto(case.get_absolute_url())
        page.locator("#decide").scroll_into_view_if_needed()
        assert page.get_by_label("Exactly this act, once").is_checked()
        assert page.get_by_label("At most how many times").is_hidden()
        page.get_by_label("Acts that fit a stated pattern").check()
        wrong = looks(page, "case-scope-pattern")
        assert page.get_by_label("Programs").input_value() == "psql"
        page.get_by_label("Words", exact=False).fill("*.sql")
        page.get_by_label("At most how many times").fill("4")
        page.get_by_label("Do it now").check()
        page.get_by_text("More for the agent").click()
        page.get_by_label("Context").fill("Only indexes, please")
        page.get_by_role("button", name="Record my decision").click()
        page.get_by_label("Password").wait_for()
        wrong += looks(page, "proof")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Confirm").click()
        page.get_by_text("Your words are as you left them").wait_for()
        assert not Decision.objects.exists()
        wrong += looks(page, "case-draft")
        assert page.get_by_label("Context").input_value() == "Only indexes, please"
        assert page.get_by_label("Do it now").is_checked()
        assert page.get_by_label("Words", exact=False).input_value() == "*.sql"
        page.get_by_role("button", name="Record my decision").click()
        page.get_by_text("Permit for acts that fit").wait_for()
        page.get_by_text("Take the permit back").click()
        wrong += looks(page, "case-permit-wide")
        page.get_by_label("Why the runner must not use it any more").fill("A mistake")
        page.get_by_role("button", name="Take it back").click()
        page.get_by_text("Revoked").first.wait_for()
        none(wrong)
    permit = Permit.objects.get()
    assert (permit.scope, permit.most_uses, permit.revoked_by) == ("pattern", 4, vera)


def test_opening_the_act_by_keyboard_is_noted(vera, cases, visitor, stack):  # noqa: F811
    with visitor() as page:
        entered(page, stack, vera)
        page.goto(cases["act"].get_absolute_url())
        assert not Sighting.objects.filter(action_opened_at__isnull=False).exists()
        page.get_by_text("Canonical text").focus()
        page.keyboard.press("Enter")
        opened = Sighting.objects.filter(user=vera, action_opened_at__isnull=False)
        assert eventually(opened.exists, what="the opening is noted")


def test_the_word_of_the_mail_in_a_browser(vera, visitor, stack):  # noqa: F811
    case = acts.ask(Runner.objects.get(), key="mild", at=timezone.now(), agent="python-backend")
    case.risk = "low"
    case.save()
    Ask.objects.filter(subject=case.subject).update(facts={"risk": "low", "with_action": False})
    acts.rules_of(case, authentication="mail_word", reason_required=False)
    ben = UserFactory(roles=[Role.APPROVER], name="Ben Mailreader")
    link = link_for(Ask.objects.get(subject=case.subject), ben, at=timezone.now())
    with visitor(refusals=True) as page:
        page.goto(f"/r/{token_of(link)}")
        assert page.url.endswith(f"{case.get_absolute_url()}by-mail/")
        wrong = looks(page, "by-mail")
        page.get_by_label("JWT tokens").check()
        page.get_by_label("The word in the mail").fill("wrong")
        page.get_by_role("button", name="Record my decision").click()
        page.get_by_text("This is not the word of the mail").wait_for()
        assert page.get_by_label("JWT tokens").is_checked()
        wrong += looks(page, "by-mail-wrong")
        page.get_by_label("The word in the mail").fill(word_of(link))
        page.get_by_role("button", name="Record my decision").click()
        page.get_by_text("Your vote is recorded").first.wait_for()
        wrong += looks(page, "by-mail-done")
        none(wrong)
    assert Ballot.objects.get().level == "mail_word"


def test_equal_questions_are_chosen_and_decided_together(vera, cases, visitor, stack):  # noqa: F811
    del cases
    with visitor(refusals=True) as page:
        entered(page, stack, vera)
        page.goto("/?status=waiting")
        wrong = looks(page, "inbox-groups")
        page.get_by_text("equal questions").first.wait_for()
        page.locator(".ask", has_text="equal questions").get_by_role("link").first.click()
        page.get_by_role("heading", name="equal questions").wait_for()
        wrong += looks(page, "group")
        boxes = page.locator("input[name=case]:enabled")
        assert not any(box.is_checked() for box in boxes.all())
        page.get_by_label("JWT tokens").check()
        page.get_by_role("button", name="Record my decision for the chosen").click()
        page.get_by_text("None is chosen for you").wait_for()
        boxes.first.focus()
        page.keyboard.press("Space")
        page.get_by_role("button", name="Record my decision for the chosen").click()
        page.get_by_role("heading", name="What became of them").wait_for()
        wrong += looks(page, "group-results")
        none(wrong)
    assert Ballot.objects.filter(voter=vera).count() == 1


def test_chosen_cases_stay_chosen_and_get_a_verdict_each(vera, cases, visitor, stack):  # noqa: F811
    with visitor(refusals=True) as page:
        entered(page, stack, vera)
        page.goto("/?scope=all&status=waiting")
        page.get_by_label(f"Choose {cases['act'].ref}").check()
        page.get_by_role("button", name="Look at the chosen together").click()
        page.get_by_role("heading", name="1 case, together").wait_for()
        page.get_by_label("Your choice").select_option("rejected")
        page.get_by_label("Reason", exact=False).first.fill("Too risky.")
        page.get_by_role("button", name="Record my verdicts").click()
        page.get_by_role("heading", name="What became of them").wait_for()
        none(looks(page, "together-results"))

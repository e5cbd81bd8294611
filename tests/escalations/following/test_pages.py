"""What people see of what follows a case: links, what is still to do, evidence, the runner."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from escalations.acting import consume, report_outcome, revoke
from escalations.following.pages import evidence_link
from escalations.models import Presence
from tests.escalations.acts import ACT, approve, approver, ask

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader():
    client = Client()
    client.force_login(approver())
    return client


def page(reader, case):
    return reader.get(case.get_absolute_url()).content.decode()


def reported(**line):
    case = ask()
    approve(case, constraints=["Fast"])
    said = {"constraint": "Fast", "kept": True, "evidence": "", **line}
    report_outcome(
        escalation_id=case.pk,
        runner=case.runner,
        result="succeeded",
        summary="",
        constraints=[said],
        at=timezone.now(),
    )
    return case


def test_edited_questions_point_at_each_other(reader):
    old = ask()
    new = ask(old.runner, problem="One way", supersedes=old.ref)
    assert f'href="{new.get_absolute_url()}"' in page(reader, old)
    assert f'href="{old.get_absolute_url()}#thread"' in page(reader, new)


def test_a_broken_promise_and_its_question_point_at_each_other(reader):
    case = reported(kept=False)
    asked = case.follow_ups.get()
    assert f'href="{asked.get_absolute_url()}"' in page(reader, case)
    assert f'href="{case.get_absolute_url()}"' in page(reader, asked)


def test_evidence_over_https_is_a_link_that_tells_nothing(reader):
    text = page(reader, reported(evidence="https://ci.example.org/runs/7?a=1"))
    assert '<a href="https://ci.example.org/runs/7?a=1" rel="noopener noreferrer nofollow">' in text


@pytest.mark.parametrize(
    "evidence",
    [
        "http://ci.example.org/7",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://user:secret@example.org/",
        "https://example.org/ and more",
        'https://example.org/"onclick="x',
        "https://ex\u0430mple.org/",
        "https://example.org/\u202egnp",
        "https://[broken",
        "https:///x",
        "https://example.org/" + "x" * 500,
        "see the log",
        "",
    ],
)
def test_other_evidence_is_text_only(reader, evidence):
    assert evidence_link(evidence) == ""
    assert 'rel="noopener noreferrer nofollow"' not in page(reader, reported(evidence=evidence))


def test_what_is_still_to_do_stands_on_the_page_and_in_the_inbox(reader):
    case, other = ask(action=ACT, at=timezone.now()), ask(task="other", at=timezone.now())
    approve(case, at=timezone.now())
    approve(other, at=timezone.now())
    assert "not done yet" in page(reader, case)
    unreported = "/?scope=all&status=to_report"
    assert case.ref not in reader.get(unreported).content.decode()
    said = {"escalation_id": case.pk, "runner": case.runner}
    consume(request_sha256=case.request_sha256, at=timezone.now(), **said)
    assert "has not reported what became of it" in page(reader, case)
    listed = reader.get(unreported).content.decode()
    assert case.ref in listed
    assert other.ref not in listed
    report_outcome(result="failed", summary="", constraints=[], at=timezone.now(), **said)
    assert "Still to do" not in page(reader, case)
    assert case.ref not in reader.get(unreported).content.decode()


@pytest.mark.parametrize(
    ("age", "state"),
    [
        (timedelta(seconds=5), "listening"),
        (timedelta(minutes=3), "parked"),
        (timedelta(hours=1), "gone"),
    ],
)
def test_whether_the_runner_is_there_stands_on_the_page_and_in_the_inbox(reader, age, state):
    case = ask(at=timezone.now())
    Presence.objects.filter(pk=case.pk).update(last_seen_at=timezone.now() - age)
    assert f"Runner {state}" in reader.get("/?scope=all").content.decode()
    assert state in page(reader, case).lower()
    approve(case, at=timezone.now())
    assert f"Runner {state}" not in reader.get("/?scope=all&status=settled").content.decode()


def test_the_inbox_asks_for_all_signs_of_life_at_once(reader, django_assert_max_num_queries):
    for number in range(5):
        ask(task=str(number), at=timezone.now())
    reader.get("/?scope=all")
    with django_assert_max_num_queries(14):
        reader.get("/?scope=all")


def test_a_permit_that_was_taken_back_is_no_suspension(reader):
    case = ask(action=ACT, at=timezone.now())
    approve(case, at=timezone.now())
    revoke(escalation_id=case.pk, by=approver(), reason="The plan changed.", at=timezone.now())
    text = page(reader, case)
    assert "The plan changed." in text
    assert "The agent is suspended" not in text

"""The main job from end to end: every part real, each person with a browser of their own."""

import os
import subprocess
import sys
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from allauth.account.models import EmailAddress
from django.core.management import call_command
from django.utils import timezone

from escalations.models import Escalation, Status
from governance.asking.models import Notification, Rung
from governance.people.models import Role
from governance.people.services import create_runner, issue_key
from tests.e2e.conftest import ROOT, eventually, link_in, sign_in, text_of
from tests.factories import PASSWORD, UserFactory

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.slow]
SAMPLE = ROOT / "agents" / "sample"
SEED = Path(os.environ.get("PORTAL_SHARED", ROOT.parent / "shared")) / "seed/python-backend.md"
QUESTION = """\
🚨 Authentication Implementation Decision:
Task: Implementing user login system
Problem: Multiple authentication approaches available
Options:
- Session-based (simpler, server state)
- JWT tokens (stateless, more complex)
- OAuth integration (external dependency)
Constitutional Impact: Security by Design vs Simplicity
Performance Impact: Server memory vs token validation overhead
Human decision needed on authentication strategy
"""
CONSTRAINT = "Sessions end after an hour without a request"


def someone(name, role):
    user = UserFactory(
        email=f"{name}@example.org", name=name.title(), roles=[role], password=PASSWORD
    )
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


@pytest.fixture
def people(transactional_db):
    roles = {
        "olivia": Role.OWNER,
        "adam": Role.APPROVER,
        "sofia": Role.APPROVER,
        "aisha": Role.AUDITOR,
    }
    return {name: someone(name, role) for name, role in roles.items()}


@pytest.fixture
def short_ladder(transactional_db):
    """Reminders after seconds, so that a test can wait for them."""
    Rung.objects.update(repeat_every=timedelta(seconds=2), repeat_cap=timedelta(seconds=4))


@pytest.fixture
def stuck(people, stack, tmp_path):
    """Start the command line client as a runner of Olivia's would."""
    now = timezone.now()
    owner = people["olivia"]
    runner = create_runner(name="Build", slug="build", owner=owner, agents=["*"], by=owner, at=now)
    _, key = issue_key(runner_id=runner.pk, by=owner, at=now)
    env = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "client"),
        "GOVERNANCE_URL": stack.url,
        "GOVERNANCE_KEY": key,
        "PYTHONIOENCODING": "utf-8",
    }

    def start(*arguments):
        return subprocess.Popen(
            [sys.executable, "-m", "stuck", *arguments],
            env=env,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    return start


def told(process, seconds=60):
    out, err = process.communicate(timeout=seconds)
    return process.returncode, out, err


def enter(page, user, path="/"):
    page.goto(path)
    sign_in(page, user.email, PASSWORD)


def follow(page, mailbox, user, about):
    """Open the Review link of the newest mail and sign in, as its reader would."""
    page.goto(link_in(mailbox.wait_for(user.email, about=about)))
    page.get_by_role("link", name="Sign in").click()
    sign_in(page, user.email, PASSWORD)


def approve(page):
    page.get_by_label("Approve", exact=True).check()
    page.get_by_role("button", name="Record my vote").click()


def test_the_main_job_from_an_empty_portal_to_a_reported_outcome(
    people, short_ladder, stack, mailbox, visitor, stuck, tmp_path
):
    olivia, adam, sofia = people["olivia"], people["adam"], people["sofia"]

    # The owner brings in a constitution; a second person ratifies it through the mailed link.
    with visitor() as page:
        enter(page, olivia, "/constitution/")
        page.get_by_label("A Markdown file").set_input_files(SAMPLE / "constitution.md")
        page.get_by_role("button", name="Bring it in").click()
        page.get_by_role("button", name="Submit for ratification").click()
        page.get_by_text("0 of 1").first.wait_for()
    assert mailbox.to(olivia.email) == []
    with visitor() as page:
        follow(page, mailbox, sofia, "onstitution")
        while page.get_by_role("button", name="Acknowledge").count():
            page.get_by_role("button", name="Acknowledge").first.click()
        approve(page)
        page.get_by_text("In force").first.wait_for()

    # The owner imports the definition as it is, and submits it.
    definition = SEED if SEED.exists() else SAMPLE / "python-backend.md"
    with visitor() as page:
        enter(page, olivia, "/agents/import/")
        page.get_by_label("Files, or a zip").set_input_files(definition)
        page.get_by_role("combobox", name="Family").fill("Backend family")
        page.get_by_role("button", name="Bring in").click()
        page.get_by_role("link", name="python-backend, version 1").click()
        page.get_by_role("button", name="Submit for review").click()
        page.get_by_text("In review").first.wait_for()
    code, _, err = told(stuck("resolve", "python-backend"))
    assert code == 21, err

    # Somebody else approves it through the mailed link; the owner releases it.
    with visitor() as page:
        follow(page, mailbox, adam, "python-backend")
        approve(page)
        page.get_by_text("Approved").first.wait_for()
    with visitor() as page:
        enter(page, olivia, "/agents/python-backend/versions/1/")
        page.get_by_role("button", name="Release").click()
        page.get_by_role("heading", name="Release version 1 to production").wait_for()
        page.get_by_role("button", name="Release").click()
        page.get_by_text("Version 1 is released to production").wait_for()
    code, out, err = told(stuck("resolve", "python-backend"))
    assert (code, out) == (0, definition.read_text(encoding="utf-8")), err

    # The runner is stuck, asks, and waits.
    question = tmp_path / "block.md"
    question.write_text(QUESTION, encoding="utf-8")
    asking = stuck("ask", "--file", "block.md", "--agent", "python-backend", "--wait")
    case = eventually(Escalation.objects.first, what="the case is there")
    about = case.ref

    # Nobody decides: reminders come to both approvers, in one thread, with one link each.
    first = mailbox.wait_for(sofia.email, about=about)
    second = mailbox.wait_for(sofia.email, about=about, count=2)
    assert mailbox.wait_for(adam.email, about=about)
    assert first["Message-ID"] != second["Message-ID"]
    assert str(first["Message-ID"]) in str(second["References"])
    assert link_in(first) == link_in(second)
    case.refresh_from_db()
    assert (case.status, asking.poll()) == (Status.OPEN, None)

    # The approver opens the link, signs in, and decides with a constraint.
    with visitor() as page:
        follow(page, mailbox, sofia, about)
        page.get_by_role("radio", name="Session-based").check()
        page.get_by_label("Constraints").fill(CONSTRAINT)
        # The case is of high risk, and its policy asks why.
        page.get_by_label("Reason").fill("Sessions can be ended at once")
        page.get_by_role("button", name="Record my decision").click()
        page.get_by_text(CONSTRAINT).first.wait_for()

    # The runner wakes with the six fields and carries on.
    code, out, err = told(asking)
    assert code == 0, err
    names = ("DECISION", "APPROACH", "CONSTRAINTS", "CONTEXT", "CONSTITUTIONAL_NOTES", "NEXT_STEPS")
    assert all(f"{name}:" in out for name in names)
    assert "Session-based" in out
    assert CONSTRAINT in out
    reported = stuck("outcome", case.ref, "--result", "succeeded", "--kept", CONSTRAINT)
    assert told(reported)[0] == 0

    # Reminders stop with the decision; nothing was lost on the way; the history adds up.
    sent = len(mailbox.messages)
    eventually(lambda: not case_asks(case), what="no notice waits")
    assert len(mailbox.messages) - sent <= 1
    decision = Escalation.objects.get().decision
    assert (decision.decided_by, decision.ballot.method) == (sofia, "mail_link")
    output = StringIO()
    call_command("verify_audit", stdout=output)
    assert "no faults" in output.getvalue()
    with visitor() as page:
        enter(page, people["aisha"], f"/history/?subject=escalation:{case.ref}")
        page.get_by_text("escalation decided").first.wait_for()
    assert "decide nothing" in text_of(first)


def case_asks(case):
    return Notification.objects.filter(
        ask__subject=case.subject, state__in=["pending", "sending"]
    ).exists()

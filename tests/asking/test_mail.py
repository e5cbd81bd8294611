import re
from datetime import timedelta

import pytest
from django.core import mail as outgoing
from django.utils.html import strip_tags

from governance.asking.dispatch import dispatch
from governance.asking.links import token_of
from governance.asking.mail import shown
from governance.asking.models import AskKind, Notification, ReviewLink
from governance.asking.sweep import sweep
from tests.asking.helpers import ask_for
from tests.factories import UserFactory

HOUR = timedelta(hours=1)
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def approver():
    return UserFactory(roles=["approver"])


def sent(at):
    """What one cycle sends."""
    before = len(outgoing.outbox)
    sweep(at=at)
    dispatch(at=at)
    return outgoing.outbox[before:]


def parts(message):
    return message.body, message.alternatives[0].content


def words(text):
    return " ".join(re.sub(r"[\s“”\"]+", " ", text).split())


def test_the_mail_says_what_is_asked_why_and_what_happens_next(now, approver):
    ask_for(now, title="Which authentication?", about="python-backend, high risk")
    (message,) = sent(now)
    text, _ = parts(message)
    assert message.subject == "Decision needed: ESC-1: Which authentication?"
    assert message.to == [approver.email]
    link = ReviewLink.objects.get()
    for expected in (
        "An agent stopped and asks people to decide.",
        "Which authentication?\n  python-backend, high risk",
        f"Review: http://127.0.0.1:8000/r/{token_of(link)}",
        "Opening it decides nothing.",
        'the policy "Cases" names you. The request has reached step 1 of 3.',
        "The next notice goes out on Monday 2 March 2026, 13:00 UTC.",
        "If nobody answers, nothing is decided",
    ):
        assert expected in text


def test_text_and_html_mean_the_same(now, approver):
    ask_for(now, title="Is 1 < 2 & 'yes'?", about="risk <b>high</b>")
    text, html = parts(sent(now)[0])
    url = re.search(r"http://\S+/r/\w+", text)[0]
    body = html.partition("<body")[2].partition(">")[2].replace("<br>", "\n")
    plain = strip_tags(body).replace("&lt;", "<").replace("&#x27;", "'").replace("&gt;", ">")
    plain = plain.replace("&amp;", "&").replace("Review", f"Review: {url}", 1)
    assert words(plain) == words(text)
    assert "<b>high" not in html


def test_there_is_one_link_and_no_image_and_nothing_from_elsewhere(now, approver):
    ask_for(now, title="See https://evil.example/x or www.evil.example ![](http://evil.example/i)")
    message = sent(now)[0]
    text, html = parts(message)
    url = re.search(r"http://\S+/r/\w+", text)[0]
    assert re.findall(r'(?:href|src)="([^"]*)"', html) == [url]
    assert re.findall(r"https?://\S+", text) == [url, "http://127.0.0.1:8000."]
    assert "<img" not in html
    assert "evil[.]example" in text


def test_no_header_holds_a_link(now, approver):
    ask_for(now)
    message = sent(now)[0].message()
    headers = "\n".join(f"{name}: {value}" for name, value in message.items())
    assert "http" not in headers
    assert "/r/" not in headers


def test_the_mail_says_that_a_machine_wrote_it(now, approver):
    ask_for(now)
    message = sent(now)[0].message()
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Auto-Response-Suppress"] == "All"


def test_a_title_cannot_add_headers(now, approver):
    ask_for(now, title="Hello\r\nBcc: spy@example.org\r\n\r\nBody")
    message = sent(now)[0].message()
    assert message["Bcc"] is None
    assert message["Subject"] == "Decision needed: ESC-1: Hello Bcc: spy@example.org Body"


def test_hidden_characters_are_shown(now, approver):
    ask_for(now, title="approve\u202e\u200b now")
    message = sent(now)[0]
    for part in (message.subject, *parts(message)):
        assert "approve‹U+202E›‹U+200B› now" in part


def test_mails_about_one_question_form_a_thread(now, approver):
    ask_for(now)
    first = sent(now)[0]
    second, third = sent(now + 4 * HOUR)[0], sent(now + 8 * HOUR)[0]
    root = first.extra_headers["Message-ID"]
    notice = Notification.objects.earliest("id")
    assert root == f"<{notice.message_id}@127.0.0.1>"
    assert "In-Reply-To" not in first.extra_headers
    for reminder in (second, third):
        assert reminder.extra_headers["In-Reply-To"] == root
        assert reminder.extra_headers["References"] == root
        assert reminder.extra_headers["Message-ID"] != root
        assert reminder.subject == first.subject
        assert "this is a reminder" in reminder.body


def test_each_recipient_has_a_thread_and_a_link_of_their_own(now, approver):
    UserFactory(roles=["approver"])
    ask_for(now)
    first, second = sent(now)
    assert first.extra_headers["Message-ID"] != second.extra_headers["Message-ID"]
    assert len({re.search(r"/r/\w+", mail.body)[0] for mail in (first, second)}) == 2


def test_the_link_stays_the_same_and_is_renewed_with_each_mail(now, approver):
    ask_for(now)
    first = sent(now)[0]
    late = now + timedelta(days=40)
    reminder = sent(late)[0]
    link = re.compile(r"/r/\w+")
    assert link.search(first.body)[0] == link.search(reminder.body)[0]
    assert ReviewLink.objects.get().expires_at == late + timedelta(days=30)


def test_somebody_who_may_not_answer_is_told_so(now):
    UserFactory(roles=["administrator"])
    ask_for(now)
    assert "You cannot answer this yourself" in sent(now)[0].body


@pytest.mark.parametrize(
    ("kind", "subject"),
    [
        (AskKind.CASE, "Decision needed: t"),
        (AskKind.REVIEW, "Review needed: t"),
        (AskKind.AMENDMENT, "Vote needed: t"),
    ],
)
def test_each_kind_has_words_of_its_own(now, approver, kind, subject):
    ask_for(now, kind=kind, subject="review:7", title="t")
    assert sent(now)[0].subject == subject


@pytest.mark.parametrize(
    ("written", "in_mail"),
    [
        ("plain words, e.g. auth.py", "plain words, e.g. auth.py"),
        ("go to https://a.example/b.c now", "go to https[://]a[.]example/b[.]c now"),
        ("WWW.a.example", "WWW[.]a[.]example"),
        ("a\tb\n c", "a b c"),
    ],
)
def test_addresses_in_a_title_are_not_clickable(written, in_mail):
    assert shown(written) == in_mail

import pytest
from django.core.mail import EmailMultiAlternatives, get_connection

from governance.asking.mailbox import mails

pytestmark = pytest.mark.django_db


@pytest.fixture
def mailbox(settings, tmp_path):
    settings.MAILBOX_PATH = settings.EMAIL_FILE_PATH = str(tmp_path)
    return tmp_path


def store(subject="Hello", text="See https://a.example/b?c=1&d=2 now", html=""):
    connection = get_connection("django.core.mail.backends.filebased.EmailBackend")
    message = EmailMultiAlternatives(subject, text, "p@example.org", ["ben@example.org"])
    if html:
        message.attach_alternative(html, "text/html")
    connection.send_messages([message])


def test_stored_mail_is_listed_with_its_subject_and_recipient(client, mailbox):
    store("First")
    store("Zweite – Prüfung")
    text = client.get("/dev/mailbox/").content.decode()
    assert "First" in text
    assert "Zweite – Prüfung" in text
    assert "ben@example.org" in text


def test_a_mail_shows_its_text_with_links_to_click(client, mailbox):
    store()
    text = client.get(f"/dev/mailbox/{mails()[0].key}/").content.decode()
    assert '<a href="https://a.example/b?c=1&amp;d=2">' in text


def test_a_mail_cannot_run_anything(client, mailbox):
    store(
        "<script>1</script>",
        text="<script>2</script>",
        html='<p onclick="x()">Hi<script>3</script><img src="http://a.example/i"></p>',
    )
    text = client.get(f"/dev/mailbox/{mails()[0].key}/").content.decode()
    assert "<p>Hi</p>" in text
    for written in ("<script>1", "<script>2", "<script>3", "onclick", "a.example/i"):
        assert written not in text


def test_several_mails_of_one_connection_are_several(mailbox):
    connection = get_connection("django.core.mail.backends.filebased.EmailBackend")
    both = [EmailMultiAlternatives(name, "t", "p@example.org", ["b@example.org"]) for name in "ab"]
    connection.send_messages(both)
    assert sorted(mail.subject for mail in mails()) == ["a", "b"]
    assert len({mail.key for mail in mails()}) == 2


def test_a_key_that_names_no_mail_is_not_found(client, mailbox):
    assert client.get("/dev/mailbox/passwd-0/").status_code == 404


def test_an_empty_or_missing_folder_is_an_empty_mailbox(client, mailbox, settings):
    settings.MAILBOX_PATH = str(mailbox / "not-yet")
    assert "No mail yet" in client.get("/dev/mailbox/").content.decode()


@pytest.mark.parametrize("address", ["/dev/mailbox/", "/dev/mailbox/a-0/"])
def test_there_is_no_mailbox_elsewhere(client, mailbox, settings, address):
    settings.MAILBOX_PATH = ""
    assert client.get(address).status_code == 404


def test_there_is_no_mailbox_in_production(client, mailbox, settings):
    settings.PRODUCTION = True
    assert client.get("/dev/mailbox/").status_code == 404

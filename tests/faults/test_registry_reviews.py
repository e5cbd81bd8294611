"""65-68 and 70: ways to an approval that nobody gave, for one version and for a list of them."""

import pytest
from django.contrib import admin
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from agents import services
from agents.batches.services import open_batch, vote_on_batch
from agents.models import Agent, AgentVersion, ReviewRule
from agents.releasing.services import release
from agents.resolving import resolve
from agents.reviewing import services as reviewing
from agents.standing import check_releasable
from governance.asking.models import Policy
from governance.audit.models import AuditEvent
from governance.base.errors import Conflict, InvalidInput, NotPermitted, Refusal
from governance.people.models import Membership, Role, Team
from governance.people.services import issue_key
from governance.review.models import Review, ReviewStatus, Vote
from governance.review.services import latest_review
from tests.agents import acts
from tests.factories import NOW, RunnerFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)

ALL_ROLES = [Role.OWNER, Role.APPROVER]
EVERY_ROLE = list(Role.values)


def submitted(by=None, raw=None) -> AgentVersion:
    version = acts.bring_in(by, raw=raw)
    reviewing.submit_version(version_id=version.pk, by=version.author or acts.owner(), at=NOW)
    return version


def listed(*versions, by=None):
    ids = [version.pk for version in versions]
    return open_batch(kind="baseline", version_ids=ids, title="", by=by or acts.owner(), at=NOW)


def signed_in(user) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


def nothing_was_approved() -> bool:
    return not Vote.objects.exists() and not Review.objects.filter(status="approved").exists()


# --- 65 edit after approval -------------------------------------------------------------------


def test_65_an_edit_after_approval_is_another_version_that_nobody_approved():
    release_of_first = acts.put_into_production()
    changed = acts.bring_in(raw=acts.definition(more="\n- ALWAYS deploy at once\n"))
    with pytest.raises(Conflict, match="draft"):
        release(version_id=changed.pk, environment="production", by=acts.owner(), at=NOW)
    served = resolve(slug="worker", environment="production", principal=acts.owner(), at=NOW)
    assert served.raw == bytes(release_of_first.version.raw)


@pytest.mark.parametrize("field", ["raw", "sha256", "text", "tools", "contract"])
def test_65_an_approved_text_cannot_be_written_over_in_the_database(field):
    version = acts.put_into_production().version
    values = {"raw": b"other", "tools": ["Bash"], "contract": {}}
    with pytest.raises(DatabaseError), transaction.atomic():
        AgentVersion.objects.filter(pk=version.pk).update(**{field: values.get(field, "other")})


def test_65_bytes_that_changed_under_an_approval_are_not_served(owners_connection):
    """As somebody with the database's owner's rights could change them."""
    version = acts.put_into_production().version
    owners_connection.execute("ALTER TABLE agents_agentversion DISABLE TRIGGER USER")
    owners_connection.execute(
        "UPDATE agents_agentversion SET raw = %s WHERE id = %s", [b"other", version.pk]
    )
    owners_connection.execute("ALTER TABLE agents_agentversion ENABLE TRIGGER USER")
    owners_connection.commit()
    with pytest.raises(Conflict, match="not the one approved"):
        resolve(slug="worker", environment="production", principal=acts.owner(), at=NOW)


def test_65_a_vote_on_what_was_shown_before_an_edit_does_not_count_for_the_edit():
    shown = submitted()
    edited = submitted(shown.author, acts.definition(more="\nMore.\n"))
    for version_id, seen in ((edited.pk, shown.sha256), (shown.pk, edited.sha256)):
        with pytest.raises(Conflict, match="not the text you saw"):
            reviewing.vote(
                version_id=version_id,
                by=acts.approver(),
                verdict="approve",
                comment="",
                seen_sha256=seen,
                method="session",
                at=NOW,
            )
    assert nothing_was_approved()


def test_65_a_list_with_one_version_exchanged_is_another_list():
    first, second = acts.bring_in(raw=acts.definition("a")), acts.bring_in(raw=acts.definition("b"))
    before = listed(first, second)
    exchanged = acts.bring_in(raw=acts.definition("b", "\nMore.\n"))
    other = listed(exchanged)
    assert before.sha256 != other.sha256
    with pytest.raises(Conflict, match="not the text you saw"):
        vote_on_batch(
            batch_id=other.pk,
            by=acts.approver(),
            verdict="approve",
            comment="",
            seen_sha256=before.sha256,
            method="session",
            at=NOW,
        )
    assert latest_review(second.subject).status == ReviewStatus.IN_REVIEW


# --- 66 approve through the admin, a bulk action, the API, as superuser ------------------------


def admin_action(client, version):
    address = reverse("admin:agents_agentversion_changelist")
    sent = {
        "action": "approve",
        "_selected_action": version.pk,
        f"seen_{version.pk}": version.sha256,
        "confirmed": "yes",
    }
    return client.post(address, sent)


def admin_form(client, version):
    review = latest_review(version.subject)
    address = reverse("admin:review_review_change", args=[review.pk])
    return client.post(address, {"status": "approved", "required_votes": 0})


def admin_vote_row(client, version):
    review = latest_review(version.subject)
    rows = {"votes-TOTAL_FORMS": 1, "votes-INITIAL_FORMS": 0, "votes-0-verdict": "approve"}
    return client.post(reverse("admin:review_review_change", args=[review.pk]), rows)


def page(client, version):
    sent = {"verdict": "approve", "seen_sha256": version.sha256}
    return client.post(f"{version.get_absolute_url()}vote/", sent)


def api_verbs(client, version):
    address = reverse("api-agent-version-reviews", args=[version.agent.slug, version.sequence])
    for verb in (client.put, client.patch, client.delete):
        assert verb(address, {"status": "approved"}, content_type="application/json")
    return client.post(address, {"status": "approved"}, content_type="application/json")


WAYS = [admin_action, admin_form, admin_vote_row, page, api_verbs]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "fields",
    [
        {"roles": [], "is_superuser": True},
        {"roles": [Role.ADMINISTRATOR], "is_superuser": True},
        {"roles": [Role.AUDITOR], "is_superuser": True},
    ],
    ids=["superuser", "administrator", "auditor"],
)
def test_66_no_way_gives_a_vote_to_who_has_none_superusers_included(way, fields):
    version = submitted()
    way(signed_in(UserFactory(**fields)), version)
    assert nothing_was_approved()


@pytest.mark.parametrize("way", WAYS)
def test_66_no_way_lets_an_author_with_every_role_approve_his_own(way):
    """Where it gets as far as a vote, the refusal says why and stays in the history."""
    author = UserFactory(roles=EVERY_ROLE, is_superuser=True)
    way(signed_in(author), submitted(author))
    assert nothing_was_approved()
    refused = [bytes(one.body) for one in AuditEvent.objects.filter(stream="refusals")]
    assert any(b"four_eyes" in body for body in refused) is (way in {admin_action, page})


def test_66_a_bulk_action_judges_each_version_and_skips_no_check():
    author = UserFactory(roles=EVERY_ROLE, is_superuser=True)
    own = submitted(author, acts.definition("own"))
    other = submitted(raw=acts.definition("other"))
    sent = {"action": "approve", "_selected_action": [own.pk, other.pk], "confirmed": "yes"}
    sent |= {f"seen_{one.pk}": one.sha256 for one in (own, other)}
    signed_in(author).post(reverse("admin:agents_agentversion_changelist"), sent)
    assert [vote.review.subject for vote in Vote.objects.all()] == [other.subject]
    assert AuditEvent.objects.filter(stream="refusals").count() == 1


def test_66_a_bulk_action_without_the_page_that_shows_the_fingerprints_votes_nothing():
    version = submitted()
    sent = {"action": "approve", "_selected_action": version.pk}
    address = reverse("admin:agents_agentversion_changelist")
    signed_in(acts.approver()).post(address, sent)
    signed_in(acts.approver()).post(address, sent | {"confirmed": "yes"})
    assert nothing_was_approved()


def test_66_votes_are_no_rows_of_the_admin_and_reviews_are_only_read_there():
    assert Vote not in admin.site._registry
    reviews = admin.site._registry[Review]
    assert not reviews.has_add_permission(request=None)
    assert not reviews.has_change_permission(request=None)
    assert not reviews.has_delete_permission(request=None)


def test_66_a_review_marked_approved_in_the_database_without_votes_is_refused():
    version = submitted()
    with pytest.raises(DatabaseError), transaction.atomic():
        Review.objects.filter(subject=version.subject).update(status="approved", closed_at=NOW)
    with pytest.raises(DatabaseError), transaction.atomic():
        Review.objects.create(
            subject=version.subject,
            title="Forged",
            path="/",
            version_sha256=version.sha256,
            policy_name="none",
            required_votes=1,
            status="approved",
            opened_at=NOW,
            opened_by="user:1",
            closed_at=NOW,
        )


def test_66_a_forged_list_gives_its_parts_no_approval():
    version = submitted()
    own = latest_review(version.subject)
    approved = acts.bring_in(raw=acts.definition("approved"))
    acts.approve(approved)
    for whole in (own.pk, latest_review(approved.subject).pk):
        with pytest.raises(DatabaseError), transaction.atomic():
            Review.objects.filter(pk=own.pk).update(status="approved", closed_at=NOW, part_of=whole)
        forged = Review.objects.get(pk=whole)
        forged.pk, forged.subject, forged.part_of_id = None, version.subject, whole
        with pytest.raises(DatabaseError), transaction.atomic():
            forged.save(force_insert=True)
    assert latest_review(version.subject).status == ReviewStatus.IN_REVIEW


# --- 67 the author through a second identity, a delegate or an agent's key ----------------------


def test_67_the_person_whom_the_commit_names_counts_as_author_whoever_brings_it_in():
    writer = UserFactory(roles=ALL_ROLES, email="writer@example.org")
    version, _ = services.import_definition(
        raw=acts.definition(),
        filename="worker.md",
        family="sample",
        by=acts.owner(),
        at=NOW,
        provenance={"author_name": "W", "author_email": "Writer@Example.org"},
    )
    reviewing.submit_version(version_id=version.pk, by=acts.owner(), at=NOW)
    with pytest.raises(NotPermitted, match="somebody else"):
        acts.say(version, writer)
    other, _ = services.import_definition(
        raw=acts.definition("other"),
        filename="other.md",
        family="sample",
        by=acts.owner(),
        at=NOW,
        provenance={"author_email": "writer@example.org"},
    )
    batch = listed(other)
    with pytest.raises(NotPermitted):
        vote_for(batch, writer)
    assert nothing_was_approved()


def vote_for(batch, by, **changes):
    known = {"verdict": "approve", "comment": "", "seen_sha256": batch.sha256, "at": NOW}
    return vote_on_batch(batch_id=batch.pk, by=by, method="session", **(known | changes))


def test_67_the_owner_of_a_runner_that_proposed_it_and_its_submitter_do_not_vote():
    owner, submitter = UserFactory(roles=ALL_ROLES), UserFactory(roles=ALL_ROLES)
    proposed, _ = services.import_definition(
        raw=acts.definition(),
        filename="worker.md",
        family="sample",
        by=RunnerFactory(owner=owner),
        at=NOW,
    )
    batch = listed(proposed, by=submitter)
    for person in (owner, submitter):
        with pytest.raises(NotPermitted, match="somebody else"):
            vote_for(batch, person)
    assert nothing_was_approved()


def test_67_a_colleague_to_whom_the_agent_was_handed_does_not_make_its_author_eligible():
    author = UserFactory(roles=ALL_ROLES)
    version = submitted(author)
    Agent.objects.filter(pk=version.agent_id).update(owner=acts.owner())
    with pytest.raises(NotPermitted):
        acts.say(version, author)


def test_67_a_member_of_a_team_whose_vote_is_needed_does_not_give_it_on_his_own_text():
    security = Team.objects.create(name="Security", slug="security")
    Policy.objects.get(kind="review", is_default=True).teams.add(security)
    author = UserFactory(roles=ALL_ROLES)
    Membership.objects.create(team=security, user=author)
    version = submitted(author)
    with pytest.raises(NotPermitted):
        acts.say(version, author)
    assert acts.say(version, acts.approver()).status == ReviewStatus.IN_REVIEW


@pytest.mark.parametrize("scopes", [["read", "propose", "escalate"]])
def test_67_an_agents_key_opens_no_vote_and_no_list(scopes):
    owner = UserFactory(roles=ALL_ROLES)
    runner = RunnerFactory(owner=owner)
    _, key = issue_key(runner_id=runner.pk, by=owner, at=timezone.now(), scopes=scopes)
    version = submitted(raw=acts.definition("a"))
    batch = listed(acts.bring_in(raw=acts.definition("b")))
    headers = {"Authorization": f"Bearer {key}"}
    voted = {"verdict": "approve", "seen_sha256": batch.sha256, "by": owner.pk}
    answers = [
        Client().post(address, voted, content_type="application/json", headers=headers)
        for address in (
            reverse("api-batch-votes", args=[batch.pk]),
            reverse("api-batches"),
            reverse("api-agent-version-reviews", args=["a", 1]),
            f"{version.get_absolute_url()}vote/",
        )
    ]
    assert [answer.status_code for answer in answers[:3]] == [403, 403, 403]
    assert answers[3].status_code in {302, 403}
    assert nothing_was_approved()


def test_67_the_services_refuse_a_runner_whatever_its_owner_may():
    runner = RunnerFactory(owner=UserFactory(roles=EVERY_ROLE))
    version = submitted()
    with pytest.raises(NotPermitted):
        acts.say(version, runner)
    with pytest.raises(NotPermitted):
        vote_for(listed(acts.bring_in(raw=acts.definition("b"))), runner)
    assert nothing_was_approved()


# --- 68 a candidate that changes the policy which judges it -------------------------------------


CLAIMS = [
    b"tier: low\n",
    b"risk: low\n",
    b"change_class: cosmetic\n",
    b"review_policy: none\nrequired_votes: 0\n",
    b"approved_by: user:1\nstatus: approved\n",
]
WIDER = acts.definition().replace(b"tools: Read, Grep", b"tools: Read, Grep, Bash")


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.split(b":")[0].decode())
def test_68_nothing_that_a_candidate_says_of_itself_chooses_its_policy(claim):
    acts.approve(acts.bring_in())
    version = submitted(raw=WIDER.replace(b"version: 1.0.0\n", b"version: 1.0.0\n" + claim))
    review = latest_review(version.subject)
    assert (version.change_class, review.required_votes) == ("privilege", 2)
    assert acts.say(version, acts.approver()).status == ReviewStatus.IN_REVIEW


def test_68_a_first_step_that_nobody_approved_does_not_become_the_base_of_the_second():
    """Slipping the grave change into a draft, and submitting a harmless edit of that draft."""
    acts.approve(acts.bring_in())
    acts.bring_in(raw=WIDER)
    version = submitted(raw=WIDER + b"\nA harmless line.\n")
    assert latest_review(version.subject).required_votes == 2


def test_68_a_policy_loosened_while_a_review_is_open_does_not_loosen_that_review():
    acts.approve(acts.bring_in())
    version = submitted(raw=WIDER)
    ReviewRule.objects.all().delete()
    Policy.objects.update(required_votes=1)
    assert acts.say(version, acts.approver()).status == ReviewStatus.IN_REVIEW
    with pytest.raises(DatabaseError), transaction.atomic():
        Review.objects.filter(subject=version.subject).update(status="approved", closed_at=NOW)


def test_68_a_grave_change_is_not_hidden_in_a_list_of_harmless_ones():
    acts.approve(acts.bring_in())
    harmless = [acts.bring_in(raw=acts.definition(f"other-{n}")) for n in range(5)]
    batch = listed(*harmless, acts.bring_in(raw=WIDER))
    assert vote_for(batch, acts.approver()).status == ReviewStatus.IN_REVIEW
    assert vote_for(batch, acts.approver()).status == ReviewStatus.APPROVED


def test_68_an_approval_for_a_lenient_environment_opens_no_strict_one():
    acts.ratify()
    version = acts.bring_in()
    reviewing.submit_version(
        version_id=version.pk, by=version.author, at=NOW, environment="staging"
    )
    acts.say(version, acts.approver())
    with pytest.raises(Conflict, match="staging only"):
        release(version_id=version.pk, environment="production", by=acts.owner(), at=NOW)


# --- 70 a word that is not known --------------------------------------------------------------


WORDS = ["", "Approve", "APPROVE", "approved", "approve ", "yes", "true", "reject_not", "0"]


@pytest.mark.parametrize("word", WORDS)
def test_70_an_unknown_verdict_completes_nothing(word):
    version, batch = submitted(), listed(acts.bring_in(raw=acts.definition("b")))
    with pytest.raises(InvalidInput):
        acts.say(version, acts.approver(), word, "Said so.")
    with pytest.raises(InvalidInput):
        vote_for(batch, acts.approver(), verdict=word, comment="Said so.")
    assert nothing_was_approved()


@pytest.mark.parametrize("word", WORDS)
def test_70_an_unknown_verdict_in_the_database_does_not_count_as_an_approval(word):
    """Written past the service, as an older or newer release might."""
    acts.approve(acts.bring_in())
    version = submitted(raw=WIDER)
    review = latest_review(version.subject)
    Vote.objects.create(
        review=review,
        voter=acts.approver(),
        verdict=word[:20],
        version_sha256=version.sha256,
        method="unknown",
        at=NOW,
    )
    assert acts.say(version, acts.approver()).status == ReviewStatus.IN_REVIEW


@pytest.mark.parametrize("word", ["APPROVED", "approved ", "passed", "", "skipped"])
def test_70_an_unknown_state_of_a_review_releases_nothing(word):
    acts.ratify()
    version = submitted()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE asking_ask SET closed_at = now(), closed_because = 'x', next_action_at = NULL"
            " WHERE subject = %s",
            [latest_review(version.subject).stream],
        )
        cursor.execute(
            "UPDATE review_review SET status = %s, closed_at = now() WHERE subject = %s",
            [word, version.subject],
        )
    with pytest.raises((Refusal, KeyError)):
        check_releasable(version, environment=None, law=acts.law.current_sha256(), at=NOW)
    with pytest.raises((Refusal, KeyError)):
        acts.say(version, acts.approver())
    assert not Review.objects.filter(subject=version.subject, status="approved").exists()


def test_70_a_rejected_version_stays_rejected_whatever_comes_after():
    version = submitted()
    acts.say(version, acts.approver(), "reject", "No.")
    with pytest.raises(Conflict):
        acts.say(version, acts.approver())
    with pytest.raises(Conflict):
        reviewing.submit_version(version_id=version.pk, by=version.author, at=NOW)
    with pytest.raises(Conflict):
        listed(version)
    with pytest.raises(Conflict):
        release(version_id=version.pk, environment="production", by=acts.owner(), at=NOW)
    with pytest.raises(DatabaseError), transaction.atomic():
        Review.objects.filter(subject=version.subject).update(status="approved")

"""One review over a list of versions: what the vote binds, and what makes it count no more."""

import json

import pytest
import rfc8785
from django.db import transaction
from django.db.utils import IntegrityError

from agents.batches.services import MOST_ITEMS, open_batch, vote_on_batch
from agents.models import AgentVersion, Batch, BatchItem, ReviewBasis, ReviewRule
from agents.releasing.services import break_glass, release
from agents.reviewing import services as reviewing
from governance.asking.models import Ask, Policy
from governance.audit.models import AuditEvent
from governance.audit.services import verify
from governance.base.canonical import sha256_hex
from governance.base.errors import Conflict, InvalidInput, NotPermitted, NotThere
from governance.people.models import Team
from governance.review.models import Review, ReviewStatus, Vote
from governance.review.services import latest_review, take_back, withdraw_review
from tests.agents import acts
from tests.factories import NOW, RunnerFactory

pytestmark = pytest.mark.django_db(transaction=True)

SECOND_LAW = acts.LAW.replace(b"1.0.0", b"2.0.0").replace(
    b"Tests MUST be written before", b"Tests and reviews MUST be written before"
)


def drafts(*names: str, by=None) -> list[AgentVersion]:
    by = by or acts.owner()
    return [acts.bring_in(by, raw=acts.definition(name)) for name in names]


def listed(versions, *, by=None, kind="baseline", **changes) -> Batch:
    return open_batch(
        kind=kind,
        version_ids=[version.pk for version in versions],
        by=by or acts.owner(),
        at=NOW,
        **({"title": ""} | changes),
    )


def say(batch: Batch, by=None, verdict="approve", comment="", **changes) -> Review:
    known = {"seen_sha256": batch.sha256, "method": "session", "at": NOW}
    return vote_on_batch(
        batch_id=batch.pk,
        by=by or acts.approver(),
        verdict=verdict,
        comment=comment,
        **(known | changes),
    )


def told(stream: str, kind: str) -> dict:
    event = AuditEvent.objects.get(stream=stream, kind=kind)
    return json.loads(bytes(event.body))["data"]


def statuses(versions) -> set[str]:
    return {latest_review(version.subject).status for version in versions}


def test_forty_files_come_in_with_one_vote_over_their_hashes():
    acts.ratify()
    versions = drafts(*(f"worker-{number:02}" for number in range(40)))
    batch = listed(versions, title="The family")
    assert Ask.objects.open().count() == 1
    assert statuses(versions) == {ReviewStatus.IN_REVIEW}
    assert say(batch).status == ReviewStatus.APPROVED
    assert statuses(versions) == {ReviewStatus.APPROVED}
    assert Vote.objects.count() == 2  # one for the law, one for all of these
    made = release(version_id=versions[7].pk, environment="production", by=acts.owner(), at=NOW)
    assert made.review.part_of.subject == batch.subject
    assert list(verify()) == []


def test_the_vote_is_on_the_canonical_json_of_the_list():
    versions = drafts("b", "a")
    batch = listed(versions)
    items = [
        {"agent": one.agent.slug, "sequence": one.sequence, "sha256": one.sha256}
        for one in sorted(versions, key=lambda one: one.agent.slug)
    ]
    assert batch.sha256 == sha256_hex(rfc8785.dumps(items))
    assert latest_review(batch.subject).version_sha256 == batch.sha256
    with pytest.raises(Conflict, match="not the text you saw"):
        say(batch, seen_sha256=versions[0].sha256)


def test_each_version_has_a_review_of_its_own_with_its_basis_and_without_an_ask():
    first = acts.bring_in(raw=acts.definition("a"))
    acts.approve(first)
    wider = acts.bring_in(raw=acts.definition("a").replace(b"tools: Read", b"tools: Bash, Read"))
    other = drafts("b")[0]
    batch = listed([wider, other])
    parts = {part.subject: part for part in latest_review(batch.subject).parts.all()}
    assert set(parts) == {wider.subject, other.subject}
    bases = {one.version_id: one for one in ReviewBasis.objects.filter(review__in=parts.values())}
    assert (bases[wider.pk].base, bases[wider.pk].change_class) == (first, "privilege")
    assert (bases[other.pk].base, bases[other.pk].change_class) == (None, "new")
    subjects = {part.stream for part in parts.values()}
    assert not Ask.objects.filter(subject__in=subjects).exists()
    assert {part.version_sha256 for part in parts.values()} == {wider.sha256, other.sha256}


def test_the_strictest_of_the_versions_decides_what_the_list_needs():
    team = Team.objects.create(name="Security", slug="security")
    rule = ReviewRule.objects.get(change_class="privilege")
    rule.policy.teams.add(team)
    first = acts.bring_in(raw=acts.definition("a"))
    acts.approve(first)
    wider = acts.bring_in(raw=acts.definition("a").replace(b"tools: Read", b"tools: Bash, Read"))
    whole = latest_review(listed([wider, *drafts("b")]).subject)
    assert (whole.required_votes, whole.required_teams) == (2, ["security"])
    assert latest_review(listed(drafts("c")).subject).required_votes == 1


@pytest.mark.parametrize(
    ("verdict", "status"),
    [
        ("approve", ReviewStatus.APPROVED),
        ("reject", ReviewStatus.REJECTED),
        ("request_changes", ReviewStatus.CHANGES_REQUESTED),
    ],
)
def test_every_version_ends_as_the_list_does_and_the_history_says_so(verdict, status):
    versions = drafts("a", "b")
    batch = listed(versions)
    whole = say(batch, verdict=verdict, comment="Look at the tools.")
    for version in versions:
        part = latest_review(version.subject)
        assert (part.status, part.closed_at) == (status, NOW)
        assert told(part.stream, f"review.{status}")["part_of"] == whole.pk
    assert list(verify()) == []


def test_a_list_that_is_taken_back_frees_its_versions():
    owner = acts.owner()
    versions = drafts("a", "b", by=owner)
    batch = listed(versions, by=owner)
    take_back(review_id=latest_review(batch.subject).pk, by=owner, at=NOW)
    assert statuses(versions) == {ReviewStatus.WITHDRAWN}
    listed(versions, by=owner)
    assert statuses(versions) == {ReviewStatus.IN_REVIEW}


def test_nobody_who_wrote_or_submitted_one_of_them_votes_on_the_list():
    both = acts.owner()
    both.roles = ["owner", "approver"]
    both.save()
    batch = listed([*drafts("a", by=both), *drafts("b")])
    with pytest.raises(NotPermitted, match="somebody else"):
        say(batch, both)
    other = listed(drafts("c"), by=both)
    with pytest.raises(NotPermitted):
        say(other, both)


def test_a_runner_neither_opens_a_list_nor_votes_on_it():
    runner, versions = RunnerFactory(), drafts("a")
    with pytest.raises(NotPermitted):
        listed(versions, by=runner)
    with pytest.raises(NotPermitted):
        say(listed(versions), runner)
    assert not Vote.objects.exists()


def test_a_version_of_a_list_is_not_voted_on_by_itself():
    version, _ = drafts("a", "b")
    listed([version])
    with pytest.raises(Conflict, match="part of a list"):
        acts.say(version, acts.approver())


def test_a_version_in_its_own_review_leaves_that_one_for_the_list():
    version = drafts("a")[0]
    own = reviewing.submit_version(version_id=version.pk, by=version.author, at=NOW)
    batch = listed([version])
    own.refresh_from_db()
    assert own.status == ReviewStatus.WITHDRAWN
    assert told(batch.subject, "batch.opened")["left"] == [own.pk]


def test_a_version_is_in_one_open_list():
    versions = drafts("a")
    listed(versions)
    with pytest.raises(Conflict, match="another list"):
        listed(versions)
    assert Batch.objects.count() == 1


def test_no_vote_counts_once_the_law_changed():
    acts.ratify()
    batch = listed(drafts("a"))
    acts.ratify(SECOND_LAW)
    with pytest.raises(Conflict, match="constitution changed"):
        say(batch)
    assert latest_review(batch.subject).status == ReviewStatus.IN_REVIEW


def test_no_vote_counts_once_another_version_of_an_agent_was_approved():
    old = acts.bring_in(raw=acts.definition("a"))
    acts.approve(old)
    rival = acts.bring_in(raw=acts.definition("a", "\nRival.\n"))
    mine = acts.bring_in(raw=acts.definition("a", "\nMine.\n"))
    batch = listed([mine, *drafts("b")])
    acts.approve(rival)
    with pytest.raises(Conflict, match="Another version of a was approved"):
        say(batch)


def test_no_vote_counts_once_a_version_left_the_list():
    versions = drafts("a", "b")
    batch = listed(versions)
    withdraw_review(review_id=latest_review(versions[0].subject).pk, by="user:1", at=NOW)
    with pytest.raises(Conflict, match="left this list"):
        say(batch)


def test_the_glass_broken_for_a_listed_version_takes_it_out_for_a_verdict_of_its_own():
    acts.ratify()
    versions = drafts("a", "b")
    batch = listed(versions)
    break_glass(
        version_id=versions[0].pk,
        environment="production",
        reason="Customers cannot sign in at all.",
        hours=2,
        by=acts.approver(),
        at=NOW,
    )
    own = latest_review(versions[0].subject)
    assert (own.part_of, own.mandatory, own.status) == (None, True, "in_review")
    with pytest.raises(Conflict, match="left this list"):
        say(batch)
    with pytest.raises(Conflict, match="verdict of its own"):
        listed([versions[0]])


def test_approvals_that_an_amendment_touched_are_affirmed_again_in_one_vote():
    acts.ratify()
    versions = drafts("a", "b")
    for version in versions:
        acts.approve(version)
    law = acts.ratify(SECOND_LAW)
    batch = listed(versions, kind="reaffirmation")
    assert say(batch).status == ReviewStatus.APPROVED
    for version in versions:
        part = latest_review(version.subject)
        assert (part.status, part.constitution_sha256) == ("approved", law.sha256)
        basis = ReviewBasis.objects.get(review=part)
        assert (basis.base, basis.change_class) == (version, "wording")
        release(version_id=version.pk, environment="production", by=acts.owner(), at=NOW)


def test_an_approval_that_nothing_touched_is_not_affirmed_again():
    acts.ratify()
    version = drafts("a")[0]
    acts.approve(version)
    with pytest.raises(Conflict, match="no approval that an amendment touched"):
        listed([version], kind="reaffirmation")
    assert latest_review(version.subject).status == ReviewStatus.APPROVED


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"kind": "everything"}, "baseline or a re-affirmation"),
        ({"version_ids": []}, "at least one"),
        ({"version_ids": range(1, MOST_ITEMS + 2)}, "Make several"),
    ],
)
def test_a_list_that_makes_no_sense_is_refused(change, refusal):
    known = {"kind": "baseline", "version_ids": [1], "title": "", "by": acts.owner(), "at": NOW}
    with pytest.raises(InvalidInput, match=refusal):
        open_batch(**(known | change))
    assert not Batch.objects.exists()


def test_unknown_versions_settled_ones_and_two_of_one_agent_are_refused():
    with pytest.raises(NotThere):
        open_batch(kind="baseline", version_ids=[999_999], title="", by=acts.owner(), at=NOW)
    version = drafts("a")[0]
    reviewing.submit_version(version_id=version.pk, by=version.author, at=NOW)
    acts.say(version, acts.approver(), "reject", "No.")
    with pytest.raises(Conflict, match="a version 1|Worker|import the changed text"):
        listed([version])
    two = [acts.bring_in(raw=acts.definition("b", more)) for more in ("", "\nMore.\n")]
    with pytest.raises(InvalidInput, match="one version of"):
        listed(two)
    assert not BatchItem.objects.exists()


def test_the_database_lets_no_version_be_approved_apart_from_its_list():
    versions = drafts("a", "b")
    listed(versions)
    part = latest_review(versions[0].subject)
    with pytest.raises(IntegrityError), transaction.atomic():
        Review.objects.filter(pk=part.pk).update(status="approved", closed_at=NOW)


def test_the_policy_of_a_reaffirmation_is_that_of_wording():
    policy = Policy.objects.create(name="Three", slug="three", kind="review", required_votes=3)
    ReviewRule.objects.create(change_class="wording", policy=policy)
    acts.ratify()
    version = drafts("a")[0]
    acts.approve(version)
    acts.ratify(SECOND_LAW)
    whole = latest_review(listed([version], kind="reaffirmation").subject)
    assert (whole.required_votes, whole.policy_name) == (3, "Three")


def test_the_history_names_the_whole_list():
    versions = drafts("a", "b")
    batch = listed(versions)
    data = told(batch.subject, "batch.opened")
    assert data["versions"] == [version.pk for version in versions]
    assert data["sha256"] == batch.sha256

"""Reviews: who votes, what a vote does, and what a refused one leaves behind."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError, IntegrityError

from governance.asking.models import Ask, AskKind, Policy, Sighting
from governance.audit.models import AuditEvent
from governance.audit.services import verify
from governance.base.errors import (
    Conflict,
    InvalidInput,
    InvalidTransition,
    NotPermitted,
    NotThere,
    Refusal,
)
from governance.people.models import Role, User
from governance.people.services import actor_of
from governance.review import services
from governance.review.models import TRANSITIONS, Review, ReviewStatus, Vote
from governance.review.panel import panel_for
from tests.factories import NOW, RunnerFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)

SHA, LAW = "a" * 64, "b" * 64
ALLOWED = {
    ("in_review", "approved"),
    ("in_review", "changes_requested"),
    ("in_review", "rejected"),
    ("in_review", "withdrawn"),
}


def approver(**fields: Any) -> User:
    return UserFactory(roles=[Role.APPROVER], **fields)


def opened(author: User | None = None, *, votes: int = 1, **changes: Any) -> Review:
    Policy.objects.filter(is_default=True).update(required_votes=votes)
    author = author or UserFactory(roles=[Role.OWNER])
    known: dict[str, Any] = {
        "kind": AskKind.REVIEW,
        "subject": "thing:1",
        "title": "Thing, version 1",
        "path": "/things/1/",
        "version_sha256": SHA,
        "constitution_sha256": LAW,
        "excluded": {author.pk},
        "by": actor_of(author),
        "at": NOW,
    }
    return services.open_review(**(known | changes))


def cast(review: Review, by: Any, verdict: str = "approve", **changes: Any) -> Review:
    known: dict[str, Any] = {"comment": "", "seen_sha256": SHA, "method": "session", "at": NOW}
    return services.cast_vote(review_id=review.pk, by=by, verdict=verdict, **(known | changes))


def kinds(review: Review) -> list[str]:
    events = AuditEvent.objects.filter(stream=f"review:{review.pk}").order_by("number")
    return list(events.values_list("kind", flat=True))


def untouched(review: Review) -> bool:
    """As after opening: no vote, nothing moved, nothing written, people still asked."""
    review.refresh_from_db()
    return (
        review.status == "in_review"
        and review.closed_at is None
        and not Vote.objects.exists()
        and kinds(review) == ["ask.opened", "review.opened"]
        and Ask.objects.open().filter(subject=f"review:{review.pk}").exists()
    )


def test_opening_asks_people_and_binds_the_review_to_what_it_is_about():
    author = UserFactory(roles=[Role.OWNER])
    review = opened(author, votes=2)
    ask = Ask.objects.get()
    assert (review.status, review.version_sha256, review.constitution_sha256) == (
        "in_review",
        SHA,
        LAW,
    )
    assert (review.policy_name, review.required_votes) == ("Reviews of versions", 2)
    assert review.excluded == ask.excluded == [author.pk]
    assert (ask.subject, ask.fingerprint, ask.path) == (f"review:{review.pk}", SHA, "/things/1/")
    assert ask.next_action_at is not None
    assert kinds(review) == ["ask.opened", "review.opened"]
    assert list(verify()) == []


def test_a_subject_has_one_open_review():
    opened()
    with pytest.raises(Conflict):
        opened()
    assert Review.objects.count() == Ask.objects.count() == 1


def test_a_review_without_an_ask_cannot_be_written():
    with pytest.raises(IntegrityError), transaction.atomic():
        Review.objects.create(
            subject="thing:1",
            title="Thing",
            path="/",
            version_sha256=SHA,
            policy_name="none",
            required_votes=1,
            opened_at=NOW,
            opened_by="user:1",
        )


def test_a_missing_default_policy_does_not_stop_a_review():
    Policy.objects.filter(kind=AskKind.REVIEW, is_default=True).delete()
    assert opened().required_votes == 1


def test_enough_approvals_approve_and_nobody_is_asked_any_more():
    review, voter = opened(), approver()
    after = cast(review, voter, comment="  Fine. ", method="mail_link")
    vote = Vote.objects.get()
    assert (after.status, after.closed_at) == ("approved", NOW)
    assert (vote.voter, vote.comment, vote.method) == (voter, "Fine.", "mail_link")
    assert (vote.version_sha256, vote.constitution_sha256) == (SHA, LAW)
    assert Ask.objects.get().closed_because == "approved"
    assert Sighting.objects.get().user == voter
    assert {"review.voted", "review.approved"} < set(kinds(review))
    assert list(verify()) == []


def test_two_votes_are_needed_where_the_policy_asked_for_two():
    review, first, second = opened(votes=2), approver(), approver()
    assert cast(review, first).status == "in_review"
    assert Ask.objects.open().exists()
    assert panel_for(second, review, at=NOW).needed == "1 of 2 votes"
    assert cast(review, second).status == "approved"


def test_a_policy_edited_later_does_not_move_an_open_review():
    review = opened(votes=2)
    Policy.objects.filter(kind=AskKind.REVIEW).update(required_votes=1)
    assert cast(review, approver()).status == "in_review"


@pytest.mark.parametrize(
    ("verdict", "status"),
    [("reject", "rejected"), ("request_changes", "changes_requested")],
)
def test_one_no_ends_a_review_however_many_votes_it_needs(verdict, status):
    review = opened(votes=3)
    cast(review, approver())
    after = cast(review, approver(), verdict, comment="The tools are too wide.")
    assert after.status == status
    assert not Ask.objects.open().exists()


@pytest.mark.parametrize("superuser", [False, True])
def test_an_author_votes_on_nothing_of_theirs_superuser_or_not(superuser):
    author = approver(is_superuser=superuser)
    review = opened(author)
    with pytest.raises(NotPermitted) as refused:
        cast(review, author)
    assert refused.value.code == "four_eyes"
    assert untouched(review)


def test_being_a_superuser_gives_no_vote():
    review = opened()
    with pytest.raises(NotPermitted):
        cast(review, UserFactory(is_superuser=True))
    assert untouched(review)


def test_a_runner_never_votes():
    review = opened()
    with pytest.raises(NotPermitted) as refused:
        cast(review, RunnerFactory())
    assert refused.value.code == "people_only"
    assert untouched(review)


@pytest.mark.parametrize("roles", [[], [Role.OWNER], [Role.AUDITOR], [Role.ADMINISTRATOR]])
def test_only_approvers_vote(roles):
    review = opened()
    with pytest.raises(NotPermitted):
        cast(review, UserFactory(roles=roles))
    assert untouched(review)


def test_an_approver_whose_account_is_off_does_not_vote():
    review = opened()
    with pytest.raises(NotPermitted):
        cast(review, approver(is_active=False))
    assert untouched(review)


@pytest.mark.parametrize(
    ("verdict", "changes", "refusal", "code"),
    [
        ("approve", {"seen_sha256": "c" * 64}, Conflict, "changed_since_seen"),
        ("approve", {"seen_sha256": ""}, Conflict, "changed_since_seen"),
        ("reject", {"comment": "  "}, InvalidInput, "invalid_input"),
        ("request_changes", {}, InvalidInput, "invalid_input"),
        ("approve", {"comment": "x" * 5001}, InvalidInput, "invalid_input"),
        ("approved", {}, InvalidInput, "invalid_input"),
    ],
)
def test_a_refused_vote_leaves_nothing_behind(verdict, changes, refusal, code):
    review = opened()
    with pytest.raises(refusal) as refused:
        cast(review, approver(), verdict, **changes)
    assert refused.value.code == code
    assert untouched(review)


def test_there_is_no_voting_on_what_does_not_exist():
    review = opened()
    with pytest.raises(NotThere):
        services.cast_vote(
            review_id=review.pk + 1,
            by=approver(),
            verdict="approve",
            comment="",
            seen_sha256=SHA,
            method="session",
            at=NOW,
        )


def test_the_same_vote_again_returns_the_same_even_when_closed():
    review, voter = opened(), approver()
    cast(review, voter, comment="Fine.")
    before = kinds(review)
    assert cast(review, voter, comment="Fine.").status == "approved"
    assert kinds(review) == before
    assert Vote.objects.count() == 1


@pytest.mark.parametrize(
    ("verdict", "comment"), [("reject", "No."), ("approve", "Another comment.")]
)
def test_a_different_vote_of_the_same_person_is_refused(verdict, comment):
    review, voter = opened(votes=2), approver()
    cast(review, voter)
    with pytest.raises(Conflict) as refused:
        cast(review, voter, verdict, comment=comment)
    assert refused.value.code == "voted"
    assert Vote.objects.get().verdict == "approve"


def test_a_closed_review_takes_no_vote():
    review = opened()
    cast(review, approver())
    with pytest.raises(Conflict) as refused:
        cast(review, approver(), "reject", comment="Too late.")
    assert refused.value.code == "closed"
    assert Vote.objects.count() == 1


def test_a_vote_rolls_back_when_the_history_cannot_be_written(monkeypatch):
    review = opened()

    def fail(**kwargs: Any) -> None:
        raise DatabaseError("no history")

    monkeypatch.setattr(services, "append", fail)
    with pytest.raises(DatabaseError):
        cast(review, approver())
    assert untouched(review)


def test_opening_rolls_back_when_the_history_cannot_be_written(monkeypatch):
    def fail(**kwargs: Any) -> None:
        raise DatabaseError("no history")

    monkeypatch.setattr(services, "append", fail)
    with pytest.raises(DatabaseError):
        opened()
    assert not Review.objects.exists()
    assert not Ask.objects.exists()


def in_parallel(acts: list[Any]) -> list[Any]:
    """Run all at once, each on a connection of its own; refusals are results."""
    together = Barrier(len(acts))

    def run(act: Any) -> Any:
        together.wait()
        try:
            return act()
        except Refusal as refusal:
            return refusal
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def test_of_two_people_who_disagree_at_once_one_decides():
    review, first, second = opened(), approver(), approver()
    results = in_parallel(
        [lambda: cast(review, first), lambda: cast(review, second, "reject", comment="No.")]
    )
    refused = [result for result in results if isinstance(result, Refusal)]
    assert [refusal.code for refusal in refused] == ["closed"]
    assert Vote.objects.count() == 1
    review.refresh_from_db()
    assert (review.status, Vote.objects.get().verdict) in {
        ("approved", "approve"),
        ("rejected", "reject"),
    }
    assert list(verify()) == []


def test_the_last_two_of_two_votes_at_once_approve_once():
    review, first, second = opened(votes=2), approver(), approver()
    in_parallel([lambda: cast(review, first), lambda: cast(review, second)])
    review.refresh_from_db()
    assert review.status == "approved"
    assert kinds(review).count("review.approved") == 1


def test_a_person_who_clicks_eight_times_votes_once():
    review, voter = opened(votes=2), approver()
    in_parallel([lambda: cast(review, voter)] * 8)
    assert Vote.objects.count() == 1
    assert kinds(review).count("review.voted") == 1


def test_votes_cannot_be_rewritten_or_removed():
    cast(opened(), approver())
    with pytest.raises(DatabaseError), transaction.atomic():
        Vote.objects.update(verdict="reject")
    with pytest.raises(DatabaseError), transaction.atomic():
        Vote.objects.all().delete()
    assert Vote.objects.get().verdict == "approve"


def test_who_submitted_it_takes_it_back_and_nobody_else():
    author = UserFactory(roles=[Role.OWNER])
    review = opened(author)
    with pytest.raises(NotPermitted):
        services.take_back(review_id=review.pk, by=UserFactory(roles=[Role.OWNER]), at=NOW)
    assert untouched(review)
    assert services.take_back(review_id=review.pk, by=author, at=NOW).status == "withdrawn"
    assert Ask.objects.get().closed_because == "withdrawn"
    before = kinds(review)
    services.take_back(review_id=review.pk, by=author, at=NOW)
    assert kinds(review) == before


def test_what_is_decided_cannot_be_taken_back():
    author = UserFactory(roles=[Role.OWNER])
    review = opened(author)
    cast(review, approver())
    with pytest.raises(InvalidTransition):
        services.take_back(review_id=review.pk, by=author, at=NOW)
    review.refresh_from_db()
    assert review.status == "approved"


def test_a_runners_owner_may_take_back_what_it_submitted():
    runner = RunnerFactory()
    review = opened(runner.owner, by=actor_of(runner))
    assert services.take_back(review_id=review.pk, by=runner.owner, at=NOW).status == "withdrawn"


def test_seeing_is_noted_once_and_strangers_see_nothing():
    review, auditor = opened(), UserFactory(roles=[Role.AUDITOR])
    services.see_review(review_id=review.pk, by=auditor, at=NOW)
    services.see_review(review_id=review.pk, by=auditor, at=NOW)
    with pytest.raises(NotThere):
        services.see_review(review_id=review.pk, by=UserFactory(), at=NOW)
    assert [sighting.user for sighting in Sighting.objects.all()] == [auditor]


def test_a_closed_review_is_no_longer_noted_as_seen():
    review = opened()
    services.withdraw_review(review_id=review.pk, by=actor_of(approver()), at=NOW)
    services.see_review(review_id=review.pk, by=approver(), at=NOW)
    assert not Sighting.objects.exists()


def test_the_vote_button_says_why_it_is_off():
    author = approver()
    review, voter = opened(author, votes=2), approver()
    assert services.may_vote(voter, review) == (True, "")
    assert "You wrote, submitted" in services.may_vote(author, review)[1]
    assert "role approver" in services.may_vote(UserFactory(roles=[Role.AUDITOR]), review)[1]
    assert "never does" in services.may_vote(RunnerFactory(), review)[1]
    cast(review, voter)
    assert "You have voted" in services.may_vote(voter, review)[1]
    services.withdraw_review(review_id=review.pk, by=actor_of(author), at=NOW)
    review.refresh_from_db()
    assert services.may_vote(approver(), review) == (False, "This review is closed: withdrawn.")


def test_the_panel_costs_the_same_whoever_voted(django_assert_num_queries):
    review = opened(votes=9)
    reader = UserFactory(roles=[Role.AUDITOR])
    with django_assert_num_queries(6):
        panel_for(reader, review, at=NOW)
    voters = [approver() for _ in range(4)]
    for voter in voters:
        cast(review, voter)
    with django_assert_num_queries(7):
        panel = panel_for(reader, review, at=NOW)
        names = [str(vote.voter) for vote in panel.votes]
        assert names == [str(sighting.user) for sighting in panel.seen_by]
    assert names == [str(voter) for voter in voters]


@pytest.mark.parametrize("now", ReviewStatus.values)
@pytest.mark.parametrize("to", ReviewStatus.values)
def test_a_review_moves_only_as_the_table_says(now, to):
    review = Review(title="Thing", status=now)
    if (now, to) in ALLOWED:
        review.move_to(to)
        assert review.status == to
    else:
        with pytest.raises(InvalidTransition):
            review.move_to(to)
        assert review.status == now


def test_the_table_names_every_status():
    assert set(TRANSITIONS) == set(ReviewStatus.values)

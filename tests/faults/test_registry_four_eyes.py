"""46, 65, 67, 68: ways round four eyes that lead through two parts of the registry at once."""

from datetime import timedelta

import pytest

from agents import services
from agents.batches.services import open_batch, vote_on_batch
from agents.ledger.services import confirm_stance, refuse_stance
from agents.models import Environment, ReviewRule
from agents.ownership.services import hand_over
from agents.releasing.services import break_glass, release, suspend
from agents.resolving import resolve
from agents.review_policy import environment_of
from agents.reviewing import services as reviewing
from governance.asking.models import Policy
from governance.base.errors import Conflict, NotPermitted
from governance.constitution import services as law
from governance.people.models import Role
from governance.review.models import ReviewStatus
from governance.review.services import latest_review
from tests.agents import acts
from tests.agents.ledger import acts as ledger_acts
from tests.constitution import acts as law_acts
from tests.factories import NOW, RunnerFactory, UserFactory

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(hours=1)
WIDER = acts.definition().replace(b"tools: Read, Grep", b"tools: Read, Grep, Bash")
DEPENDENCIES, SECRETS = [{"preset": "dependencies"}], [{"preset": "secrets"}]
WHY = "The payment service is down since nine."


def owner_and_approver():
    return UserFactory(roles=[Role.OWNER, Role.APPROVER])


def strict_production(votes=2) -> None:
    """Production asks for more votes than staging, whatever the change."""
    policy = Policy.objects.create(
        name="Strict", slug="strict", kind="review", required_votes=votes
    )
    production = Environment.objects.get(slug="production")
    for change_class in ("new", "cosmetic", "wording", "behaviour", "privilege"):
        ReviewRule.objects.create(change_class=change_class, environment=production, policy=policy)


def lenient_staging() -> None:
    policy = Policy.objects.create(name="Lenient", slug="lenient", kind="review", required_votes=1)
    staging = Environment.objects.get(slug="staging")
    ReviewRule.objects.create(change_class="privilege", environment=staging, policy=policy)


def approved_for_staging(raw=None, at=NOW):
    version = acts.bring_in(raw=raw, at=at)
    reviewing.submit_version(version_id=version.pk, by=version.author, at=at, environment="staging")
    assert acts.say(version, acts.approver(), at=at).status == ReviewStatus.APPROVED
    return version


# --- an approval for staging that reaches production ---------------------------------------------


def test_a_cosmetic_change_of_what_only_staging_approved_is_judged_beside_what_all_approved():
    acts.approve(acts.bring_in())
    lenient_staging()
    approved_for_staging(WIDER)
    cosmetic = acts.bring_in(raw=WIDER + b"\n\n")
    review = reviewing.submit_version(version_id=cosmetic.pk, by=cosmetic.author, at=NOW)
    assert review.required_votes == 2
    assert acts.say(cosmetic, acts.approver()).status == ReviewStatus.IN_REVIEW


def test_in_a_list_too_what_only_staging_approved_is_no_base():
    acts.approve(acts.bring_in())
    lenient_staging()
    approved_for_staging(WIDER)
    cosmetic = acts.bring_in(raw=WIDER + b"\n\n")
    batch = open_batch(
        kind="baseline", version_ids=[cosmetic.pk], title="", by=acts.owner(), at=NOW
    )
    assert latest_review(batch.subject).required_votes == 2


def test_for_staging_itself_what_staging_approved_is_the_base():
    lenient_staging()
    first = approved_for_staging()
    second = acts.bring_in(raw=acts.definition() + b"\n\n")
    reviewing.submit_version(version_id=second.pk, by=second.author, at=NOW, environment="staging")
    other = approved_for_staging(acts.definition(more="\nBe brief.\n"))
    assert other.pk > first.pk
    with pytest.raises(Conflict, match="Another version was approved"):
        acts.say(second, acts.approver())


def test_affirming_again_widens_no_approval_to_other_environments():
    acts.ratify()
    strict_production()
    version = approved_for_staging()
    acts.ratify(acts.AMENDED, at=LATER)
    batch = open_batch(
        kind="reaffirmation", version_ids=[version.pk], title="", by=acts.owner(), at=LATER
    )
    vote_on_batch(
        batch_id=batch.pk,
        by=acts.approver(),
        verdict="approve",
        comment="",
        seen_sha256=batch.sha256,
        method="session",
        at=LATER,
    )
    review = latest_review(version.subject)
    assert review.status == ReviewStatus.APPROVED
    assert environment_of(review).slug == "staging"
    with pytest.raises(Conflict, match="approved for staging only"):
        release(version_id=version.pk, environment="production", by=acts.owner(), at=LATER)


def test_what_nobody_ever_approved_is_not_affirmed_again():
    acts.ratify()
    draft = acts.bring_in()
    acts.ratify(acts.AMENDED, at=LATER)
    with pytest.raises(Conflict, match="no approval that an amendment touched"):
        open_batch(
            kind="reaffirmation", version_ids=[draft.pk], title="", by=acts.owner(), at=LATER
        )


# --- break-glass ---------------------------------------------------------------------------------


def breaks(version, by=None, environment="production", at=NOW):
    return break_glass(
        version_id=version.pk,
        environment=environment,
        reason=WHY,
        hours=4,
        by=by or acts.owner(),
        at=at,
    )


def test_an_approval_for_staging_does_not_mend_the_glass_of_production():
    acts.ratify()
    version = acts.bring_in()
    breaks(version)
    review = latest_review(version.subject)
    acts.ratify(acts.AMENDED, at=LATER)
    again = reviewing.submit_version(
        version_id=version.pk, by=version.author, at=LATER, environment="staging"
    )
    assert again.pk != review.pk
    assert again.mandatory
    assert environment_of(again) is None


def test_glass_broken_beside_an_open_review_for_another_environment_is_judged_for_all():
    acts.ratify()
    strict_production()
    version = acts.bring_in()
    reviewing.submit_version(
        version_id=version.pk, by=version.author, at=NOW, environment="staging"
    )
    breaks(version)
    review = latest_review(version.subject)
    assert (review.required_votes, environment_of(review)) == (2, None)


def test_the_glass_is_broken_again_only_after_an_approval_that_is_good_there():
    acts.ratify()
    version = acts.bring_in()
    reviewing.submit_version(
        version_id=version.pk, by=version.author, at=NOW, environment="staging"
    )
    breaks(version, environment="staging")
    assert acts.say(version, acts.approver(), at=LATER).status == ReviewStatus.APPROVED
    with pytest.raises(Conflict, match="broken for this text before"):
        breaks(version, environment="production", at=LATER)


def test_the_vote_of_who_then_breaks_the_glass_does_not_count_for_the_review_that_follows():
    acts.ratify()
    acts.approve(acts.bring_in())
    version = acts.bring_in(raw=WIDER)
    reviewing.submit_version(version_id=version.pk, by=version.author, at=NOW)
    breaker = UserFactory(roles=[Role.APPROVER, Role.OWNER])
    assert acts.say(version, breaker).status == ReviewStatus.IN_REVIEW
    breaks(version, breaker)
    assert latest_review(version.subject).votes.count() == 0
    assert acts.say(version, acts.approver()).status == ReviewStatus.IN_REVIEW
    with pytest.raises(NotPermitted):
        acts.say(version, breaker)


@pytest.mark.parametrize("verdict", ["reject", "request_changes"])
def test_a_text_that_was_turned_down_comes_back_under_no_other_number(verdict):
    acts.ratify()
    version = acts.bring_in()
    reviewing.submit_version(version_id=version.pk, by=version.author, at=NOW)
    acts.say(version, acts.approver(), verdict, "No.")
    acts.bring_in(raw=acts.definition(more="\nOther.\n"))
    back = acts.bring_in()
    assert (back.sequence, back.sha256) == (3, version.sha256)
    with pytest.raises(Conflict) as refused:
        breaks(back)
    assert refused.value.code == "settled"
    with pytest.raises(Conflict) as refused:
        reviewing.submit_version(version_id=back.pk, by=back.author, at=NOW)
    assert refused.value.code == "settled"
    with pytest.raises(Conflict) as refused:
        open_batch(kind="baseline", version_ids=[back.pk], title="", by=acts.owner(), at=NOW)
    assert refused.value.code == "settled"


def test_the_text_of_a_suspended_version_is_not_served_under_another_number():
    acts.put_into_production()
    acts.approve(acts.bring_in(raw=acts.definition(more="\nOther.\n")))
    suspend(slug="worker", sequence=1, reason="It deletes.", by=acts.owner(), at=NOW)
    back = acts.bring_in()
    acts.approve(back)
    with pytest.raises(Conflict, match="It deletes"):
        release(version_id=back.pk, environment="production", by=acts.owner(), at=NOW)
    with pytest.raises(Conflict, match="It deletes"):
        resolve(slug="worker", environment="production", principal=RunnerFactory(), at=NOW)


# --- one's own words under another's name --------------------------------------------------------


def test_who_wrote_an_unapproved_draft_does_not_approve_it_when_another_brings_it_in():
    writer = owner_and_approver()
    acts.bring_in(writer)
    brought = acts.bring_in(raw=acts.definition() + b"\n")
    reviewing.submit_version(version_id=brought.pk, by=brought.author, at=NOW)
    with pytest.raises(NotPermitted, match="somebody else"):
        acts.say(brought, writer)
    assert acts.say(brought, acts.approver()).status == ReviewStatus.APPROVED


def test_nor_the_owner_of_the_runner_that_proposed_the_draft():
    writer = owner_and_approver()
    services.import_definition(
        raw=acts.definition(),
        filename="worker.md",
        family="sample",
        by=RunnerFactory(owner=writer),
        at=NOW,
    )
    brought = acts.bring_in(raw=acts.definition() + b"\n")
    reviewing.submit_version(version_id=brought.pk, by=brought.author, at=NOW)
    with pytest.raises(NotPermitted):
        acts.say(brought, writer)


def test_words_that_people_have_approved_bind_their_writer_no_more():
    writer = owner_and_approver()
    acts.approve(acts.bring_in(writer))
    changed = acts.bring_in(raw=acts.definition(more="\nOther work as well.\n"))
    reviewing.submit_version(version_id=changed.pk, by=changed.author, at=NOW)
    assert acts.say(changed, writer).status == ReviewStatus.APPROVED


def test_nobody_ratifies_his_own_draft_that_another_brought_in():
    writer = owner_and_approver()
    law_acts.imported(by=writer)
    brought = law.import_constitution(raw=law_acts.raw() + b"\n", by=acts.owner(), at=NOW)
    law.submit_version(version_id=brought.pk, by=brought.author, at=NOW)
    with pytest.raises(NotPermitted):
        law.vote(
            version_id=brought.pk,
            by=writer,
            verdict="approve",
            comment="",
            seen_sha256=brought.sha256,
            method="session",
            at=NOW,
        )


# --- the ledger ----------------------------------------------------------------------------------


def test_handing_the_agent_over_does_not_let_its_owner_loosen_its_rules():
    owner = owner_and_approver()
    services.import_definition(
        raw=acts.definition(),
        filename="worker.md",
        family="sample",
        by=acts.owner(),
        owner=owner,
        at=NOW,
    )
    ledger_acts.judge()
    ledger_acts.judge(mode="enforce")
    hand_over(slug="worker", owner_id=acts.owner().pk, team_id=None, by=owner, at=LATER)
    with pytest.raises(NotPermitted, match="you owned the agent"):
        ledger_acts.judge(owner, reason="Too loud.", at=LATER)
    asked = ledger_acts.judge(reason="Too loud.", at=LATER)
    with pytest.raises(NotPermitted, match="you owned the agent"):
        confirm_stance(stance_id=asked.pk, by=owner, at=LATER)


def test_a_narrower_matcher_a_weaker_class_and_observing_are_all_loosening():
    acts.bring_in()
    author = acts.approver()
    ledger_acts.judge(author)
    ledger_acts.judge(author, mode="enforce", matchers=[*DEPENDENCIES, *SECRETS])
    for looser in (
        {"mode": "enforce", "matchers": DEPENDENCIES},
        {"mode": "observe", "matchers": [*DEPENDENCIES, *SECRETS]},
        {"rule_class": "advisory", "mode": "", "matchers": []},
    ):
        stance = ledger_acts.judge(author, reason="Too loud.", **looser)
        assert stance.loosens
        assert stance.confirmed_at is None
        with pytest.raises(NotPermitted, match="Somebody else"):
            confirm_stance(stance_id=stance.pk, by=author, at=LATER)
        refuse_stance(stance_id=stance.pk, reason="", by=author, at=LATER)


def test_nobody_loosens_in_two_acts_what_he_may_not_loosen_in_one():
    """First another matcher beside the old one, then without the old one."""
    acts.bring_in()
    author = acts.approver()
    ledger_acts.judge(author)
    ledger_acts.judge(author, mode="enforce")
    wider = ledger_acts.judge(author, mode="enforce", matchers=[*DEPENDENCIES, *SECRETS])
    assert wider.confirmed_at
    replaced = ledger_acts.judge(author, mode="enforce", matchers=SECRETS, reason="Cleaner.")
    assert replaced.loosens
    assert replaced.confirmed_at is None
    enforced = ledger_acts.judge(
        author, rule_class="enforced", mode="enforce", matchers=[*DEPENDENCIES, *SECRETS]
    )
    assert enforced.confirmed_at
    gated = ledger_acts.judge(
        author, mode="enforce", matchers=[*DEPENDENCIES, *SECRETS], reason="As it was."
    )
    assert gated.loosens

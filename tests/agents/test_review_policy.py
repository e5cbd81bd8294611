"""What a change is chooses whose votes it needs; nothing in the file can."""

import json

import pytest

from agents.changes import ChangeClass
from agents.comparing import CHANGE_TONES, LABELS, comparison_of
from agents.models import AgentVersion, ReviewBasis, ReviewRule, Tier
from agents.reviewing import services as reviewing
from governance.asking.models import Ask, Policy
from governance.audit.models import AuditEvent
from governance.base.errors import Conflict
from governance.review.models import Review, ReviewStatus
from tests.agents import acts
from tests.factories import NOW

pytestmark = pytest.mark.django_db(transaction=True)

RULE = b"- NEVER add external dependencies without approval\n"
FIRST = acts.definition()
WITHOUT_RULE = FIRST.replace(RULE, b"")
WIDER = FIRST.replace(b"tools: Read, Grep", b"tools: Read, Grep, Bash")
OTHER_WORK = FIRST.replace(b"You do small work.", b"You do small work.\n\nThen you rest.")


def approved() -> AgentVersion:
    version = acts.bring_in(raw=FIRST)
    acts.approve(version)
    return version


def submitted(raw: bytes) -> tuple[AgentVersion, Review]:
    version = acts.bring_in(raw=raw)
    return version, reviewing.submit_version(version_id=version.pk, by=version.author, at=NOW)


def test_every_class_has_a_label_and_a_tone():
    assert set(LABELS) == set(CHANGE_TONES) == set(ChangeClass)


def test_a_first_version_is_new_and_needs_one_vote():
    version, review = submitted(FIRST)
    assert (version.change_class, version.base) == ("new", None)
    assert review.required_votes == 1


@pytest.mark.parametrize(
    ("raw", "change_class", "votes"),
    [
        (WITHOUT_RULE, "privilege", 2),
        (WIDER, "privilege", 2),
        (OTHER_WORK, "behaviour", 1),
        (FIRST.replace(b"small work", b"small and tidy work"), "wording", 1),
        (FIRST + b"\n\n", "cosmetic", 1),
    ],
)
def test_the_class_of_a_change_decides_how_many_votes_it_needs(raw, change_class, votes):
    base = approved()
    version, review = submitted(raw)
    assert (version.change_class, version.base) == (change_class, base)
    assert review.required_votes == votes


def test_a_change_of_privilege_is_approved_by_the_second_vote():
    approved()
    version, review = submitted(WITHOUT_RULE)
    assert acts.say(version, acts.approver()).status == ReviewStatus.IN_REVIEW
    assert acts.say(version, acts.approver()).status == ReviewStatus.APPROVED


def test_the_seed_without_its_rule_and_with_bash_asks_for_two_votes_even_before_any_approval():
    seed = acts.seed()
    acts.bring_in(raw=seed)
    changed = seed.replace(b"- **NEVER** add external dependencies without approval\n", b"")
    version, review = submitted(changed.replace(b"type: back", b"tools: Read, Bash\ntype: back"))
    assert version.change_class == "privilege"
    assert review.required_votes == 2


def test_a_change_is_compared_with_what_is_approved_not_with_the_draft_before_it():
    base = approved()
    acts.bring_in(raw=WITHOUT_RULE)
    version, review = submitted(WITHOUT_RULE + b"\n\n")
    assert (version.change_class, version.base) == ("privilege", base)
    assert review.required_votes == 2


def test_the_file_cannot_choose_its_policy():
    approved()
    claim = b"tier: low\nchange_class: cosmetic\nrequired_votes: 0\n"
    _, review = submitted(WITHOUT_RULE.replace(b"version: 1.0.0\n", b"version: 1.0.0\n" + claim))
    assert review.required_votes == 2


def test_a_rule_for_a_tier_stands_before_the_one_for_every_agent():
    base = approved()
    ReviewRule.objects.create(
        change_class="behaviour",
        tier=Tier.HIGH,
        policy=Policy.objects.get(slug="review-privilege"),
    )
    base.agent.tier = Tier.HIGH
    base.agent.save()
    assert submitted(OTHER_WORK)[1].required_votes == 2


def test_while_nothing_is_approved_a_small_change_needs_what_a_new_agent_needs():
    policy = Policy.objects.create(name="Three", slug="three", kind="review", required_votes=3)
    ReviewRule.objects.create(change_class="new", policy=policy)
    acts.bring_in(raw=FIRST)
    version, review = submitted(FIRST + b"\n\n")
    assert version.change_class == "cosmetic"
    assert review.required_votes == 3


def test_no_vote_counts_once_another_version_is_approved():
    approved()
    slow, review = submitted(FIRST + b"\n\n")
    assert review.required_votes == 1
    acts.approve(acts.bring_in(raw=FIRST + b"\n- NEVER print secrets\n"))
    with pytest.raises(Conflict, match="Another version was approved"):
        acts.say(slow, acts.approver())
    again = reviewing.submit_version(version_id=slow.pk, by=slow.author, at=NOW)
    assert again.pk != review.pk
    assert again.required_votes == 2
    assert ReviewBasis.objects.get(review=again).change_class == "privilege"
    with pytest.raises(Conflict, match="in review already"):
        reviewing.submit_version(version_id=slow.pk, by=slow.author, at=NOW)


def test_the_mail_names_the_class_and_what_changed():
    approved()
    _, review = submitted(WITHOUT_RULE)
    about = Ask.objects.get(subject=f"review:{review.pk}").about
    assert about.startswith("Privilege, beside approved version 1: The rule “NEVER add external")


def test_the_history_says_what_was_compared():
    base = approved()
    version, _ = submitted(WITHOUT_RULE)
    event = AuditEvent.objects.filter(kind="agent_version.submitted").latest("id")
    data = json.loads(bytes(event.body))["data"]
    assert (data["change_class"], data["base"]) == ("privilege", base.pk)
    assert ReviewBasis.objects.get(version=version).base == base


def test_a_version_from_before_there_were_classes_is_compared_when_it_is_submitted():
    base = approved()
    version = acts.bring_in(raw=WITHOUT_RULE)
    version.change_class = ""
    assert comparison_of(version).change_class is ChangeClass.PRIVILEGE
    assert comparison_of(version).base == base

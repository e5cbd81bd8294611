"""Which test holds which trap of the registry; a trap whose test is gone is found here."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
REVIEWS = "faults/test_registry_reviews.py"
RELEASES = "faults/test_registry_releases.py"
REQUESTS = "faults/test_registry_requests.py"
FOUR_EYES = "faults/test_registry_four_eyes.py"
HELD: dict[int, tuple[str, ...]] = {
    46: ("faults/test_four_eyes.py::test_46_", f"{FOUR_EYES}::test_"),
    52: ("faults/test_never_auto_decided.py::test_52_",),
    53: ("faults/test_never_auto_decided.py::test_53_",),
    59: (
        "audit/test_services.py::test_even_the_owner_meets_the_triggers",
        "test_project.py::test_the_application_works_as_its_own_role_and_owns_nothing",
    ),
    65: (f"{REVIEWS}::test_65_", f"{FOUR_EYES}::test_a_text_that_was_turned_down"),
    66: (f"{REVIEWS}::test_66_",),
    67: (f"{REVIEWS}::test_67_", f"{FOUR_EYES}::test_who_wrote_an_unapproved_draft"),
    68: (f"{REVIEWS}::test_68_", f"{FOUR_EYES}::test_a_cosmetic_change_of_what_only_staging"),
    69: (
        "constitution/test_services.py::test_placeholders_stop_it_before_anybody_is_asked",
        "constitution/test_services.py::test_vague_words_are_acknowledged_one_by_one",
        "constitution/test_services.py::test_the_templates_of_the_corpus_are_refused",
    ),
    70: (f"{REVIEWS}::test_70_",),
    71: (f"{RELEASES}::test_of_many_that_spend_one_approval_at_once_one_does",),
    72: ("agents/ledger/test_matching.py::test_a_command_in_disguise_is_what_it_is",),
    73: (
        "agents/intake/test_findings.py::test_traps_73_and_74_",
        "agents/intake/test_findings.py::test_trap_73_",
        "base/test_frontmatter.py::test_a_doubling_bomb_is_never_built",
    ),
    74: (
        "agents/intake/test_findings.py::test_trap_74_",
        "faults/test_registry_hostile_text.py::test_no_page_runs_loads_or_hides",
    ),
    75: ("agents/intake/test_import_many.py::test_trap_75_",),
    76: ("agents/intake/test_archives.py::test_trap_76_",),
    77: (
        f"{RELEASES}::test_nothing_suspended_is_served",
        f"{FOUR_EYES}::test_the_text_of_a_suspended_version_is_not_served_under_another_number",
        "faults/test_registry_races.py::test_what_is_suspended_while_it_is_released_is_not_served",
    ),
    78: (f"{RELEASES}::test_an_answer_given_to_a_suspended_version_permits_no_act",),
    79: ("audit/test_checkpoints.py::test_an_older_log_put_back_is_named",),
    80: (f"{RELEASES}::test_nobody_rolls_back_to_a_version_that_todays_constitution_refuses",),
    81: ("escalations/test_api.py::test_a_body_that_names_a_decider_is_refused",),
    82: (f"{REQUESTS}::test_a_runner_of_other_agents_finds_nothing",),
    83: (f"{REQUESTS}::test_an_odd_body_gets", f"{REQUESTS}::test_an_odd_value_gets"),
    84: (
        "client/test_folders.py::test_an_expired_bundle_is_refused",
        "client/test_folders.py::test_a_bundle_that_was_rolled_back_is_refused",
    ),
    87: (
        f"{REVIEWS}::test_66_no_way_lets_an_author_with_every_role_approve_his_own",
        "faults/test_registry_audit.py::test_an_act_that_cannot_be_written_down_has_not_happened",
    ),
}
PLACES = [(number, place) for number, places in HELD.items() for place in places]


@pytest.mark.parametrize(("number", "place"), PLACES)
def test_a_trap_of_the_registry_has_its_test(number, place):
    file, _, name = place.partition("::")
    written = (TESTS / file).read_text(encoding="utf-8")
    assert re.search(rf"^(?:async )?def {name}\w*\(", written, re.MULTILINE), number


def test_no_trap_from_65_to_80_is_left_out():
    assert set(range(65, 81)) <= set(HELD)

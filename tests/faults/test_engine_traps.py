"""Which test holds which fault of the engine; a fault whose test is gone is found here."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
CLOCK = "faults/test_engine_clock.py"
PROCESSES = "faults/test_engine_processes.py"
DATABASE = "faults/test_engine_database.py"
MAIL = "faults/test_engine_mail.py"
FAIRNESS = "faults/test_engine_fairness.py"
EARLIER = "faults/test_processes.py"
NEVER = "faults/test_never_auto_decided.py"
SWEEP = "asking/test_sweep.py"
REACHING = "asking/test_reaching.py"
DISPATCH = "asking/test_dispatch.py"
AUDITOR = "asking/watchdogs/test_auditor.py"
DEADMAN = "asking/watchdogs/test_deadman.py"
RACES = "escalations/test_races.py"
ABSENCES = "people/test_absences.py"
HOURS = "people/test_hours.py"
RULES = "escalations/test_rules.py"
LADDER_GOES_ON = "escalations/test_ladder_goes_on.py"
CLIENT = "client/test_client.py"
HELD: dict[int, tuple[str, ...]] = {
    1: (
        f"{SWEEP}::test_each_step_tells_its_people_once_at_its_delay",
        "asking/test_ladder.py::test_each_step_fires_once_at_its_delay",
    ),
    2: (
        f"{SWEEP}::test_after_thirty_days_it_is_open_and_reminds_once_a_day",
        "asking/test_ladder.py::test_the_last_step_repeats_for_ever_at_its_cap",
    ),
    3: (
        f"{SWEEP}::test_after_a_downtime_there_is_one_catch_up",
        "asking/test_ladder.py::test_a_late_action_shifts_what_follows",
    ),
    4: (f"{SWEEP}::test_a_clock_that_jumps_back_repeats_nothing", f"{CLOCK}::test_4_"),
    5: (
        f"{CLOCK}::test_5_a_mail_held_over_a_night",
        f"{CLOCK}::test_5_the_ladder_itself",
        f"{HOURS}::test_a_night_in_which_the_clock_changes",
        f"{HOURS}::test_an_end_that_the_clock_shows_twice",
    ),
    6: (
        f"{REACHING}::test_where_all_sleep_longer_than_the_step_lasts",
        f"{REACHING}::test_where_all_sleep_and_wake_before_the_next_step_the_notice_is_held",
        f"{REACHING}::test_where_everybody_up_the_ladder_sleeps",
        f"{REACHING}::test_what_wakes_people_is_not_held",
    ),
    7: (
        f"{CLOCK}::test_7_",
        f"{REACHING}::test_a_sleeper_gets_the_notice_on_waking_and_the_ladder_does_not_wait",
    ),
    8: (
        f"{SWEEP}::test_a_step_that_reaches_nobody_is_recorded_and_climbed_at_once",
        f"{SWEEP}::test_with_nobody_at_all_it_stays_open",
        f"{SWEEP}::test_people_are_looked_up_when_the_step_fires",
        f"{REACHING}::test_a_step_that_reaches_nobody_says_why",
        f"{REACHING}::test_an_address_counts_again_once_it_is_proved_anew",
        f"{CLOCK}::test_36_people_and_teams_that_go",
    ),
    9: (
        f"{CLOCK}::test_9_",
        "asking/test_services.py::test_later_edits_of_the_policy_do_not_move",
        f"{SWEEP}::test_a_policy_emptied_mid_ladder_changes_nothing",
    ),
    10: (
        f"{CLOCK}::test_10_",
        "asking/test_services.py::test_a_gap_in_the_positions_is_no_gap_in_the_ladder",
    ),
    11: (f"{CLOCK}::test_11_",),
    12: (
        f"{REACHING}::test_an_absence_that_begins_or_ends_while_a_step_lasts",
        f"{ABSENCES}::test_a_chain_is_followed",
        f"{ABSENCES}::test_a_circle_of_absences_ends",
        f"{ABSENCES}::test_somebody_who_may_not_answer_neither_stands_in",
        "people/test_away.py::test_a_delegate_is_somebody_else_who_is_still_here",
        f"{RULES}::test_four_eyes_bind_a_delegate_too",
    ),
    13: (
        "asking/test_snoozing.py::test_a_snooze_is_bounded_and_has_a_reason",
        f"{LADDER_GOES_ON}::test_a_snooze_holds_back_its_own_person_and_nobody_else",
        f"{REACHING}::test_a_snooze_that_ended_early_spares_nobody",
        f"{REACHING}::test_a_snooze_spares_one_person_and_nobody_else",
    ),
    14: (
        f"{LADDER_GOES_ON}::test_after_the_first_of_two_votes_the_other_approver_is_still",
        f"{RACES}::test_opposite_verdicts_at_once_make_one_decision",
        f"{RACES}::test_two_votes_at_once_meet_a_policy_of_two",
    ),
    15: (f"{FAIRNESS}::test_15_ten_thousand_due", f"{FAIRNESS}::test_15_a_sweep_of_all"),
    16: (
        "faults/test_engine_failpoints.py::test_16_",
        f"{EARLIER}::test_16_a_worker_killed_around_sending",
    ),
    17: ("faults/test_engine_chaos.py::test_17_",),
    18: (f"{EARLIER}::test_18_",),
    19: (f"{PROCESSES}::test_19_a_sweeper_whose", f"{PROCESSES}::test_19_who_holds_a_lock"),
    20: (f"{EARLIER}::test_20_", "asking/test_poke.py::test_asking_works_while_the_broker_hangs"),
    21: (f"{EARLIER}::test_21_",),
    22: (f"{EARLIER}::test_22_", f"{SWEEP}::test_sweeps_at_the_same_time_tell_each_person_once"),
    23: (
        f"{EARLIER}::test_23_",
        f"{DEADMAN}::test_an_outage_is_told_once_and_its_end_once",
        f"{DEADMAN}::test_everybody_reads_on_every_page",
        "asking/watchdogs/test_ping.py::test_the_outside_is_called",
    ),
    24: (f"{PROCESSES}::test_24_",),
    25: (
        f"{MAIL}::test_25_a_server_without_tls",
        f"{MAIL}::test_25_a_server_that_nobody_vouches_for",
        f"{MAIL}::test_25_wrong_credentials",
        f"{MAIL}::test_25_a_server_that_hangs",
        f"{MAIL}::test_25_no_server_holds_a_worker",
        f"{DISPATCH}::test_greylisting_is_tried_again_later",
        f"{DISPATCH}::test_the_pauses_grow_and_end_in_giving_up",
        f"{DISPATCH}::test_one_refused_recipient_fails_alone",
        f"{DISPATCH}::test_a_connection_lost_after_the_data",
        f"{DISPATCH}::test_a_server_that_says_421",
        f"{DISPATCH}::test_a_server_that_never_answers",
    ),
    26: (
        f"{DATABASE}::test_26_without_room",
        f"{DATABASE}::test_26_a_sweep_without_room",
        f"{DATABASE}::test_26_a_mail_that_went_out",
    ),
    27: (
        f"{DATABASE}::test_27_",
        f"{SWEEP}::test_a_poison_row_is_pushed_forward",
        f"{DISPATCH}::test_a_mail_that_cannot_be_made_does_not_hold_up_the_others",
    ),
    28: (f"{DATABASE}::test_28_a_sweep", f"{DATABASE}::test_28_a_mail"),
    29: (
        f"{AUDITOR}::test_29_a_nulled_timer",
        f"{AUDITOR}::test_29_a_stuck_lease",
        f"{AUDITOR}::test_a_question_that_the_sweep_does_not_move",
        f"{AUDITOR}::test_a_check_that_takes_too_long_is_cut_off",
    ),
    30: ("base/test_schema.py::test_30_", f"{PROCESSES}::test_30_"),
    31: (
        f"{RACES}::test_deciding_against_the_sweep_leaves_nothing_to_send",
        f"{SWEEP}::test_a_decision_under_way_is_waited_for_by_the_next_sweep",
    ),
    32: (
        f"{RACES}::test_eight_people_at_once_make_one_decision",
        f"{RACES}::test_opposite_verdicts_at_once_make_one_decision",
    ),
    33: (f"{RACES}::test_deciding_against_withdrawing_settles_once",),
    34: (
        f"{RACES}::test_one_person_clicking_eight_times_makes_one_decision",
        "escalations/test_views.py::test_posting_the_same_vote_twice_is_one_decision",
    ),
    35: (
        f"{RACES}::test_twenty_raises_with_one_key_make_one_case",
        f"{RACES}::test_one_key_with_two_bodies_makes_one_case_and_a_conflict",
    ),
    36: (f"{CLOCK}::test_36_people", f"{CLOCK}::test_36_a_question"),
    52: (f"{NEVER}::test_52_", "escalations/test_machine.py::test_no_history_of_a_case"),
    53: (f"{NEVER}::test_53_",),
    54: (
        f"{CLIENT}::test_every_other_state_is_no_yes",
        f"{CLIENT}::test_every_error_is_a_do_not_proceed",
        f"{CLIENT}::test_a_wait_survives_everything_that_passes",
        "client/test_portal.py::test_a_no_and_every_end_without_a_decision_stop_the_runner",
    ),
    55: (
        f"{EARLIER}::test_55_",
        f"{CLIENT}::test_without_a_deadline_it_waits_until_the_portal_is_there",
    ),
    85: (
        "escalations/test_raising.py::test_the_portal_computes_the_risk",
        "escalations/test_raising.py::test_an_agent_that_must_escalate_stays_stopped",
        "escalations/test_raising.py::test_who_is_told_and_who_decides_does_not_depend",
        f"{RULES}::test_what_the_runner_names_never_takes_away",
    ),
    86: ("escalations/test_acting.py::test_a_flushed_cache_makes_no_runner_look_gone",),
}
PLACES = [(number, place) for number, places in HELD.items() for place in places]


@pytest.mark.parametrize(("number", "place"), PLACES)
def test_a_fault_of_the_engine_has_its_test(number, place):
    file, _, name = place.partition("::")
    written = (TESTS / file).read_text(encoding="utf-8")
    assert re.search(rf"^(?:async )?def {name}\w*\(", written, re.MULTILINE), number


def test_no_fault_is_left_out():
    assert set(HELD) == {*range(1, 37), *range(52, 56), 85, 86}

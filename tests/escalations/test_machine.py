"""No history, however odd, breaks what must hold of cases.

200 examples; 2,000 with ``LONG_TESTS=1`` in the environment.
"""

import os

import hypothesis
import pytest
from hypothesis.stateful import run_state_machine_as_test

from tests.escalations.machine import Cast, Engine, Post

EXAMPLES, STEPS = (2000, 40) if os.environ.get("LONG_TESTS") == "1" else (200, 20)


@pytest.mark.slow
@pytest.mark.django_db
def test_no_history_of_a_case_breaks_an_invariant(settings):
    settings.EMAIL_BACKEND = f"{Post.__module__}.{Post.__qualname__}"
    Engine.cast = Cast()
    run_state_machine_as_test(
        Engine,
        settings=hypothesis.settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(hypothesis.HealthCheck),
            print_blob=True,
            database=None,
        ),
    )

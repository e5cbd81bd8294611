"""A mountain of due questions: the longest waiting first, in bounded batches, each once."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from governance.asking.models import Ask, Notification
from governance.asking.sweep import BATCH, sweep
from tests.asking.helpers import ask_for
from tests.escalations.acts import approver
from tests.factories import NOW

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
MANY, SOME = 10_000, 1000
LIMITED = re.compile(r"LIMIT (\d+)")
COPY = """
INSERT INTO asking_ask ({columns})
SELECT {values} FROM asking_ask a, generate_series(1, {many}) n WHERE a.id = {original}
"""


def mountain(many, *, span=timedelta(hours=10)):
    """Copies of one question, due at moments spread over the time before now, in no order."""
    original = ask_for(NOW - span)
    own = {
        "subject": "'escalation:ESC-' || 1000 + n",
        "next_action_at": f"a.next_action_at + n * 7919 % {many} * interval '1 second' * "
        f"{span.total_seconds() / many}",
    }
    names = [field.column for field in Ask._meta.concrete_fields if not field.primary_key]
    with connection.cursor() as cursor:
        cursor.execute(
            COPY.format(
                columns=", ".join(names),
                values=", ".join(own.get(name, f"a.{name}") for name in names),
                many=many,
                original=original.pk,
            )
        )
    Ask.objects.filter(pk=original.pk).delete()


def test_15_ten_thousand_due_questions_go_in_bounded_batches_the_longest_waiting_first():
    approver()
    mountain(MANY)
    waiting = list(Ask.objects.due(at=NOW).values_list("pk", flat=True))
    assert len(waiting) == MANY
    with CaptureQueriesContext(connection) as captured:
        assert sweep(at=NOW, limit=SOME) == SOME
    statements = [one["sql"] for one in captured if 'FROM "asking_ask"' in one["sql"]]
    claims = [one for one in statements if "SKIP LOCKED" in one]
    sizes = [int(size) for size in LIMITED.findall("".join(claims))]
    assert len(sizes) == len(claims) >= SOME / BATCH
    assert max(sizes) <= BATCH
    told = list(Notification.objects.order_by("id").values_list("ask", flat=True))
    assert sorted(told) == sorted(waiting[:SOME])
    # Within the sweep as well: batch by batch, each batch in whatever order.
    for start in range(0, SOME, BATCH):
        assert set(told[start : start + BATCH]) == set(waiting[:SOME][start : start + BATCH])
    assert list(Ask.objects.due(at=NOW).values_list("pk", flat=True)) == waiting[SOME:]


def test_15_a_sweep_of_all_of_them_moves_each_once():
    """A thousand here; the benchmark `sweep` takes the ten thousand and the time."""
    approver()
    mountain(1000)
    while sweep(at=NOW):
        pass
    assert Notification.objects.count() == Ask.objects.filter(step=0).count() == 1000
    assert sweep(at=NOW) == 0

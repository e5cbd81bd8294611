import pytest
from django.db import transaction

from governance.audit.actors import Actor
from governance.audit.models import AuditEvent, Stream
from governance.audit.services import Draft, append, append_many, lock_those_free, verify
from tests.asking.test_sweep import in_threads

BY = Actor("system", "test")
pytestmark = pytest.mark.django_db(transaction=True)


def draft(stream, kind, now):
    return Draft(stream=stream, kind=kind, by=BY, at=now)


def kinds(stream):
    events = AuditEvent.objects.filter(stream=stream).order_by("number")
    return list(events.values_list("number", "kind"))


def test_many_events_continue_the_chains_they_name_in_their_order(now):
    with transaction.atomic():
        append(stream="a:1", kind="one", by=BY, at=now)
        written = append_many(
            [draft("a:1", "two", now), draft("b:1", "one", now), draft("a:1", "three", now)]
        )
    assert [event.number for event in written] == [2, 1, 3]
    assert kinds("a:1") == [(1, "one"), (2, "two"), (3, "three")]
    assert kinds("b:1") == [(1, "one")]
    assert list(verify()) == []


def test_the_number_of_statements_does_not_grow_with_the_number_of_events(
    now, django_assert_max_num_queries
):
    Stream.objects.bulk_create(Stream(name=f"a:{n}") for n in range(50))
    with transaction.atomic(), django_assert_max_num_queries(3):
        append_many([draft(f"a:{n}", kind, now) for n in range(50) for kind in ("x", "y")])


def test_outside_a_transaction_nothing_is_written(now):
    with pytest.raises(RuntimeError, match="in the transaction"):
        append_many([draft("a:1", "one", now)])


def test_writers_of_the_same_streams_in_different_orders_do_not_block_each_other(now):
    names = [f"a:{n}" for n in range(10)]

    def write(order):
        for _ in range(5):
            with transaction.atomic():
                append_many([draft(name, "x", now) for name in order])

    orders = [names, names[::-1], names[5:] + names[:5]]
    in_threads(3, lambda: write(orders.pop()))
    assert {length for (length,) in Stream.objects.values_list("length")} == {15}
    assert list(verify()) == []


def test_only_heads_that_nobody_writes_to_are_locked(now):
    free = []

    def look():
        with transaction.atomic():
            free.extend(lock_those_free(["a:1", "a:2", "new"]))

    Stream.objects.create(name="a:2")
    with transaction.atomic():
        append(stream="a:1", kind="one", by=BY, at=now)
        in_threads(1, look)
    # What nobody has written to yet is free; a:1 is not there for others before the commit.
    assert sorted(free) == ["a:1", "a:2", "new"]
    free.clear()
    with transaction.atomic():
        append(stream="a:1", kind="two", by=BY, at=now)
        in_threads(1, look)
    assert sorted(free) == ["a:2", "new"]

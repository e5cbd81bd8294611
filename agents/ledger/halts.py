"""Halts: written where a blocking case opens and settles, read by the guard."""

from datetime import datetime

from django.db.models import Q

from agents.models import Agent, Halt
from governance.people.models import Runner


def halt(
    *, source: str, agent: Agent, runner: Runner, instance: str, run: str, at: datetime
) -> Halt:
    """The instance that asked stands still, in the transaction that opens its case."""
    return Halt.objects.create(
        source=source, agent=agent, runner=runner, instance=instance, run=run, since=at
    )


def lift_halt(*, source: str, at: datetime) -> None:
    """The case is settled: the instance may go on."""
    Halt.objects.filter(source=source, lifted_at=None).update(lifted_at=at)


def open_halt(*, agent_id: int, runner: Runner, instance: str, run: str) -> Halt | None:
    """What keeps this instance still. One that does not say who it is may be the one that asked."""
    mine = Q(instance="", run="")
    mine |= Q(instance=instance) if instance else ~Q(instance="")
    mine |= Q(instance="", run=run) if run else Q(instance="")
    return Halt.objects.filter(mine, runner=runner, agent_id=agent_id, lifted_at=None).first()

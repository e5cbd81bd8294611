"""The figures of the weeks beside each other, as Markdown."""

from collections.abc import Callable, Mapping

from benchmarks.simulated.figures import Figures, share

HALF, NINE_IN_TEN = 0.5, 0.9


def report(figures: Mapping[str, Figures], *, agents: int, days: int) -> str:
    """What was asked, then one column for each week, then each approver's days."""
    first = next(iter(figures.values()))
    asked = first.kinds
    mix = ", ".join(f"{asked.get(risk, 0)} of {risk} risk" for risk in ("low", "medium", "high"))
    said = f"{asked['blocking']} stop their agent; {asked['groups']} different questions"
    return "\n".join(
        [
            f"{agents} agents, {days} days, {first.raised} questions: {mix}; {said}.",
            "",
            *_table(["", *figures], [[name, *map(of, figures.values())] for name, of in ROWS]),
            "",
            "Interruptions of each approver on each day (Monday first):",
            "",
            *_table(["", *figures], _people(figures)),
        ]
    )


def _people(figures: Mapping[str, Figures]) -> list[list[str]]:
    names = next(iter(figures.values())).interruptions
    return [
        [name, *(" ".join(map(str, one.interruptions[name])) for one in figures.values())]
        for name in names
    ]


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def _spans(values: list[float]) -> str:
    return f"{_span(share(values, HALF))}, {_span(share(values, NINE_IN_TEN))}"


def _span(minutes: float) -> str:
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"


def _days(one: Figures) -> str:
    days = [float(count) for count in one.all_days]
    return f"{share(days, HALF):.0f}, {share(days, NINE_IN_TEN):.0f}, {max(days):.0f}"


ROWS: list[tuple[str, Callable[[Figures], str]]] = [
    ("interruptions per approver and day: median, nine in ten, most", _days),
    ("mails to approvers", lambda one: str(one.mails)),
    ("mails to approvers for one question", lambda one: f"{one.mails_per_case:.2f}"),
    ("looks at the inbox", lambda one: str(one.looks)),
    ("time to the first look: median, nine in ten", lambda one: _spans(one.first_look)),
    ("time to decide, agent stands still", lambda one: _spans(one.blocking)),
    ("time to decide, high risk", lambda one: _spans(one.grave)),
    ("time to decide, agent goes on", lambda one: _spans(one.stopping_nothing)),
    ("decided, open at the end", lambda one: f"{one.decided}, {one.left_open}"),
    ("stalled: reminded on their last step", lambda one: str(one.reminded)),
    ("stalled: came to a further step", lambda one: str(one.climbed)),
    ("rules proposed after five equal answers", lambda one: str(one.proposals)),
    ("decided by anything but people", lambda one: str(one.by_machines)),
    ("dropped", lambda one: str(len(one.dropped))),
]

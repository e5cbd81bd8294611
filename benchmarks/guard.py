"""The guard in one process: checks per second with 100 rules, by index and one by one.

Run it with `python3 dev.py bench guard [--seconds 2]`. In one run, on the same acts:

1. the indexed rule set answers acts that are normalised already;
2. every rule is tried in turn, with the rules compiled beforehand: the ratio is what counts;
3. the whole of it, from the text of a command to the answer, with and without texts seen before.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings")

import django

django.setup()

from agents.ledger.actions import Act, normalise, read_text
from agents.ledger.matchers import Matcher, read_matchers
from agents.ledger.matching import RuleSet

COMMANDS = (
    "git status",
    "ls -la src",
    "pytest -q tests/test_app.py",
    "pip install requests",
    "cat src/app.py",
    "git commit -m 'Say why'",
    "cd app && npm run build",
    "kubectl -n web get pods",
    "tool7 run --fast",
    "rm build/out.txt",
)


def rules() -> list[tuple[str, Sequence[Matcher]]]:
    """A hundred rules as people write them: commands, paths, tools, kinds."""
    found: list[tuple[str, Sequence[Matcher]]] = []
    for n in range(25):
        command = {"program": [f"tool{n}"], "subcommands": ["run", "apply"], "flags": ["--force"]}
        matchers = (
            {"command": command},
            {"paths": [f"area{n}/**", f"*.kind{n}"], "access": ["write"]},
            {"tool": [f"mcp__server{n}__act"]},
            {"kind": [f"kind{n}"], "arguments": [{"name": "amount", "op": ">", "value": n}]},
        )
        found += [(f"rule-{n}-{m}", read_matchers([one])) for m, one in enumerate(matchers)]
    return found


def per_second(act: Callable[[str], object], items: Sequence[str], seconds: float) -> float:
    done, until = 0, time.perf_counter() + seconds
    begun = time.perf_counter()
    while time.perf_counter() < until:
        for item in items:
            act(item)
        done += len(items)
    return done / (time.perf_counter() - begun)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=2.0)
    seconds = parser.parse_args().seconds
    known = rules()
    rule_set = RuleSet(known)
    acts: dict[str, Act] = {one: made(one) for one in COMMANDS}
    indexed = per_second(lambda one: rule_set.hits(acts[one]), COMMANDS, seconds)
    linear = per_second(lambda one: rule_set.hits_one_by_one(acts[one]), COMMANDS, seconds)
    whole = per_second(lambda one: rule_set.hits(made(one)), COMMANDS, seconds)
    fresh = per_second(lambda one: rule_set.hits(unseen(one)), COMMANDS, seconds)
    print(f"{len(known)} rules, {len(COMMANDS)} acts")
    print(f"indexed, acts normalised before   {indexed:12,.0f} checks/s")
    print(f"one by one, same acts             {linear:12,.0f} checks/s")
    print(f"ratio                             {indexed / linear:12,.1f}")
    print(f"from the text, texts seen before  {whole:12,.0f} checks/s")
    print(f"from the text, every text new     {fresh:12,.0f} checks/s")


def made(command: str) -> Act:
    return normalise(kind="Bash", arguments={"command": command})


def unseen(command: str) -> Act:
    read_text.cache_clear()
    return made(command)


if __name__ == "__main__":
    main()

"""The options of the command line."""

import argparse
import sys
from typing import NoReturn

from stuck import __version__

EXIT_CODES = """\
exit codes:
  0   proceed (ask --wait, supersede --wait, wait, answer, answers, consume); done (all others)
  1   wrong usage, missing settings, anything unforeseen
  10  rejected
  11  withdrawn, or dismissed without a decision
  12  still undecided; the case stays open (answers: nothing kept permits to go on;
      outcome: people are asked about a constraint that was not kept)
  13  an approver asked a question: answer it with `stuck say`
  14  approved, but the time to use it has passed
  15  the folder differs from what people approved (pull, check)
  20  the portal cannot be reached
  21  the portal refused the call
  22  not verified: what came is not proven to be the portal's word
Every code but 0 means: do not proceed.

settings:
  GOVERNANCE_URL       the portal's address
  GOVERNANCE_KEY       this runner's key (or GOVERNANCE_KEY_FILE, a file that holds it)
  GOVERNANCE_RUNNER    this runner's name, to pin it (otherwise the portal is asked)
  GOVERNANCE_JWKS      a file with the portal's public keys, to pin them
"""


class Parser(argparse.ArgumentParser):
    """Exits with 1, since 2 would be a code that says nothing here."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(1, f"stuck: {message}\n")


def make_parser() -> Parser:
    """The whole grammar, one function per group of commands."""
    parser = Parser(
        prog="stuck",
        description="Ask people before you act, and wait for their answer.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"stuck {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _asking(commands)
    _acting(commands)
    _reading(commands)
    _folders(commands)
    return parser


def _asking(commands: "argparse._SubParsersAction[Parser]") -> None:
    ask = commands.add_parser("ask", help="escalate, and wait for the answer with --wait")
    _question(ask)
    ask.add_argument(
        "--supersedes", default="", metavar="ESC-12", help="the open case that this one replaces"
    )
    supersede = commands.add_parser("supersede", help="ask an edited question in place of a case")
    _case(supersede)
    _question(supersede)
    wait = commands.add_parser("wait", help="wait until people have decided a case")
    _case(wait)
    _waiting(wait)
    answer = commands.add_parser("answer", help="the answer as it is now, without waiting")
    _case(answer)
    answer.add_argument("--json", action="store_true", help="the whole answer as JSON")
    answers = commands.add_parser("answers", help="what is kept for a session that starts anew")
    answers.add_argument("--agent", default="", help="only cases of this agent")
    answers.add_argument("--project", help="only cases of this project")
    answers.add_argument("--keep", action="store_true", help="keep them for later sessions too")
    answers.add_argument("--json", action="store_true", help="the whole cases as JSON")


def _question(parser: Parser) -> None:
    parser.add_argument("--file", required=True, help="JSON or the Markdown block; - reads stdin")
    parser.add_argument("--agent", default="", help="the agent that asks")
    parser.add_argument("--environment", default="", help="such as production")
    parser.add_argument("--project", default="", help="the project that it is about")
    parser.add_argument("--run", default="", help="the same question in one run is one case")
    parser.add_argument("--idempotency-key", default="", help="a key of your own instead")
    parser.add_argument("--wait", action="store_true", help="wait until people have decided")
    _waiting(parser)


def _acting(commands: "argparse._SubParsersAction[Parser]") -> None:
    say = commands.add_parser("say", help="answer a question of the approvers")
    _case(say)
    say.add_argument("text")
    withdraw = commands.add_parser("withdraw", help="take a case back")
    _case(withdraw)
    withdraw.add_argument("--reason", default="", help="why nobody needs to decide it any more")
    consume = commands.add_parser("consume", help="spend the permit, right before the act")
    _case(consume)
    consume.add_argument(
        "--idempotency-key", default="", help="a key of this act, to try again after a crash"
    )
    consume.add_argument("--action", default="", help="JSON of the act, for a permit of a pattern")
    consume.add_argument("--run", default="", help="the run that acts, for a permit of one run")
    outcome = commands.add_parser("outcome", aliases=["report"], help="report what became of it")
    _case(outcome)
    outcome.add_argument("--result", required=True, choices=["succeeded", "failed", "unknown"])
    outcome.add_argument("--summary", default="")
    for name, meaning in (("kept", "was kept"), ("broken", "was not"), ("unchecked", "is unknown")):
        outcome.add_argument(
            f"--{name}",
            action="append",
            nargs="+",
            default=[],
            metavar=("CONSTRAINT", "EVIDENCE"),
            help=f"a constraint that {meaning}, and how you know (a text or an https address)",
        )


def _reading(commands: "argparse._SubParsersAction[Parser]") -> None:
    resolve = commands.add_parser("resolve", help="the approved definition of an agent")
    resolve.add_argument("agent")
    resolve.add_argument("--environment", default="production")
    resolve.add_argument("--out", default="", help="write it to this file instead of stdout")
    resolve.add_argument("--bundle", default="", help="out of this bundle, without the portal")
    bundle = commands.add_parser("bundle", help="fetch what may run while the portal is away")
    bundle.add_argument("--out", required=True, help="where to keep it")
    bundle.add_argument("--environment", default="production")
    commands.add_parser("whoami", help="what the portal knows about this key")


def _folders(commands: "argparse._SubParsersAction[Parser]") -> None:
    pull = commands.add_parser("pull", help="write the released definitions into a folder")
    pull.add_argument("agents", nargs="*", metavar="AGENT", help="only these agents")
    pull.add_argument("--force", action="store_true", help="lose what was changed in the folder")
    _folder(pull)
    check = commands.add_parser("check", help="whether a folder holds what is approved, for builds")
    check.add_argument(
        "--accept",
        choices=["released", "approved", "proposed"],
        default="released",
        help="how far a definition must have come (default: released)",
    )
    check.add_argument("--format", choices=["text", "markdown", "json"], default="text")
    check.add_argument(
        "--offline", action="store_true", help="only against the lock; needs GOVERNANCE_JWKS"
    )
    _folder(check)
    push = commands.add_parser("push", help="propose changed definitions as versions")
    push.add_argument(
        "files", nargs="*", metavar="FILE", help="in the folder; default: all changed"
    )
    push.add_argument("--family", default="", help="the family of agents that are new")
    _folder(push)


def _folder(parser: Parser) -> None:
    parser.add_argument("--dir", default=".claude/agents", help="default: .claude/agents")
    parser.add_argument("--environment", default="production")


def _case(parser: Parser) -> None:
    parser.add_argument("case", metavar="ESC-12")


def _waiting(parser: Parser) -> None:
    parser.add_argument("--timeout", type=_seconds, help="give up waiting after so many seconds")
    parser.add_argument("--json", action="store_true", help="the whole answer as JSON")


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < float("inf"):
        raise ValueError
    return seconds

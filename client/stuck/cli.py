"""The command line tool. The answer goes to stdout, and only when it permits to go on."""

import argparse
import json
import os
import sys
from typing import Any, Callable, Dict, List, Mapping, Optional, Union

from stuck import files, folder_commands, strict_json
from stuck.answers import Answer, Case, plain
from stuck.client import Client, Payload
from stuck.errors import (
    DoNotProceed,
    NotSetUp,
    NotVerified,
    QuestionOpen,
    Refused,
    Rejected,
    Undecided,
    WithAnswer,
)
from stuck.parser import make_parser

INTERRUPTED = 130


def main(argv: Optional[List[str]] = None) -> int:
    """Run one command; the exit code says whether to proceed."""
    arguments = make_parser().parse_args(argv)
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except DoNotProceed as error:
        _explain(error, as_json=getattr(arguments, "json", False))
        return error.exit_code
    except KeyboardInterrupt:
        say("Stopped waiting. The case stays open.")
        return INTERRUPTED
    except OSError as error:
        say(f"{error.filename or 'stdout'}: {error.strerror}")
        return 1
    return code


def _run(arguments: argparse.Namespace) -> int:
    if arguments.command == "check" and arguments.offline:
        return folder_commands.check_offline(arguments, os.environ, say)
    if arguments.command == "resolve" and arguments.bundle:
        return folder_commands.resolve_offline(arguments, os.environ, say)
    client = client_from(os.environ)
    if arguments.command in folder_commands.COMMANDS:
        return folder_commands.COMMANDS[arguments.command](client, arguments, say)
    return COMMANDS[arguments.command](client, arguments)


def client_from(environment: Mapping[str, str]) -> Client:
    """A client with the settings in the environment. Raises :class:`NotSetUp`."""
    jwks = environment.get("GOVERNANCE_JWKS", "")
    return Client(
        _setting(environment, "GOVERNANCE_URL"),
        _key(environment),
        runner=environment.get("GOVERNANCE_RUNNER", ""),
        jwks=files.read(jwks) if jwks else None,
        report=_once_each(),
    )


def say(sentence: str) -> None:
    """Tell the person or agent that reads along."""
    print(f"stuck: {plain(sentence)}", file=sys.stderr, flush=True)


def ask(client: Client, arguments: argparse.Namespace) -> int:
    return _ask(client, arguments, arguments.supersedes)


def supersede(client: Client, arguments: argparse.Namespace) -> int:
    return _ask(client, arguments, arguments.case)


def _ask(client: Client, arguments: argparse.Namespace, supersedes: str) -> int:
    case = client.ask(
        read_payload(arguments.file),
        idempotency_key=arguments.idempotency_key,
        agent=arguments.agent,
        environment=arguments.environment,
        run=arguments.run,
        project=arguments.project,
        supersedes=supersedes,
    )
    say(f"{case.ref} {'is open' if case.created else 'was asked before'}. {case.url}")
    if supersedes:
        say(f"It takes the place of {supersedes}, which is withdrawn.")
    for finding in case.findings:
        say(f"noticed: {finding}")
    if not arguments.wait:
        print(case.ref)
        say(f"Nobody has decided. Do not proceed. Wait with: stuck wait {case.ref}")
        return Undecided.exit_code
    return _wait(client, case, arguments)


def wait(client: Client, arguments: argparse.Namespace) -> int:
    return _wait(client, arguments.case, arguments)


def answer(client: Client, arguments: argparse.Namespace) -> int:
    return _show(client.answer(arguments.case), as_json=arguments.json)


def answers(client: Client, arguments: argparse.Namespace) -> int:
    """On stdout only what permits to go on; each is acknowledged once it is out."""
    kept = client.kept(agent=arguments.agent, project=arguments.project)
    permitted = 0
    for case in kept.settled:
        try:
            found = client.judged(case.answer)
        except NotVerified:
            raise
        except DoNotProceed as error:
            print(case.head(), file=sys.stderr)
            _explain(error, as_json=arguments.json)
        else:
            permitted += 1
            if not arguments.json:
                print(case.head())
            _show(found, as_json=arguments.json)
            if case.report_due:
                say(f"Report what became of it: stuck report {found.ref} --result ...")
        sys.stdout.flush()
        if not arguments.keep:
            client.acknowledge(case.answer.ref)
    for case in kept.waiting:
        print(case.head(), file=sys.stderr)
        say(f"{case.answer.ref} is not decided. Wait with: stuck wait {case.answer.ref}")
    if kept.more:
        say("There is more: run stuck answers again.")
    if not permitted:
        say("Nothing that is kept permits to go on. Do not proceed.")
    return 0 if permitted else Undecided.exit_code


def say_to_approvers(client: Client, arguments: argparse.Namespace) -> int:
    client.say(arguments.case, arguments.text)
    say("The approvers have your answer. Nobody has decided yet.")
    return 0


def withdraw(client: Client, arguments: argparse.Namespace) -> int:
    client.withdraw(arguments.case, arguments.reason)
    say("Withdrawn. Do not proceed.")
    return 0


def consume(client: Client, arguments: argparse.Namespace) -> int:
    action = read_payload(arguments.action) if arguments.action else None
    if isinstance(action, str):
        raise NotSetUp(f"{arguments.action} holds no JSON object.")
    permit = client.consume(
        arguments.case,
        idempotency_key=arguments.idempotency_key,
        action=action,
        run=arguments.run,
    )
    print(permit.request_sha256)
    if permit.replayed:
        say(f"This key was used at {permit.spent_at}. Do the act only if it was not done then.")
    else:
        say("The permit is spent. Do the act now, once, and report the outcome.")
    return 0


def outcome(client: Client, arguments: argparse.Namespace) -> int:
    given = ((arguments.kept, True), (arguments.broken, False), (arguments.unchecked, None))
    constraints = [_constraint(words, kept) for items, kept in given for words in items]
    named = {line["constraint"] for line in constraints}
    # What nobody speaks of is unknown, and is reported as such.
    demanded = client.read(arguments.case).constraints
    constraints += [_constraint([one], None) for one in demanded if one not in named]
    asked = client.outcome(
        arguments.case, arguments.result, summary=arguments.summary, constraints=constraints
    )
    say("The outcome is recorded.")
    if not asked:
        return 0
    say(f"People are asked about what was not kept: {', '.join(asked)}. Do not go on before.")
    return Undecided.exit_code


def resolve(client: Client, arguments: argparse.Namespace) -> int:
    found = client.resolve(arguments.agent, arguments.environment)
    if arguments.out:
        files.write(arguments.out, found.raw)
    else:
        sys.stdout.buffer.write(found.raw)
    say(f"{found.agent} version {found.sequence}, approved; sha256 {found.sha256}")
    return 0


def whoami(client: Client, arguments: argparse.Namespace) -> int:
    print(json.dumps(client.whoami(), indent=2))
    return 0


COMMANDS: Dict[str, Callable[[Client, argparse.Namespace], int]] = {
    "ask": ask,
    "wait": wait,
    "answer": answer,
    "answers": answers,
    "supersede": supersede,
    "say": say_to_approvers,
    "withdraw": withdraw,
    "consume": consume,
    "outcome": outcome,
    "report": outcome,
    "resolve": resolve,
    "whoami": whoami,
}


def read_payload(path: str) -> Payload:
    """A JSON object, or the text of a Markdown block."""
    raw = sys.stdin.buffer.read() if path == "-" else files.read(path)
    try:
        if path.endswith(".json") or raw.lstrip()[:1] == b"{":
            return strict_json.object_of(raw)
        return raw.decode("utf-8-sig")
    except ValueError as error:
        raise NotSetUp(f"{path} cannot be read: {error}.") from None


def _wait(client: Client, ref: Union[str, Case], arguments: argparse.Namespace) -> int:
    on_question = _from_keyboard if sys.stdin is not None and sys.stdin.isatty() else None
    found = client.wait(ref, arguments.timeout, on_question=on_question)
    return _show(found, as_json=arguments.json)


def _from_keyboard(answer: Answer) -> Optional[str]:
    _print_questions(answer)
    print("your answer (empty to leave it open): ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip() or None


def _print_questions(answer: Answer) -> None:
    for question in answer.questions:
        say(f"{answer.ref}: {question.asked_by or 'an approver'} asks: {question.text}")


def _how_to_answer(answer: Answer) -> str:
    if any(question.wants_edit for question in answer.questions):
        return f"Ask anew, edited, with: stuck supersede {answer.ref} --file ..."
    return f'Answer with: stuck say {answer.ref} "..."'


def _show(answer: Answer, *, as_json: bool) -> int:
    """Print an answer that was judged to be a yes."""
    print(_as_json(answer, proceed=True) if as_json else answer.block())
    if answer.permit_spent_at:
        say(f"The permit was spent at {answer.permit_spent_at}. Do not act a second time.")
    elif answer.needs_permit:
        say(f"Right before the act, spend the permit: stuck consume {answer.ref}")
    return 0


def _as_json(answer: Answer, *, proceed: bool) -> str:
    return json.dumps({**answer.raw, "proceed": proceed}, indent=2)


def _explain(error: DoNotProceed, *, as_json: bool) -> None:
    say(error.sentence)
    if isinstance(error, Refused):
        for constraint in error.problem.get("constraints") or ():
            say(f"a constraint of the decision: {constraint}")
    if not isinstance(error, WithAnswer):
        return
    if as_json:
        # Whoever reads only this, not the exit code, must not read a yes.
        print(_as_json(error.answer, proceed=False), flush=True)
    if isinstance(error, Rejected):
        print(error.answer.block(), file=sys.stderr)
    if isinstance(error, QuestionOpen):
        _print_questions(error.answer)
        say(_how_to_answer(error.answer))


def _constraint(words: List[str], kept: Optional[bool]) -> Dict[str, Any]:
    if len(words) > 2:
        raise NotSetUp("A constraint takes at most one piece of evidence. Put it in quotes.")
    return {"constraint": words[0], "kept": kept, "evidence": "".join(words[1:])}


def _setting(environment: Mapping[str, str], name: str) -> str:
    if not environment.get(name):
        raise NotSetUp(f"{name} is not set.")
    return environment[name]


def _key(environment: Mapping[str, str]) -> str:
    path = environment.get("GOVERNANCE_KEY_FILE", "")
    if environment.get("GOVERNANCE_KEY") or not path:
        return _setting(environment, "GOVERNANCE_KEY")
    return files.read(path).decode("utf-8", errors="replace")


def _once_each() -> Callable[[str], None]:
    """Report a trouble when it is new, not every time it is tried again."""
    told = [""]

    def report(sentence: str) -> None:
        if sentence != told[0]:
            told[0] = sentence
            say(sentence)

    return report


if __name__ == "__main__":
    sys.exit(main())

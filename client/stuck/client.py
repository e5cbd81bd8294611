"""The client: ask, wait, prove, act, report. No error of any kind means 'go on'."""

import hashlib
import json
import time
import uuid
from datetime import datetime, timezone
from typing import (
    Any,
    Callable,
    Dict,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    TypeVar,
    Union,
)
from urllib.parse import quote, urlencode, urlsplit

from stuck import bundle, receipts
from stuck.answers import Answer, Case, Kept, Malformed, case_of, kept_of
from stuck.bundle import Bundle
from stuck.calls import Call, Deadline, Pauses, Portal, Report, members_of
from stuck.cases import (
    JSON_ACCEPTED,
    JSON_TYPE,
    Payload,
    about,
    key_of,
    path_of,
    raise_call,
    ref_of,
)
from stuck.errors import NotSetUp, NotVerified, QuestionOpen, Undecided
from stuck.judging import has_passed, judge
from stuck.receipts import Expected, KeySet
from stuck.transport import Reply

T = TypeVar("T")
POLL = 25.0
AT_ONCE = 1.0
RESOLVED_IS_FRESH = 600.0
MARKDOWN_TYPE = {"Content-Type": "text/markdown", "Accept": "application/json"}

OnQuestion = Callable[[Answer], Optional[str]]


class Definition(NamedTuple):
    """An approved definition: the very bytes, and the claims that were proven about them."""

    agent: str
    environment: str
    raw: bytes
    sha256: str
    sequence: int
    constitution_sha256: str
    receipt: str


class Permit(NamedTuple):
    """The spent right to do one act: the one with this fingerprint."""

    request_sha256: str
    spent_at: str
    receipt: str
    replayed: bool
    raw: Mapping[str, Any]


class Client:
    """A runner's connection to the portal.

    ``timeout`` bounds, in seconds, every call but ``wait``; ``runner`` and ``jwks`` pin what is
    otherwise asked from the portal: this runner's name and the portal's public keys.
    """

    def __init__(
        self,
        url: str,
        key: str,
        timeout: float = 60.0,
        *,
        runner: str = "",
        jwks: Optional[bytes] = None,
        report: Report = lambda sentence: None,
    ) -> None:
        self._portal = Portal(url, key, report)
        self._timeout = timeout
        self._runner = runner
        self._keys = None if jwks is None else pinned(jwks)
        self._keys_are_pinned = jwks is not None

    def resolve(self, agent: str, environment: str = "production") -> Definition:
        """The approved definition of an agent, its receipt and fingerprint checked.

        Raises :class:`stuck.errors.Refused` where nothing is approved, released and standing.
        """
        path = f"/api/v1/agents/{quote(agent, safe='')}/resolve/"
        query = urlencode({"environment": environment})
        call = Call("GET", f"{path}?{query}", headers={"Accept": "text/markdown"})
        reply = self._fetch(call, _as_it_is)
        sha256 = hashlib.sha256(reply.body).hexdigest()
        said = {"agent": agent, "environment": environment, "sha256": sha256}
        token = reply.headers.get("x-receipt", "")
        claims = self._verifier(typ="resolve+jwt")(token, f"agent:{agent}", said)
        if claims["iat"] < time.time() - RESOLVED_IS_FRESH:
            raise NotVerified("The receipt of this definition is old. It may stand no longer.")
        return Definition(
            agent=agent,
            environment=environment,
            raw=reply.body,
            sha256=sha256,
            sequence=claims.get("sequence", 0),
            constitution_sha256=claims.get("constitution_sha256", ""),
            receipt=token,
        )

    def bundle(self, environment: str = "production", *, at_least: int = 0) -> Tuple[Bundle, bytes]:
        """The offline bundle, verified, and its bytes to keep; no older than ``at_least``."""
        path = f"/api/v1/bundle/?{urlencode({'environment': environment})}"
        reply = self._fetch(Call("GET", path, headers={"Accept": "application/json"}), _as_it_is)
        kid = receipts.key_id(bundle.signature_of(reply.body))
        found = bundle.read(
            reply.body,
            keys=self._keys_with(kid, Deadline(self._timeout)),
            runner=self.name,
            environment=environment,
            now=datetime.now(timezone.utc),
            at_least=at_least,
        )
        return found, reply.body

    def agents(self, environment: str = "production") -> List[str]:
        """The agents that this key may act for and that have a release in an environment."""
        found: List[str] = []
        query = urlencode({"page_size": "200"})
        while query:
            call = Call("GET", f"/api/v1/agents/?{query}", headers={"Accept": "application/json"})
            page = self._fetch(call, members_of)
            found += [_slug_of(agent) for agent in page["results"] if _runs_in(agent, environment)]
            query = urlsplit(str(page.get("next") or "")).query
        return found

    def check(self, raw: bytes, filename: str) -> Dict[str, Any]:
        """What a definition would change, and whether the portal knows these bytes."""
        query = urlencode({"filename": filename})
        call = Call("POST", f"/api/v1/agents/check/?{query}", raw, MARKDOWN_TYPE)
        return self._fetch(call, members_of)

    def propose(
        self,
        agent: str,
        raw: bytes,
        *,
        filename: str,
        family: str = "",
        provenance: Optional[Mapping[str, str]] = None,
    ) -> Dict[str, Any]:
        """Propose a definition as the agent's next version: a draft that people review.

        The newest version's own bytes change nothing; ``created`` is false then.
        """
        told = {"filename": filename, "family": family, **(provenance or {})}
        query = urlencode({name: text for name, text in told.items() if text})
        path = f"/api/v1/agents/{quote(agent, safe='')}/versions/?{query}"
        return self._fetch(Call("POST", path, raw, MARKDOWN_TYPE), members_of)

    def ask(
        self,
        payload: Payload,
        *,
        idempotency_key: str = "",
        agent: str = "",
        environment: str = "",
        run: str = "",
        project: str = "",
        supersedes: str = "",
    ) -> Case:
        """Escalate: a JSON object, or the Markdown block as text. Returns at once.

        The same content in the same ``run`` makes one case, however often it is sent; name
        another run, or a key of your own, to ask anew. ``supersedes`` names an open case of this
        runner that the edited question replaces: it is withdrawn. Raises
        :class:`stuck.errors.Refused` with ``decided`` where people were faster.
        """
        named = {"agent": agent, "environment": environment, "run": run, "project": project}
        named["supersedes"] = ref_of(supersedes) if supersedes else ""
        call = raise_call(payload, {name: value for name, value in named.items() if value})
        key = idempotency_key or key_of(call)
        call = call._replace(headers={**call.headers, "Idempotency-Key": key})
        return self._fetch(
            call, lambda reply: case_of(members_of(reply), created=reply.status == 201)
        )

    def wait(
        self,
        ref: Union[str, Case],
        timeout: Optional[float] = None,
        *,
        on_question: Optional[OnQuestion] = None,
    ) -> Answer:
        """Wait until people have decided; return only what permits to go on, verified.

        Without ``timeout`` it waits for ever: through restarts of the portal, of the network,
        over weeks. ``on_question`` gets an approver's question and returns what to answer, or
        None. Raises a :class:`stuck.errors.DoNotProceed` for everything else.
        """
        deadline, pauses = Deadline(timeout), Pauses()
        since: Optional[int] = None
        while True:
            asked_at = time.monotonic()
            answer = self._poll(ref, since, deadline)
            try:
                return judge(answer, self._verifier(deadline))
            except Undecided:
                if deadline.passed:
                    raise
            except QuestionOpen:
                said = on_question(answer) if on_question else None
                if said is None:
                    raise
                answer = self.say(ref, said)
            if answer.revision != since:
                since, pauses = answer.revision, Pauses()
            elif time.monotonic() - asked_at < AT_ONCE:
                pauses.take(deadline)  # it held nothing: it is shutting down, or a proxy answered

    def answer(self, ref: Union[str, Case]) -> Answer:
        """The case as it is now. Returns it only when it permits to go on, as ``wait`` does."""
        return judge(self.read(ref), self._verifier())

    def read(self, ref: Union[str, Case]) -> Answer:
        """The case as it is now, unjudged and unverified: to show, not to act on."""
        call = Call("GET", path_of(ref_of(ref)))
        return self._fetch(call, lambda reply: about(ref, reply))

    def say(self, ref: Union[str, Case], text: str) -> Answer:
        """Answer an approver's question. The case goes back to the approvers."""
        self._post(ref, "messages", {"text": text})
        return self.read(ref)

    def withdraw(self, ref: Union[str, Case], reason: str) -> None:
        """Take the case back: nobody needs to decide it any more."""
        self._post(ref, "withdraw", {"reason": reason})

    def consume(
        self,
        ref: Union[str, Case],
        *,
        idempotency_key: str = "",
        action: Optional[Mapping[str, Any]] = None,
        run: str = "",
    ) -> Permit:
        """Spend the permit, immediately before the act. Returns once; then act, once.

        Every attempt of one call carries one key, so that an answer that got lost is given again
        and no second use is spent. To be sure across restarts, name a key of your own for each
        act and keep it before you call: with the same key ``replayed`` says that this act may
        have been done already. ``action`` is the act about to be done, for a permit of a pattern;
        ``run`` the run, for a permit of one run. Raises :class:`stuck.errors.Refused` where the
        permit is spent, expired, revoked or for something else.
        """
        answer = self.answer(ref)
        fingerprint = answer.request_sha256
        body: Dict[str, Any] = {"request_sha256": fingerprint}
        if action is not None:
            body["action"] = dict(action)
        if run:
            body["run"] = run
        key = idempotency_key or f"stuck-{uuid.uuid4()}"
        members = self._post(ref, "consume", body, key=key)
        token = str(members.get("receipt") or "")
        said = {"request_sha256": fingerprint}
        claims = self._verifier(typ="permit+jwt")(token, f"escalation:{ref_of(ref)}", said)
        until = claims.get("use_before")
        if until is not None and has_passed(str(until), now=datetime.now(timezone.utc)):
            raise NotVerified(f"The permit of {ref_of(ref)} is over. Do not act.", answer)
        return Permit(
            fingerprint,
            str(members.get("spent_at", "")),
            token,
            members.get("replayed") is True,
            members,
        )

    def kept(self, *, agent: str = "", project: Optional[str] = None) -> Kept:
        """Answers that nobody fetched and open cases, whole: for a session that starts anew.

        They are unjudged: use :meth:`answer` before acting on one. Marks nothing; say
        :meth:`acknowledge` for each that was taken over.
        """
        named = {"agent": agent} if agent else {}
        if project is not None:
            named["project"] = project
        query = f"?{urlencode(named)}" if named else ""
        call = Call("GET", f"/api/v1/escalations/kept/{query}", headers=JSON_ACCEPTED)
        return self._fetch(call, lambda reply: kept_of(members_of(reply)))

    def acknowledge(self, ref: Union[str, Case]) -> None:
        """This session has taken over the kept answer: later ones do not get it."""
        self._post(ref, "fetched", {})

    def judged(self, answer: Answer) -> Answer:
        """An answer that was read before, if it permits to go on; raises why not."""
        return judge(answer, self._verifier())

    def outcome(
        self,
        ref: Union[str, Case],
        result: str,
        *,
        summary: str = "",
        constraints: Sequence[Mapping[str, Any]] = (),
    ) -> Tuple[str, ...]:
        """Report what became of it: ``succeeded``, ``failed`` or ``unknown``.

        ``constraints`` holds ``{"constraint", "kept": True | False | None, "evidence"}``; evidence
        is a text or an https address. Returns the cases in which people are asked about what was
        not kept: wait for them before going on.
        """
        kept: List[Dict[str, Any]] = [dict(item) for item in constraints]
        said = {"result": result, "summary": summary, "constraints": kept}
        asked = self._post(ref, "outcome", said).get("follow_ups")
        return tuple(map(str, asked)) if isinstance(asked, list) else ()

    @property
    def name(self) -> str:
        """The runner whose key this is."""
        return self._own_name(None if self._runner else Deadline(self._timeout))

    @property
    def url(self) -> str:
        """The portal's address without a slash at the end."""
        secure, host, port, prefix = self._portal.address
        named = f"[{host}]" if ":" in host else host
        return f"{'https' if secure else 'http'}://{named}{f':{port}' if port else ''}{prefix}"

    def whoami(self) -> Dict[str, Any]:
        """What the portal knows about this key: the runner, its scopes, when it expires."""
        return self._fetch(Call("GET", "/api/v1/me/"), members_of)

    def _poll(self, ref: Union[str, Case], since: Optional[int], deadline: Deadline) -> Answer:
        hold = deadline.left(POLL)
        query = {"timeout": f"{hold:.3f}", **({} if since is None else {"since": str(since)})}
        call = Call("GET", f"{path_of(ref_of(ref))}wait/?{urlencode(query)}", holds_for=hold)
        return self._fetch(call, lambda reply: about(ref, reply), deadline)

    def _post(
        self, ref: Union[str, Case], act: str, members: Mapping[str, Any], *, key: str = ""
    ) -> Dict[str, Any]:
        try:
            body = json.dumps(members, allow_nan=False).encode()
        except (ValueError, TypeError) as error:
            raise NotSetUp(f"What is to be sent is no JSON: {error}.") from None
        headers = {**JSON_TYPE, **({"Idempotency-Key": key} if key else {})}
        call = Call("POST", f"{path_of(ref_of(ref))}{act}/", body, headers)
        return self._fetch(call, members_of)

    def _fetch(
        self, call: Call, read: Callable[[Reply], T], deadline: Optional[Deadline] = None
    ) -> T:
        return self._portal.fetch(call, deadline or Deadline(self._timeout), read)

    def _verifier(
        self, deadline: Optional[Deadline] = None, *, typ: str = "receipt+jwt"
    ) -> "Callable[[str, str, Mapping[str, Any]], Dict[str, Any]]":
        """What checks a receipt for this runner, asking the portal for as long as there is."""

        def verify(token: str, subject: str, claims: Mapping[str, Any]) -> Dict[str, Any]:
            keys = self._keys_with(receipts.key_id(token), deadline)
            audience = f"runner:{self._own_name(deadline)}"
            expected = Expected(audience, subject, claims, typ)
            return receipts.verify(token, keys=keys, expected=expected, now=time.time())

        return verify

    def _own_name(self, deadline: Optional[Deadline]) -> str:
        if not self._runner:
            self._runner = self._fetch(Call("GET", "/api/v1/me/"), _runner_in, deadline)
        return self._runner

    def _keys_with(self, kid: str, deadline: Optional[Deadline]) -> KeySet:
        """The key set; read again when it does not know a key, since keys are rotated."""
        if self._keys is None or (not self._keys_are_pinned and kid not in self._keys):
            call = Call("GET", "/.well-known/jwks.json")
            self._keys = self._fetch(call, lambda reply: KeySet.from_jwks(reply.body), deadline)
        return self._keys


def _as_it_is(reply: Reply) -> Reply:
    return reply


def pinned(jwks: bytes) -> KeySet:
    """The portal's keys as they are kept here. Raises :class:`NotSetUp`."""
    try:
        return KeySet.from_jwks(jwks)
    except ValueError as error:
        raise NotSetUp(f"The pinned key set cannot be read: {error}.") from None


def _slug_of(agent: Mapping[str, Any]) -> str:
    return str(agent["slug"])


def _runs_in(agent: Mapping[str, Any], environment: str) -> bool:
    return any(release["environment"] == environment for release in agent["releases"])


def _runner_in(reply: Reply) -> str:
    name = members_of(reply).get("runner")
    if not isinstance(name, str) or not name:
        raise Malformed("it does not say whose key this is")
    return name

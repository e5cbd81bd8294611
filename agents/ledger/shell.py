"""A lexer for shell text: words as a shell would make them, and what only it could know."""

import re
from dataclasses import dataclass, field

_SEPARATED = re.compile(r"&&|\|\||;;&?|;&|\|&|&>>|&>|<<<|<<-|<<|>>|>\||>&|<&|<>|[;&|()<>\n]")
_ENDS_WORD = frozenset(" \t\r\n;&|()<>")
_NAME = re.compile(r"\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))")
_EMPTY = re.compile(r"\$(?:\{[@*1-9]\}|[@*1-9])")
_SPECIAL = re.compile(r"\$(?:\{[^}]*\}|[?!#$0_-])")
_ASSIGNS = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
_BRACES = re.compile(r"^(.*?)\{([^{}]*,[^{}]*)\}(.*)$", re.DOTALL)
_ESCAPE = re.compile(
    r"\\(?:x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{1,4})|U([0-9a-fA-F]{1,8})|([0-7]{1,3})|(.))", re.DOTALL
)
_NAMED = {"n": "\n", "t": "\t", "r": "\r", "e": "\x1b", "a": "", "b": "", "f": "\f", "v": "\v"}
_MOST_SPLICES = 32
_MOST_BRACES = 64
_LONGEST_BRACES = 1000
_LONGEST_TEXT = 256 * 1024


@dataclass(frozen=True, slots=True)
class Word:
    """``leads``: it begins with something known only when it runs; ``dynamic``: it holds such."""

    text: str
    dynamic: bool = False
    leads: bool = False
    glob: bool = False


@dataclass(slots=True)
class Body:
    """A here-document; its text stands below the line that names it."""

    delimiter: str
    strips: bool
    text: str = ""


Token = Word | Body | str


@dataclass(slots=True)
class Lexed:
    """``nested`` holds the text of ``$(...)``, backticks and ``<(...)``."""

    tokens: list[Token] = field(default_factory=list)
    nested: list[str] = field(default_factory=list)
    opaque: list[str] = field(default_factory=list)


def lex(text: str) -> Lexed:
    """Never raises: what cannot be read is a reason under ``opaque``."""
    return _Lexer(text).run()


@dataclass(slots=True)
class _Part:
    """A word in the making."""

    text: list[str] = field(default_factory=list)
    dynamic: bool = False
    leads: bool = False
    glob: bool = False
    braces: bool = False
    quoted: bool = False

    def add_unknown(self, shown: str) -> None:
        self.leads = self.leads or not "".join(self.text)
        self.dynamic = True
        self.text.append(shown)


class _Lexer:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.out = Lexed()
        self.known = {"HOME": "~", "IFS": " "}
        self.waiting: list[Body] = []
        self.splices = 0

    def run(self) -> Lexed:
        while self.at < len(self.text):
            self._step()
        return self.out

    def _step(self) -> None:
        char = self.text[self.at]
        if char in " \t\r":
            self.at += 1
        elif char == "#":
            self.at = self._end_of_line()
        elif self.text.startswith("\\\n", self.at):
            self.at += 2
        elif self._is_substitution():
            self._word()
        elif found := _SEPARATED.match(self.text, self.at):
            self._operator(found.group())
        else:
            self._word()

    def _end_of_line(self) -> int:
        end = self.text.find("\n", self.at)
        return len(self.text) if end < 0 else end

    def _is_substitution(self) -> bool:
        return self.text.startswith(("<(", ">("), self.at)

    def _operator(self, operator: str) -> None:
        last = self.out.tokens[-1] if self.out.tokens else None
        touches = self.at > 0 and self.text[self.at - 1].isdigit()
        if operator[0] in "<>" and touches and isinstance(last, Word) and last.text.isdigit():
            self.out.tokens.pop()
        self.at += len(operator)
        self.out.tokens.append(operator)
        if operator in ("<<", "<<-"):
            self._here(strips=operator == "<<-")
        elif operator == "\n" and self.waiting:
            self._bodies()

    def _here(self, *, strips: bool) -> None:
        """The word after ``<<`` names the line that ends the document."""
        while self.at < len(self.text) and self.text[self.at] in " \t":
            self.at += 1
        before = len(self.out.tokens)
        self._word()
        named = self.out.tokens[before:]
        del self.out.tokens[before:]
        delimiter = named[0].text if named and isinstance(named[0], Word) else ""
        body = Body(delimiter, strips)
        self.waiting.append(body)
        self.out.tokens.append(body)

    def _bodies(self) -> None:
        for body in self.waiting:
            lines = []
            while self.at < len(self.text):
                end = self._end_of_line()
                line = self.text[self.at : end]
                self.at = min(end + 1, len(self.text))
                if (line.lstrip("\t") if body.strips else line).rstrip("\r") == body.delimiter:
                    break
                lines.append(line)
            body.text = "\n".join(lines)
            if "$(" in body.text or "`" in body.text:
                self.out.opaque.append("a here-document runs commands inside")
        self.waiting = []

    def _word(self) -> None:
        part, begins = _Part(), self.at
        while self.at < len(self.text):
            char = self.text[self.at]
            if char in _ENDS_WORD and not self._is_substitution():
                break
            self._piece(part, char)
        text = "".join(part.text)
        assigned = _ASSIGNS.fullmatch(text)
        if assigned and not part.dynamic:
            self.known[assigned[1]] = assigned[2]
        if text or part.quoted or part.dynamic:
            self._take(part, text)
        elif self.at == begins:
            self.at += 1

    def _take(self, part: _Part, text: str) -> None:
        for one in _expanded(text) if part.braces and len(text) <= _LONGEST_BRACES else [text]:
            self.out.tokens.append(Word(one, part.dynamic, part.leads, part.glob))

    def _piece(self, part: _Part, char: str) -> None:
        if char == "\\":
            self._escaped(part)
        elif char == "'":
            part.quoted = True
            part.text.append(self._until("'", self.at + 1))
        elif char == '"':
            self._double(part)
        elif char == "`":
            self._backticks(part)
        elif char == "$":
            self._dollar(part, quoted=False)
        elif self._is_substitution():
            self.at += 1
            self._nested(part)
        else:
            part.glob = part.glob or char in "*?["
            part.braces = part.braces or char == "{"
            part.text.append(char)
            self.at += 1

    def _escaped(self, part: _Part) -> None:
        following = self.text[self.at + 1 : self.at + 2]
        if following != "\n":
            part.text.append(following)
        self.at += 2

    def _until(self, end: str, start: int) -> str:
        stop = self.text.find(end, start)
        if stop < 0:
            self.out.opaque.append("a quote is not closed")
            stop = len(self.text)
        self.at = stop + 1
        return self.text[start:stop]

    def _double(self, part: _Part) -> None:
        self.at += 1
        part.quoted = True
        while self.at < len(self.text) and self.text[self.at] != '"':
            char = self.text[self.at]
            if char == "\\" and self.text[self.at + 1 : self.at + 2] in '$`"\\\n':
                self._escaped(part)
            elif char == "`":
                self._backticks(part)
            elif char == "$":
                self._dollar(part, quoted=True)
            else:
                part.text.append(char)
                self.at += 1
        if self.at >= len(self.text):
            self.out.opaque.append("a quote is not closed")
        self.at += 1

    def _backticks(self, part: _Part) -> None:
        self.out.nested.append(self._until("`", self.at + 1).replace("\\`", "`"))
        part.add_unknown("$()")

    def _dollar(self, part: _Part, *, quoted: bool) -> None:
        if self.text.startswith("$'", self.at) and not quoted:
            self._ansi(part)
        elif self.text.startswith('$"', self.at) and not quoted:
            self.at += 1
        elif self.text.startswith("$((", self.at):
            self._balanced(self.at + 1)
            part.add_unknown("$()")
        elif self.text.startswith("$(", self.at):
            self.at += 1
            self._nested(part)
        elif name := _NAME.match(self.text, self.at):
            self._variable(part, name, quoted=quoted)
        elif empty := _EMPTY.match(self.text, self.at):
            self._positional(part, empty)
        elif special := _SPECIAL.match(self.text, self.at):
            self.at = special.end()
            part.add_unknown("$")
        else:
            part.text.append("$")
            self.at += 1

    def _positional(self, part: _Part, match: re.Match[str]) -> None:
        """``r$@m`` is ``rm``; alone it is whatever the script was given."""
        self.at = match.end()
        rest = self.text[self.at : self.at + 1]
        if not part.text and (not rest or rest in _ENDS_WORD or rest == '"'):
            part.add_unknown("$")

    def _variable(self, part: _Part, match: re.Match[str], *, quoted: bool) -> None:
        name = match[1] or match[2]
        value = self.known.get(name)
        grown = len(self.text) + len(value or "") > _LONGEST_TEXT
        if value is None or grown or self.splices >= _MOST_SPLICES:
            self.at = match.end()
            part.add_unknown(f"${name}")
        elif quoted or name == "HOME":
            self.at = match.end()
            part.text.append(value)
        else:
            # Read again in its place: an unquoted value falls into words.
            self.splices += 1
            self.text = self.text[: self.at] + value + self.text[match.end() :]

    def _ansi(self, part: _Part) -> None:
        start = self.at = self.at + 2
        while self.at < len(self.text) and self.text[self.at] != "'":
            self.at += 2 if self.text[self.at] == "\\" else 1
        part.text.append(_ESCAPE.sub(_unescaped, self.text[start : self.at]))
        part.quoted = True
        self.at += 1

    def _nested(self, part: _Part) -> None:
        """At the opening parenthesis of ``$(...)`` or ``<(...)``."""
        self.out.nested.append(self._balanced(self.at))
        part.add_unknown("$()")

    def _balanced(self, start: int) -> str:
        depth, place, quote = 0, start, ""
        while place < len(self.text):
            char = self.text[place]
            if char == "\\" and quote != "'":
                place += 1
            elif quote:
                quote = "" if char == quote else quote
            elif char in "'\"":
                quote = char
            elif char in "()":
                depth += 1 if char == "(" else -1
                if depth == 0:
                    break
            place += 1
        if place >= len(self.text):
            self.out.opaque.append("a parenthesis is not closed")
        self.at = place + 1
        return self.text[start + 1 : place]


def _unescaped(match: re.Match[str]) -> str:
    *numbers, octal, other = match.groups()
    hexadecimal = next((number for number in numbers if number), "")
    if hexadecimal or octal:
        code = int(hexadecimal, 16) if hexadecimal else int(octal, 8)
        return chr(code) if code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF else ""
    return _NAMED.get(other, other)


def _expanded(text: str) -> list[str]:
    """``{rm,-rf}`` is two words."""
    done: list[str] = []
    waiting = [text]
    while waiting and len(done) < _MOST_BRACES:
        one = waiting.pop(0)
        found = _BRACES.match(one)
        if found:
            waiting[:0] = [f"{found[1]}{middle}{found[3]}" for middle in found[2].split(",")]
        else:
            done.append(one)
    return done

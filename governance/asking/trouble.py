"""What an error says about sending again. Senders of every channel raise ``NotSent``."""

from enum import Enum


class Trouble(Enum):
    SERVER = "the server cannot be used now: no message is to blame"
    BROKEN_OFF = "the connection broke during this message"
    LATER = "this message may pass later"
    NEVER = "this message never passes"


class NotSent(Exception):
    """A message did not get out. After ``SERVER`` and ``BROKEN_OFF`` the channel rests."""

    def __init__(self, trouble: Trouble, text: str) -> None:
        super().__init__(text)
        self.trouble = trouble
        self.text = text

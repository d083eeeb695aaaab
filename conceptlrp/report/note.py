"""What people have written about a channel."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Note:
    """A remark on a channel, which stands beside what was computed.

    Attributes
    ----------
    text : str
        The remark.
    author, date, evidence : str
        Who wrote it, when, and what it rests on; "" where that is not said.
    """

    text: str
    author: str = ""
    date: str = ""
    evidence: str = ""

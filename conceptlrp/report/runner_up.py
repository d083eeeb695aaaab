"""Labels that a channel was not given, and what they lacked."""

from dataclasses import dataclass


@dataclass(frozen=True)
class RunnerUp:
    """A label that came near to being a channel's.

    Attributes
    ----------
    label, measure : str
        Name of the label, and of what of the channel was compared with it.
    effect, held_out : float or None
        On the positions that labels were looked for on, and on those held out.
    low, high : float or None
        Interval of the held-out effect, where it was computed.
    q : float or None
        p-value of the permutation null, corrected for all pairs.
    random : float or None
        The largest effect of the label in the random networks.
    reason : str
        Why it is not the channel's name, as a clause.
    """

    label: str
    measure: str
    effect: float | None
    held_out: float | None
    low: float | None
    high: float | None
    q: float | None
    random: float | None
    reason: str

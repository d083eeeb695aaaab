"""What a run computes: all that its numbers depend on, and where it comes from."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from typing import Any, Self

from conceptlrp.errors import StoreError, check_choice
from conceptlrp.store.baseline import BASELINES, baseline_words

#: How much of the conditional maps a store keeps.
DETAILS = ("sums", "references", "sample", "all")
#: Types of the stored sums and maps.
DTYPES = ("float32", "float16")
# The rest may differ between the start of a run and its end.
_PROVENANCE = {"command", "shard_size"}
_COMPARED_VERSIONS = ("conceptlrp", "torch")
_DICTS = (
    *("network", "corpus", "composite", "baseline"),
    *("sample", "compute", "versions"),
)
_MOST = 1 << 40


@dataclass(frozen=True)
class Plan:
    """What a store is to hold, and with what it is computed.

    Attributes
    ----------
    network : dict
        Name, architecture, size and digest of the network; where it was loaded, also
        its "reference" (an absolute path, "demo", "demo6" or package.module:function)
        and the path of its "weights". "planes" names what it reads, and "notes" say
        what a reader of relevance on them should know.
    corpus : dict
        Digest, number of positions and of games.
    composite : dict
        Name of the composite, the rule of every module and a digest of the rules;
        "heatmaps" has those of another one that goes from a layer to the input, and
        "gradients" the operations without a rule that are explained by their gradient.
    targets : tuple of str
        Names of the explained outputs.
    layers : dict of str to dict
        ``channels``, ``height`` and ``width`` of every layer.
    baseline : dict
        Empty for plain relevance, else the "kind" and "digest" of the `Baseline`, and
        of a mean its sample: "positions", "seed" and "of" how many they were drawn.
    detail : str
        One of `DETAILS`: sums over the board only, or conditional maps too, of the
        reference boards, of a sample of the positions or of all.
    references : int
        Reference boards kept for every channel and kind, 0 for none.
    sample : dict
        ``positions`` and ``seed`` of the sample, else empty.
    statistics : bool
        Whether statistics of the maps of every channel are kept.
    dtype : str
        One of `DTYPES`, for sums and maps.
    compute : dict
        Type, batch size and threads of the computation.
    shard_size : int
        Positions a shard; the numbers do not depend on it.
    versions : dict of str to str
        Versions of the packages that compute it.
    command : str
        The command line or call.
    """

    network: dict[str, Any]
    corpus: dict[str, Any]
    composite: dict[str, Any]
    targets: tuple[str, ...]
    layers: dict[str, dict[str, int]]
    baseline: dict[str, Any] = field(default_factory=dict)
    detail: str = "references"
    references: int = 0
    sample: dict[str, int] = field(default_factory=dict)
    statistics: bool = False
    dtype: str = "float32"
    compute: dict[str, Any] = field(default_factory=dict)
    shard_size: int = 4096
    versions: dict[str, str] = field(default_factory=dict)
    command: str = ""

    def __post_init__(self) -> None:
        _check(self)

    @classmethod
    def from_json(cls, content: Any) -> Self:
        """Return a plan from its entry in the manifest, or raise for what is none."""
        expected = {each.name for each in fields(cls)}
        if {*content, "baseline"} != expected:
            odd = ", ".join(sorted({*content, "baseline"} ^ expected))
            msg = f"the plan lacks or adds {odd}"
            raise ValueError(msg)
        return cls(**{**content, "targets": tuple(content["targets"])})

    def differences(self, other: "Plan") -> list[str]:
        """Say in which ways another plan, asked for now, would compute other numbers.

        Such as "composite.name is epsilon-flat in the store, epsilon now".
        """
        stored, now = dict(_flat(self._compared())), dict(_flat(other._compared()))
        return [
            f"{name} is {_short(stored.get(name))} in the store, "
            f"{_short(now.get(name))} now"
            for name in dict.fromkeys([*stored, *now])
            if stored.get(name) != now.get(name)
        ]

    @property
    def gradients(self) -> tuple[str, ...]:
        """Operations without a rule, explained by their gradient as was allowed."""
        return tuple(self.composite.get("gradients", ()))

    @property
    def value_kind(self) -> str:
        """What the network's value is: "scalar" or "wdl"."""
        return str(self.network.get("value", "scalar"))

    @property
    def above(self) -> str:
        """What relevance is above, in words."""
        made = self.baseline
        return baseline_words(made.get("kind", "zero"), made.get("positions", 0))

    def to_json(self) -> dict[str, Any]:
        """Return the plan's entry in the manifest."""
        found = asdict(self)
        if not self.baseline:
            del found["baseline"]
        return found

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of all that the numbers depend on."""
        text = json.dumps(self._compared(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def _compared(self) -> dict[str, Any]:
        found = {k: v for k, v in self.to_json().items() if k not in _PROVENANCE}
        # The same weights under another name give the same numbers.
        found["network"] = {"digest": self.network.get("digest")}
        found["versions"] = {n: self.versions.get(n) for n in _COMPARED_VERSIONS}
        # As it is after a round through JSON, where tuples are lists.
        compared: dict[str, Any] = json.loads(json.dumps(found))
        return compared


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Name every entry of nested dicts, such as ``network.digest``."""
    if not isinstance(value, dict) or not value:
        yield name, value
        return
    for key, entry in value.items():
        yield from _flat(entry, f"{name}.{key}" if name else str(key))


def _short(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 24 else f"{text[:20]}…"


def _check(plan: Plan) -> None:
    """Raise for a plan that no run could have, before anything relies on it."""
    for name in _DICTS:
        if not isinstance(getattr(plan, name), dict):
            msg = f"{name} is {getattr(plan, name)!r}, expected a dict"
            raise TypeError(msg)
    _check_names(plan)
    for name, least in (("references", 0), ("shard_size", 1)):
        number = getattr(plan, name)
        if not _is_number(number, least):
            msg = f"{name} is {number!r}, expected {least} or more"
            raise ValueError(msg)
    batch_size = plan.compute.get("batch_size", 1)
    if not _is_number(batch_size, 1) or plan.shard_size % batch_size:
        msg = (
            f"shard_size is {plan.shard_size}, expected a multiple of the batch_size "
            f"{batch_size}; so batches do not depend on shards"
        )
        raise ValueError(msg)


def _check_names(plan: Plan) -> None:
    check_choice("detail", plan.detail, DETAILS)
    check_choice("dtype", plan.dtype, DTYPES)
    made = plan.baseline
    counts = (made.get(name, 0) for name in ("positions", "seed", "of"))
    is_one = made.get("kind") in BASELINES[1:] and isinstance(made.get("digest"), str)
    if made and not (is_one and all(type(each) is int for each in counts)):
        msg = f"baseline is {made}, expected a kind, its digest and its sample"
        raise ValueError(msg)
    if not plan.targets or not all(isinstance(t, str) for t in plan.targets):
        msg = f"targets are {plan.targets!r}, expected names"
        raise ValueError(msg)
    if not isinstance(plan.layers, dict) or not plan.layers:
        msg = f"layers are {plan.layers!r}, expected one or more"
        raise TypeError(msg)
    for layer, shape in plan.layers.items():
        if not all(_is_number(shape[a], 1) for a in ("channels", "height", "width")):
            msg = f"layer '{layer}' has the shape {shape}"
            raise ValueError(msg)


def _is_number(value: Any, least: int) -> bool:
    is_int = isinstance(value, int) and not isinstance(value, bool)
    return is_int and least <= value <= _MOST


def refuse_other(
    path: Any, stored: Plan, now: Plan, *, but: tuple[str, ...] = ()
) -> None:
    """Raise `StoreError` with the first way in which two plans differ."""
    found = [each for each in stored.differences(now) if not each.startswith(but)]
    if any(each.startswith("network.digest") for each in found):
        made = [each.network for each in (stored, now)]
        names = [
            f"{each.get('name', 'another one')} ({str(each.get('digest'))[:12]})"
            for each in made
        ]
        msg = f"{path}: its network is {names[0]}, not {names[1]}; choose another name"
        raise StoreError(msg)
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        msg = f"{path}: {found[0]}{more}; choose another name for another computation"
        raise StoreError(msg)

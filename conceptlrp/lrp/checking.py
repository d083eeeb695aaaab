"""Check a network before it is explained: contract, rules, play, time.

What cannot be explained is told as well: a table names each step and how relevance
passes it, or why none does.
"""

import copy
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from functools import partial
from timeit import Timer
from typing import Any

import numpy as np
import torch
from torch import nn

from conceptlrp import jsontext
from conceptlrp.drawing.notebook import html_table
from conceptlrp.errors import ConceptLRPError, NetworkError, check_least, check_type
from conceptlrp.late import pd
from conceptlrp.lrp.composites import GRADIENT, check_composite, module_rules
from conceptlrp.lrp.conventions import Array, play_of
from conceptlrp.lrp.engine.elementwise import Gate, Scaled
from conceptlrp.lrp.engine.propagation import NativePropagation
from conceptlrp.lrp.engine.spelling import operation_name
from conceptlrp.lrp.engine.trace import as_outputs, module_of
from conceptlrp.lrp.explainer import Explainer
from conceptlrp.networks import BoardNetwork, adapt, network_digest
from conceptlrp.networks.checkpoint import AnyNetwork, checked_network
from conceptlrp.networks.heads import SAME
from conceptlrp.othello import Corpus
from conceptlrp.othello.positions import Positions, as_corpus
from conceptlrp.statistics import Estimate
from conceptlrp.statistics.intervals import between, percentage

#: Positions that relevance and time are measured on; hooks take a pass a channel.
_MEASURED, _HOOKED = 64, 2
#: Part of the relevance that may be lost where it is called conserved.
_LOST = 0.01
_KEEPING = (*SAME, nn.Flatten, nn.Unflatten)
_UNSEEN = ("input", "flatten", "placeholder", "output", "get_attr", "stack")


@dataclass(frozen=True)
class Step:
    """A module or operation: its type, how relevance passes it, and why so.

    Of the relevance that arrives it sends on a part; its bias takes another and
    stabilizers the rest. They are nan where that is not known.
    """

    name: str
    type: str
    how: str
    why: str = ""
    arrived: float = float("nan")
    sent: float = float("nan")
    bias: float = float("nan")
    stabilizer: float = float("nan")


@dataclass(frozen=True, repr=False)
class NetworkCheck:
    """What a network reads and returns, how it is explained, and how well it plays.

    Attributes
    ----------
    name : str
        Name of its class.
    contract : dict of str to str
        Board, planes, policy, value and digest.
    shares : dict of str to Estimate
        Shares of positions, with intervals over games: "moves" (the best legal move is
        the one played), "chance", "legal" (probability on legal moves), "value" (its
        sign is that of the result) and "constant" (a constant's would be). Of fewer
        than 10 games the intervals are nan.
    findings : tuple of str
        What is wrong, each with its remedy.
    remedy : dict
        Arguments of `adapt` with which it plays better.
    steps : tuple of Step
        Modules and operations in order of execution; how relevance passes them is
        "native", the name of a rule (with "+" one for channels, one for heatmaps),
        "folded", "gate held constant", "hooks", "gradient" or "refused".
    times : dict of str to float
        Microseconds a position.
    notes : tuple of str
        What a reader of explanations should know.
    refused : str
        Why the network cannot be explained; empty if it can.
    """

    name: str
    contract: dict[str, str] = field(default_factory=dict)
    shares: dict[str, Estimate] = field(default_factory=dict)
    findings: tuple[str, ...] = ()
    remedy: dict[str, Any] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    times: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    refused: str = ""

    def __repr__(self) -> str:
        n = len(self.findings)
        state = "refused" if self.refused else f"{n} finding{'s' * (n != 1)}"
        return f"NetworkCheck({self.name}; {len(self.steps)} steps, {state})"

    def _repr_html_(self) -> str:
        frame = self.frame().round(3).reset_index()
        note = ". ".join([self.refused, *self.findings, *self.notes]).strip(". ")
        steps = html_table("Steps", [*map(str, frame)], frame.to_numpy(), note=note)
        return html_table(self.name, (), self.facts.items()) + steps

    def frame(self) -> "pd.DataFrame":
        """Return a row for each step."""
        columns = [each.name for each in fields(Step)]
        return pd.DataFrame(map(vars, self.steps), columns=columns).set_index("name")

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, of a remedy what is no function."""
        remedy = {k: v for k, v in self.remedy.items() if not callable(v)}
        return dict(jsontext.plain({**vars(self), "remedy": remedy}))

    @property
    def facts(self) -> dict[str, str]:
        """Contract, shares and times in words."""
        facts, means = dict(self.contract), {n: e.mean for n, e in self.shares.items()}
        for name, against in {"moves": "chance", "value": "constant"}.items():
            if name in self.shares:
                each, known = self.shares[name], f"{against} {means[against]:.1%}"
                ends = between(each.low, each.high, percentage, 1, games=each.games)
                told = f"{each.mean:.1%} {ends} of {each.n:,}, {known}"
                facts[f"{name} right"] = told if each.n else "–"
        if "legal" in means:
            facts["probability"] = f"{means['legal']:.1%} on legal moves"
        for name, taken in self.times.items():
            passes = f"{taken / self.times['forward']:.1f} forward passes"
            facts[name] = f"{taken:,.0f} us a position, {passes}"
        return facts


def check_network(
    network: AnyNetwork,
    corpus: Positions,
    *,
    composite: Any = None,
    allow_gradient: bool = False,
    n_positions: int = 1000,
    seed: int = 0,
) -> NetworkCheck:
    """Check what a network reads, returns and plays, and how it is explained.

    Parameters
    ----------
    network : Module or path
        A module that is no board network is adapted first.
    corpus : Corpus or other positions
        Of games, whose moves and results it is compared with.
    composite, allow_gradient
        As for `Explainer`.
    n_positions : int
        Positions to draw.
    seed : int
        Seed of the draw.

    Returns
    -------
    NetworkCheck
        A network that cannot be explained is no error, `refused` says why.

    Raises
    ------
    NetworkError
        Where the positions are of another size.
    CompositeError
        Where a composite is not known.
    """
    check_type(n_positions, int | np.integer, "n_positions", "a whole number")
    check_least("n_positions", n_positions)
    check_composite(composite)
    found = NetworkCheck(type(network).__name__)
    with warnings.catch_warnings():
        # What they say is among the notes.
        warnings.simplefilter("ignore")
        try:
            board = checked_network(network)
            found = replace(found, name=type(board).__name__)
            board = copy.deepcopy(board).eval() if board.training else board
            # A class of one's own may say that it is a board network, and be none.
            adapt(board, encode=board.encoding, size=board.size)
        except NetworkError as error:
            return _without_steps(replace(found, refused=str(error)), network)
        sample = as_corpus(corpus, board.size).sample(n_positions, seed=seed)
        if sample.size != board.size or not len(sample):
            msg = (
                f"found {len(sample)} positions of {sample.size} x {sample.size}, "
                f"expected some of {board.size} x {board.size} as the network plays"
            )
            raise NetworkError(msg)
        play = play_of(lambda planes: _run(board, planes), board.encoding, sample)
        found = replace(found, contract=_contract(board), **play)
        # Of what is refused, steps are told as if gradients were allowed.
        for allowed in (allow_gradient, True):
            try:
                explainer = Explainer(
                    board, composite=composite, allow_gradient=allowed
                )
                return _explained(found, explainer, board, sample[:_MEASURED])
            # A network is of anyone, and so is what it raises.
            except Exception as error:
                told = str(error).partition("\n")[0]
                if not isinstance(error, ConceptLRPError):
                    told = f"{found.name} cannot be explained ({told})"
                found = replace(found, refused=found.refused or told)
    return _without_steps(found, board)


def _run(board: nn.Module, planes: Array) -> tuple[Array, Array]:
    """Return logits (N, A) and value (N,), nan where there is none."""
    weights = (p for p in board.parameters() if p.is_floating_point())
    like = next(weights, torch.zeros(()))
    batches = torch.split(torch.from_numpy(planes).to(like.device, like.dtype), 256)
    with torch.no_grad():
        parts = zip(*[as_outputs(board(each)) for each in batches], strict=True)
    found = [torch.cat(each).cpu().double().numpy() for each in parts]
    logits, value = [*found, np.full(len(planes), np.nan)][:2]
    return logits, value.reshape(-1)


def _contract(board: BoardNetwork) -> dict[str, str]:
    size, encoding = board.size, board.encoding
    logits, value = _run(board, encoding(np.zeros((1, size, size), np.int8)))
    passing = "none for a pass" if logits.shape[1] == size**2 else "the last a pass"
    scalar = "win minus loss" if board.value_kind == "wdl" else "one number before tanh"
    return {
        "board": f"{size} x {size}",
        "planes": f"{encoding.planes} ({encoding.name})",
        "policy": f"{logits.shape[1]} outputs, {passing}",
        "value": "none" if np.isnan(value).all() else scalar,
        "digest": network_digest(board)[:12],
        **{name: word for name, word in board.origin.items() if name == "checksum"},
    }


def _without_steps(found: NetworkCheck, network: Any) -> NetworkCheck:
    """Add the modules of a network whose graph is not known."""
    steps = [
        Step(name, type(each).__name__, "refused", found.refused)
        for name, each in getattr(network, "named_modules", dict)()
        if not list(each.children()) and not isinstance(each, _KEEPING)
    ]
    return replace(found, steps=tuple(steps))


def _explained(
    found: NetworkCheck, explainer: Explainer, board: BoardNetwork, sample: Corpus
) -> NetworkCheck:
    lacking = "refused" if found.refused else "gradient"
    steps = tuple(_steps(explainer, board, sample, lacking))
    times = {} if found.refused else _times(explainer, board, sample)
    notes = [*board.notes]
    if reason := getattr(explainer.propagation, "reason", ""):
        notes.append(f"{reason}: relevance goes through hooks, which is slower")
    if lossy := [step.name for step in steps if "not conserved" in step.why]:
        notes.append(f"relevance is not conserved at {', '.join(lossy)}")
    return replace(found, steps=steps, times=times, notes=tuple(notes))


def _steps(
    explainer: Explainer, board: BoardNetwork, sample: Corpus, lacking: str
) -> Iterator[Step]:
    """Yield what relevance passes, in order; `lacking` is said where no rule is."""
    propagation, own = explainer.propagation, dict(board.named_modules())
    native, operations = isinstance(propagation, NativePropagation), {}
    if isinstance(propagation, NativePropagation):
        operations = propagation.engine.program.operations
    rules = [module_rules(each, explainer.network) for each, _ in explainer.composites]
    flows: dict[Any, Any] = {}
    if native and explainer.composite_name != GRADIENT:
        targets = ["best", "value"][: 1 + explainer.has_value]
        report = explainer.conservation(sample, targets=targets).frame()
        flows = (report / len(sample)).T.to_dict()
    for node in explainer.network.graph.nodes:
        module = module_of(explainer.network, node)
        label = node.name if module is None else str(node.target)
        given = own.get(label, module)
        kind = operations[node.name].kind if node.name in operations else node.op
        known = node.name in operations or not native
        if kind in _UNSEEN or isinstance(given, _KEEPING) or not known:
            continue
        names = dict.fromkeys(type(r[label]).__name__ for r in rules if label in r)
        how, why = "+".join(names) or ("native" if native else "hooks"), ""
        flow = flows.get(label, {})
        if any(each.endswith(f"('{label}')") for each in explainer.gradients):
            how, why = lacking, "not conserved: there is no rule for it"
        elif isinstance(module, _KEEPING):
            how = "folded"
        elif explainer.composite_name == GRADIENT:
            how = "gradient"
        elif isinstance(module, Gate | Scaled):
            how = f"{module.held} held constant"
        elif abs(flow.get("stabilizer", 0)) > _LOST * abs(flow.get("arrived", 0)):
            why = "not conserved by this rule"
        kind = operation_name(node) if given is None else type(given).__name__
        yield Step(label, kind, how, why, **flow)


def _times(
    explainer: Explainer, board: BoardNetwork, sample: Corpus
) -> dict[str, float]:
    """Return microseconds a position of forward passes, relevance and heatmaps."""
    if not isinstance(explainer.propagation, NativePropagation):
        sample = sample[:_HOOKED]
    planes = board.encoding.bitboards(sample.own, sample.opponent, size=board.size)
    calls: dict[str, Callable[[], object]] = {
        "forward": lambda: _run(board, planes),
        "channel relevance": lambda: explainer.summarize(sample, targets="best"),
    }
    for layer in explainer.layers[-1:]:
        channels = {layer: np.arange(explainer.shapes[layer]["channels"])}
        calls[f"heatmaps of {layer}"] = partial(
            explainer.attribute, sample, targets="best", conditional=channels
        )
    times = {}
    for name, call in calls.items():
        # As many calls as take .2 s, one where that takes longer.
        n, seconds = Timer(call).autorange()
        times[name] = seconds / n / len(sample) * 1e6
    return times

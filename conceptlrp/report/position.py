"""The report of a position: what the network plays there, and what speaks for it.

Shapes use C channels of a layer and n x n squares of the board.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.drawing import board_svg
from conceptlrp.drawing.colors import symmetric_limit
from conceptlrp.drawing.notebook import html_boards
from conceptlrp.errors import TargetError, check_least, check_names
from conceptlrp.jsontext import plain
from conceptlrp.lrp import Attribution, Baseline, Explainer, Target
from conceptlrp.lrp._zennit import Composite
from conceptlrp.lrp.explainer import AnyBaseline
from conceptlrp.lrp.one_call import store_explainer
from conceptlrp.lrp.targets import unit_of
from conceptlrp.networks.checkpoint import AnyNetwork
from conceptlrp.networks.planes import actions_of_squares
from conceptlrp.networks.prediction import expected_outcome
from conceptlrp.othello import PASS, Position, parse_square, square_name
from conceptlrp.othello.positions import as_position
from conceptlrp.reference.boards import move_probabilities
from conceptlrp.report.explained_output import ExplainedOutput, LayerMaps
from conceptlrp.report.words.numbers import percent, signed_percent
from conceptlrp.report.words.relevance import gradient_words, relevance_words
from conceptlrp.store import Store

_ENCODING = {"encoding-type": "conceptlrp-position-report", "encoding-version": "1"}


@dataclass(frozen=True)
class MovePolicy:
    """A legal move with its logit and its probability, a softmax over legal moves."""

    move: str
    square: int
    logit: float
    probability: float


@dataclass(frozen=True, eq=False)
class PositionReport:
    """What a network plays at a position, and which channels speak for it.

    Attributes
    ----------
    position : Position
        The board.
    row : int or None
        Where the position stands in the store, if there is one and it is there.
    policy : tuple of MovePolicy
        The legal moves, likeliest first; the pass alone where there is none.
    value : float
        Expected outcome for the side to move, -1 to 1 (its tanh); nan for a
        network without a value head.
    move : ExplainedOutput
        The chosen move, by default the best.
    value_output : ExplainedOutput or None
        The output of the value head; None without a value head.
    contrast, other : ExplainedOutput or None
        The chosen move less another one, and that one, where that was asked for.
    composite : str
        Rules by which relevance was propagated.
    baseline : str
        What relevance of layers is above, in words: "zero" if it is plain.
    gradients : tuple of str
        Operations without a rule, explained by their gradient as was allowed.
    """

    position: Position
    row: int | None
    policy: tuple[MovePolicy, ...]
    value: float
    move: ExplainedOutput
    value_output: ExplainedOutput | None
    contrast: ExplainedOutput | None
    other: ExplainedOutput | None
    composite: str
    baseline: str = "zero"
    gradients: tuple[str, ...] = ()

    @property
    def relevance(self) -> str:
        """By which rules relevance is, and above which baseline."""
        name = self.composite.removesuffix(" with gradients")
        return relevance_words(name, self.baseline)

    @property
    def best(self) -> MovePolicy:
        """The legal move with the highest logit."""
        return self.policy[0]

    @property
    def outputs(self) -> tuple[ExplainedOutput, ...]:
        """What is explained: the move, the value, the contrast, as far as there."""
        every = (self.move, self.value_output, self.contrast)
        return tuple(output for output in every if output is not None)

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers, in execution order."""
        return tuple(self.move.layers)

    def to_dict(self) -> dict[str, Any]:
        """Return everything for strict JSON, with the maps of the top channels only."""
        return {
            **_ENCODING,
            "position": {
                "obf": self.position.obf(),
                "size": self.position.size,
                "last": self.position.last,
            },
            "row": self.row,
            "policy": plain(self.policy),
            "value": plain(self.value),
            "composite": self.composite,
            "baseline": self.baseline,
            "gradients": self.gradients,
            "move": self.move.to_dict(),
            "value_output": self.value_output and self.value_output.to_dict(),
            "contrast": self.contrast and self.contrast.to_dict(),
            "other": self.other and self.other.to_dict(),
        }

    def __repr__(self) -> str:
        best = f"{self.best.move} {self.best.probability:.0%}"
        return f"PositionReport({self.position.obf()!r}, best {best})"

    def _repr_html_(self) -> str:
        cards = [
            (
                board_svg(
                    self.position,
                    heatmap=each.heatmap,
                    limit=symmetric_limit(each.heatmap),
                ),
                (f"{each.target}: {each.totals}", *_top_words(each)),
            )
            for each in self.outputs
        ]
        value = "" if np.isnan(self.value) else f", expected outcome {self.value:+.2f}"
        title = f"Best {self.best.move} ({percent(self.best.probability)}){value}"
        return html_boards(title, cards, note=gradient_words(self.gradients))


def position_report(
    network: AnyNetwork | Explainer,
    position: Position | ArrayLike,
    *,
    composite: str | Composite | None = None,
    heatmaps: str | Composite | None = None,
    baseline: AnyBaseline = None,
    layers: Sequence[str] | None = None,
    store: Store | None = None,
    move: str | None = None,
    against: str | None = None,
    count: int = 8,
) -> PositionReport:
    """Explain a network's policy and value at one position.

    Parameters
    ----------
    network : Module, path or Explainer
        The network, its file or "demo", or an explainer made of it once for many
        positions.
    position : Position, array of shape (n, n) or str
        The board, or the moves that lead to it; the side to move passes where it has
        no move.
    composite, heatmaps, baseline
        Rules of propagation and what relevance is above, as for `attribute`, a mean
        being that of the corpus that ships; by default those of the store, if there is
        one. An explainer has its own.
    layers : sequence of str, optional
        Layers to report; all by default.
    store : Store, optional
        Where to look the position up. Only its rows have donors, where relevance is
        above theirs.
    move, against : str, optional
        Move to explain, "pa" for the pass, by default the best one; and a move to
        contrast it with.
    count : int
        How many channels of each layer count as its top ones.

    Returns
    -------
    PositionReport
        With the conditional heatmaps of all channels. A move that is not legal, or
        contrasted with itself, raises `TargetError`, a network of another board
        `NetworkError`, an unknown layer `LayerError`, a position that lacks its donor
        `ValueError`.

    Examples
    --------
    >>> from conceptlrp.networks import demo_network
    >>> report = position_report(demo_network(), Position.start())
    >>> len(report.policy), report.move.heatmap.shape
    (4, (8, 8))
    """
    check_least("count", count)
    rules: dict[str, Any] = {"composite": composite, "heatmaps": heatmaps}
    explainer = _explainer(network, store, **rules, baseline=baseline)
    position = as_position(position, explainer.size)
    chosen = "best" if move is None else _named(move, position)
    targets = [chosen, *(["value"] if explainer.has_value else [])]
    if against is not None:
        other = _named(against, position)
        targets += [f"{chosen}-{other}", other]
    row = None if store is None else store_row(store, position)
    above = _baseline(explainer, row)
    found = explainer.attribute(
        position,
        targets=targets,
        conditional=_conditions(explainer, layers),
        baseline=above,
    )
    biases = explainer.biases(position, targets=targets)[0]
    policy = move_policies(position, found.logits[0])
    # Only now it is known which move is the best.
    best = _named(move or policy[0].move, position)
    if against is not None and best == _named(against, position):
        msg = f"move '{best}' is contrasted with itself, expected another legal move"
        raise TargetError(msg)
    kind = explainer.value_kind
    outputs = [
        _output(found, i, policy, count, kind, float(kept))
        for i, kept in enumerate(biases)
    ]
    return PositionReport(
        position=position,
        row=row,
        policy=policy,
        value=float(expected_outcome(found.value[0], kind)),
        move=outputs[0],
        value_output=outputs[1] if explainer.has_value else None,
        contrast=None if against is None else outputs[-2],
        other=None if against is None else outputs[-1],
        composite=explainer.composite_name,
        baseline=above.words,
        gradients=explainer.gradients,
    )


def _explainer(
    network: AnyNetwork | Explainer, store: Store | None, **rules: Any
) -> Explainer:
    if isinstance(network, Explainer):
        return network
    if store is None or any(each is not None for each in rules.values()):
        return Explainer(network, **rules)
    return store_explainer(store, network)


def _baseline(explainer: Explainer, row: int | None) -> Baseline:
    """Return the baseline of one position, which stands in a row of a store or not."""
    # One position has no mean of its own to be above.
    found = explainer.baseline_for(None)
    if found.donors is None or len(found.donors) == 1:
        return found
    if row is None:
        msg = (
            "relevance is above the map of a donor, which only positions of the store "
            "have; take the baseline 'mean' for other positions"
        )
        raise ValueError(msg)
    return found.take([row])


def _top_words(output: ExplainedOutput) -> list[str]:
    """Name the top channels of each layer with their share."""
    found = {
        name: [f"{c.channel} ({signed_percent(c.share)})" for c in layer.top[:3]]
        for name, layer in output.layers.items()
    }
    return [f"{name}: {', '.join(top) or 'none'}" for name, top in found.items()]


def store_row(store: Store, position: Position) -> int | None:
    """Find the first row of a store that has a position, with the same mover."""
    corpus = store.positions
    if corpus.size != position.size:
        return None
    same = (corpus.own == np.uint64(position.own)) & (
        corpus.opponent == np.uint64(position.opponent)
    )
    for row in np.flatnonzero(same).tolist():
        if corpus.position(row).mover == position.mover:
            return int(row)
    return None


def _named(move: str, position: Position) -> str:
    square = parse_square(move, position.size)
    return "pass" if square == PASS else square_name(square, position.size)


def _conditions(explainer: Explainer, layers: Sequence[str] | None) -> Any:
    """Ask for the conditional maps of all channels of the layers."""
    if layers is None:
        return True
    shapes = explainer.shapes
    # An unknown layer is refused, with the known ones, where maps are asked for.
    return {
        name: np.arange(shapes.get(name, {"channels": 0})["channels"])
        for name in check_names(layers, "layers", "a layer")
    }


def move_policies(position: Position, logits: NDArray[Any]) -> tuple[MovePolicy, ...]:
    """Name the legal moves with their logits (A,), the likeliest first."""
    if len(logits) == position.size**2:
        # A network without an output for the pass gives it no logit.
        logits = np.append(logits, np.nan)
    squares = position.legal_moves or (PASS,)
    names = {square_name(square, position.size): square for square in squares}
    probabilities = move_probabilities(position, logits) if len(names) > 1 else None
    return tuple(
        MovePolicy(
            move=name,
            square=names[name],
            logit=float(logits[actions_of_squares(names[name], size=position.size)]),
            probability=1.0 if probabilities is None else probabilities[name],
        )
        for name in probabilities or names
    )


def _output(
    found: Attribution,
    place: int,
    policy: tuple[MovePolicy, ...],
    n_top: int,
    value_kind: str,
    biases: float,
) -> ExplainedOutput:
    size = found.heatmap.shape[-1]
    target = Target.parse(found.targets[place], size).with_best(policy[0].square, size)
    return ExplainedOutput(
        target=target.name,
        unit=unit_of(target, value_kind),
        squares=target.named_squares,
        explained=float(found.explained[0, place]),
        biases=biases,
        heatmap=found.heatmap[0, place],
        layers={
            name: LayerMaps(
                layer=name,
                relevance=found.channel_relevance[name][0, place],
                activation=found.activation[name][0].sum(axis=(1, 2)),
                maps=maps[0, place],
                n_top=n_top,
            )
            for name, maps in found.conditional.items()
        },
    )

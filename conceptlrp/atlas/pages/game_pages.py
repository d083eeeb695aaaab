"""A page for some of a store's games: what the network says move by move, and why.

games/index.html            the games that have a page
games/g00012.html           one of them

Shapes use N positions of a game, C channels of a layer and n x n squares.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.atlas.pictures.page_boards import page_board
from conceptlrp.atlas.site import Site, game_page
from conceptlrp.drawing.colors import symmetric_limit
from conceptlrp.labelling.channel_name import UNNAMED
from conceptlrp.lrp import Attribution, Explainer
from conceptlrp.networks.planes import with_pass
from conceptlrp.othello import BLACK, Corpus, square_name
from conceptlrp.progress import OnProgress
from conceptlrp.reference.boards import move_probabilities
from conceptlrp.report.words.numbers import percent, signed_percent
from conceptlrp.store.ranking import share_of

# Bands of a layer and boards of a band.
_BANDS, _BOARDS = 10, 2
_WIDTH, _HEIGHT = 600, 99


def write_game_pages(
    site: Site, explainer: Explainer, on_progress: OnProgress | None = None
) -> None:
    """Write the pages of some games and the list of them."""
    listed, games = [], site.chosen_games
    for place, game in enumerate(games):
        content = _content(site, explainer, game)
        neighbours = {
            "previous": games[place - 1] if place else None,
            "next": games[place + 1] if place + 1 < len(games) else None,
        }
        site.write(game_page(game), "game.html", game=game, **neighbours, **content)
        listed.append((game, content["title"], content["last"], content["result"]))
        if on_progress is not None:
            on_progress("games", place + 1, len(games))
    site.write("games/index.html", "games.html", games=listed)


@dataclass(frozen=True)
class Band:
    """A channel in a game, and the boards where its share is the largest."""

    layer: str
    channel: int
    name: str
    badge: str
    boards: tuple[tuple[int, Any, str], ...]


def _content(site: Site, explainer: Explainer, game: int) -> dict[str, Any]:
    games = site.store.positions.games.take([game])
    corpus = Corpus.from_games(games)
    found = explainer.attribute(
        corpus, targets=(site.target,), baseline=site.store.baseline
    )
    plies = list(_plies(corpus, found))
    values = [each["value"] for each in plies if each["value"] is not None]
    black, white = str(games.black[0]), str(games.white[0])
    score = int(games.score[0])
    return {
        "title": f"{black or 'Black'} - {white or 'White'}",
        "about": corpus.describe(0).rpartition(", move")[0],
        "result": "unfinished" if score < 0 else f"{score}:{64 - score}",
        "plies": plies,
        "limit": symmetric_limit(found.heatmap),
        "value": _value_curve(plies) if values else "",
        "policy": _policy_bars(plies),
        "disagrees": sum(each["differs"] for each in plies),
        "layers": [_layer(site, explainer, corpus, found, n) for n in found.relevance],
        "last": page_board(corpus.position(len(corpus) - 1)),
        "width": _WIDTH,
        "height": _HEIGHT,
    }


def _plies(corpus: Corpus, found: Attribution) -> Iterator[dict[str, Any]]:
    """Say of every move what was played, what the network plays, and its value."""
    for row in range(len(corpus)):
        position = corpus.position(row)
        logits = with_pass(found.logits[row], size=corpus.size)
        policy = move_probabilities(position, logits)
        best, played = next(iter(policy)), int(corpus.played[row])
        name = square_name(played, corpus.size) if played >= 0 else ""
        sign = 1 if position.mover == BLACK else -1
        value = float(np.tanh(found.value[row]))
        board = page_board(
            position,
            heatmap=found.heatmap[row, 0],
            mark=int(found.squares[row, 0]),
        )
        yield {
            "board": board,
            "side": "Black" if position.mover == BLACK else "White",
            "played": name,
            "chance": policy.get(name, 0.0),
            "best": best,
            "best_chance": policy[best],
            "differs": bool(name) and name != best,
            "value": None if np.isnan(value) else sign * value,
        }


def _x(place: float, n: int) -> float:
    return place * _WIDTH / max(n - 1, 1)


def _value_curve(plies: list[dict[str, Any]]) -> str:
    """Draw the expected outcome for Black, from -1 at the bottom to 1."""
    points = (
        f"{_x(i, len(plies)):.0f} {(1 - each['value']) * _HEIGHT / 2:.1f}"
        for i, each in enumerate(plies)
    )
    return f"M{'L'.join(points)}"


def _policy_bars(plies: list[dict[str, Any]]) -> dict[bool, str]:
    """Draw how likely each move was, by whether it is the network's own."""
    bars: dict[bool, str] = {False: "", True: ""}
    for i, each in enumerate(plies):
        high = max(1.0, each["chance"] * _HEIGHT)
        bars[each["differs"]] += f"M{_x(i, len(plies)):.0f} {_HEIGHT}v-{high:.1f}"
    return bars


def _layer(
    site: Site, explainer: Explainer, corpus: Corpus, found: Attribution, layer: str
) -> dict[str, Any]:
    """Draw the strongest channels of a layer, those with a name if there are any."""
    relevance = found.relevance[layer][:, 0].sum(axis=(2, 3))
    share = share_of(relevance, np.abs(relevance).sum(axis=1))
    order = np.argsort(-np.abs(share).mean(axis=0), kind="stable").tolist()
    named = [c for c in order if (layer, c) in site.names]
    chosen = (named or order)[:_BANDS]
    maps = explainer.attribute(
        corpus,
        targets=(site.target,),
        conditional={layer: chosen},
        baseline=site.store.baseline,
    ).conditional[layer][:, 0]
    bands = [
        _band(site, corpus, layer, c, share[:, c], maps[:, k])
        for k, c in enumerate(chosen)
    ]
    sizes = np.abs(share[:, chosen]).T
    top = float(sizes.sum(axis=0).max(initial=0.0)) or 1.0
    return {
        "name": layer,
        "named": bool(named),
        "top": percent(top),
        "bands": list(zip(bands, _areas(sizes / top), strict=True)),
    }


def _areas(sizes: NDArray[np.floating]) -> Iterator[str]:
    """Stack sizes (K, N) of at most 1 together, the first on top and drawn first.

    Each area reaches down to the axis; those after it are drawn over it.
    """
    for height in np.cumsum(sizes[::-1], axis=0)[::-1]:
        points = (
            f"{_x(i, len(height)):.0f} {(1 - v) * _HEIGHT:.0f}"
            for i, v in enumerate(height.tolist())
        )
        yield f"M0 {_HEIGHT}L{'L'.join(points)}V{_HEIGHT}z"


def _band(
    site: Site,
    corpus: Corpus,
    layer: str,
    channel: int,
    share: NDArray[np.float32],
    maps: NDArray[np.floating],
) -> Band:
    rows = np.argsort(-np.abs(share), kind="stable")[:_BOARDS].tolist()
    boards = [
        (
            row,
            page_board(corpus.position(row), heatmap=maps[row]),
            signed_percent(float(share[row])),
        )
        for row in rows
    ]
    return Band(
        layer=layer,
        channel=channel,
        name=str(site.names.get((layer, channel), UNNAMED)),
        badge=str(site.badges.get((layer, channel), "")),
        boards=tuple(boards),
    )

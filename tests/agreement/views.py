"""Views of one channel, each read as its reader would read it."""

import json
import re
from pathlib import Path
from typing import Any

import conceptlrp.figures
from conceptlrp.atlas.site import concept_page, layer_page
from tests.agreement.conftest import LAYER
from tests.atlas.pages_read import Page
from tests.command_line import run, succeed


def text_of(report) -> str:
    """The text of a report on one line."""
    return " ".join(report.text().split())


def terminal(store, channel: int, *options: str) -> str:
    line = ("report", store.path, "--layer", LAYER, "--channel", channel)
    return " ".join(succeed(*line, *options).split())


def concept(atlas: Path, channel: int) -> Page:
    return Page(atlas / concept_page(LAYER, channel))


def layer(atlas: Path) -> Page:
    return Page(atlas / layer_page(LAYER))


def index(atlas: Path) -> list[dict[str, Any]]:
    """The lines of the first page's search about the channels of the layer."""
    script = (atlas / "index.js").read_text()
    content = json.loads(script.removeprefix("window.ATLAS=").removesuffix(";\n"))
    columns, total = content.pop("columns"), sum(content["sizes"])
    layers = [n for n, size in enumerate(content["sizes"]) for _ in range(size)]
    beats = set(columns.pop("beats", ()))
    names = list(columns)
    lines = [
        dict(zip(names, row, strict=True))
        for row in zip(*columns.values(), strict=True)
    ]
    assert len(lines) == total
    for number, line in enumerate(lines):
        # Parts are in percent, as they are read.
        for part in ("share", "signed", "active", "relevant"):
            line[part] /= 100
        line["named"] = line["name"] < content["named"]
        line["name"] = content["names"][line["name"]]
        line["unit"], line["beats"] = content["unit"], number in beats
        line["x"], line["y"] = _place(content, number)
    return [
        line
        for line, layer in zip(lines, layers, strict=True)
        if content["layers"][layer] == LAYER
    ]


def _place(content: dict[str, Any], number: int) -> list[int]:
    """Read a place on the map: two digits to a base of 81 each, -1 for none."""
    digits = [content["letters"].index(c) for c in content["places"]][4 * number :][:4]
    found = [digits[0] + 81 * digits[1], digits[2] + 81 * digits[3]]
    return [value if value < 81**2 - 1 else -1 for value in found]


def exported_json(exported: Path, channel: int) -> dict[str, Any]:
    path = exported / "json" / "concepts" / LAYER / f"c{channel:04d}.json"
    return json.loads(path.read_text())


def features(exported: Path) -> list[dict[str, Any]]:
    lines = (exported / "json" / "features.jsonl").read_text().splitlines()
    return [each for each in map(json.loads, lines) if each["layer"] == LAYER]


def figure(monkeypatch, tmp_path: Path, kind: str, store, *options: object):
    """Draw a figure by its verb, and return it as matplotlib has it."""
    drawn = []
    monkeypatch.setattr(
        conceptlrp.figures, "save", lambda figure, *_, **__: drawn.append(figure)
    )
    out = ("--out", tmp_path / "a.svg")
    result = run("figure", kind, store.path, *out, *options)
    assert result.code == 0, result.err
    return drawn[0]


def texts(figure) -> list[str]:
    """All text of a figure, also that of its axes."""
    import matplotlib.text

    return [each.get_text() for each in figure.findobj(matplotlib.text.Text)]


def rows_of_text(text: str, title: str) -> list[int]:
    """Rows of the boards that a text lists below a title."""
    after = re.split(
        r"(?:Most (?:relevant|opposed|active)|Least active)[ (:]",
        text.split(title, 1)[1],
    )[0]
    return [int(row) for row in re.findall(r"\(row (\d+)\)", after)]

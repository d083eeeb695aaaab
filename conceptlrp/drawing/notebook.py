"""Small HTML by which results draw themselves in notebooks; all text is escaped."""

from collections.abc import Iterable, Sequence

from markupsafe import Markup, escape

_LONGEST = 400
_CELL = Markup(
    '<td style="text-align:left;vertical-align:top;padding-right:1em">{}</td>'
)
_HEAD = Markup('<th style="text-align:left;padding-right:1em">{}</th>')
_CARD = Markup(
    '<figure style="display:inline-block;margin:0 12px 12px 0;width:176px">{}'
    '<figcaption style="font-size:.85em;overflow-wrap:anywhere">{}</figcaption>'
    "</figure>"
)
_TITLE = Markup('<p style="margin:.3em 0"><strong>{}</strong></p>')


def html_table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    note: str = "",
) -> str:
    """Write a table as HTML that stands alone.

    >>> "&lt;b&gt;" in html_table("A store", (), [("layer", "<b>")])
    True
    """
    heads = Markup("").join(_HEAD.format(_cut(name)) for name in columns)
    head = Markup("<thead><tr>{}</tr></thead>").format(heads) if columns else ""
    lines = Markup("").join(
        Markup("<tr>{}</tr>").format(
            Markup("").join(_CELL.format(_cut(cell)) for cell in row)
        )
        for row in rows
    )
    table = Markup("<table>{}<tbody>{}</tbody></table>").format(head, lines)
    below = Markup("<p>{}</p>").format(_cut(note)) if note else ""
    return str(Markup("<div>{}{}{}</div>").format(_title(title), table, below))


def html_boards(
    title: str,
    boards: Iterable[tuple[str, Sequence[str]]],
    *,
    note: str = "",
) -> str:
    """Write boards side by side with their captions, as HTML that stands alone."""
    cards = Markup("").join(
        _CARD.format(Markup(svg), Markup("<br>").join(_cut(line) for line in lines))
        for svg, lines in boards
    )
    below = Markup("<p>{}</p>").format(_cut(note)) if note else ""
    return str(Markup("<div>{}{}{}</div>").format(_title(title), cards, below))


def _title(text: str) -> Markup:
    return _TITLE.format(_cut(text))


def _cut(value: object) -> Markup:
    """Escape text; control characters have no place in a page."""
    text = "".join(c if c.isprintable() else " " for c in str(value))
    return escape(text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…")

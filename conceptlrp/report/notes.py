"""Notes on channels from a YAML file that people write by hand.

Either a list of entries with ``layer``, ``channel`` and ``text``, or a mapping of
``layer:channel`` to a text or to an entry::

    conv3:17:
      text: looks for a corner that can be taken
      author: Ada
      date: 2026-03-01
      evidence: 14 of the 16 most relevant boards
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from conceptlrp.errors import FileFormatError

_PLACE = ("layer", "channel")
_FIELDS = ("text", "author", "date", "evidence")
# Far above what people write, far below what fills a page or memory.
_LONGEST, _LARGEST, _DEEPEST = 10_000, 1_000_000, 8
# The parser in C, where there is one, is ten times as fast.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Channel = tuple[str, int]


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


def read_notes(
    path: str | os.PathLike[str], *, layers: Mapping[str, int] | None = None
) -> dict[Channel, Note]:
    """Read notes from a YAML file.

    Parameters
    ----------
    path, layers : path-like, mapping of str to int
        The file, and layers that there are, with their number of channels; by default a
        note may be on any.

    Returns
    -------
    dict of (str, int) to Note
        By layer and channel. What is no YAML, no note or on no channel raises
        `FileFormatError`, whose message has the line.
    """
    file = Path(path)
    notes: dict[Channel, Note] = {}
    try:
        for line, channel, note in _entries(_parse(file)):
            _check_channel(line, channel, layers)
            if channel in notes:
                raise _error(line, f"a second note on {channel[0]}:{channel[1]}")
            notes[channel] = note
    except FileFormatError as error:
        msg = f"{file}: {error}"
        raise FileFormatError(msg) from error
    return notes


def _parse(file: Path) -> yaml.Node | None:
    """Parse to nodes, which know their lines; every value stays the text it is."""
    if file.stat().st_size > _LARGEST:
        msg = f"has {file.stat().st_size} bytes, expected notes of {_LARGEST} at most"
        raise FileFormatError(msg)
    try:
        text = file.read_text(encoding="utf-8")
        _check_depth(text)
        return yaml.compose(text, Loader=_LOADER)
    except UnicodeDecodeError as error:
        msg = "is no text in UTF-8"
        raise FileFormatError(msg) from error
    except yaml.MarkedYAMLError as error:
        line = 1 if error.problem_mark is None else error.problem_mark.line + 1
        # The parser in C finds the end a line after the last.
        line = min(line, max(1, len(text.splitlines())))
        raise _error(line, f"is no YAML ({error.problem})") from error
    except yaml.YAMLError as error:
        reason = str(error).splitlines()[0]
        msg = f"is no YAML ({reason})"
        raise FileFormatError(msg) from error


def _check_depth(text: str) -> None:
    """Refuse brackets in brackets before they take time: notes have two levels."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            line = event.start_mark.line + 1
            raise _error(line, f"lists and fields stand more than {_DEEPEST} deep")


def _entries(root: yaml.Node | None) -> Iterator[tuple[int, Channel, Note]]:
    if root is None:
        return
    if isinstance(root, yaml.SequenceNode):
        for entry in root.value:
            fields = _fields(entry, (*_PLACE, *_FIELDS))
            yield _line(entry), _place(entry, fields), _note(entry, fields)
        return
    for key, entry in _pairs(root):
        layer, _, number = key.value.rpartition(":")
        place = _channel(key, layer, number)
        if isinstance(entry, yaml.ScalarNode):
            fields = {"text": _text(entry, "the note")}
        else:
            fields = _fields(entry, _FIELDS)
        yield _line(key), place, _note(entry, fields)


def _fields(entry: yaml.Node, known: tuple[str, ...]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for key, value in _pairs(entry):
        if key.value not in known:
            what = f"unknown field {key.value!r}, expected {', '.join(known)}"
            raise _error(_line(key), what)
        if key.value in fields:
            raise _error(_line(key), f"a second {key.value!r}")
        fields[key.value] = _text(value, repr(key.value))
    return fields


def _pairs(node: yaml.Node) -> list[tuple[yaml.ScalarNode, yaml.Node]]:
    if not isinstance(node, yaml.MappingNode):
        what = "expected fields such as 'text: ...', or notes by layer:channel"
        raise _error(_line(node), f"found a {node.id}, {what}")
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _error(_line(key), f"found a {key.id} as a name, expected text")
    return list(node.value)


def _text(node: yaml.Node, what: str) -> str:
    if not isinstance(node, yaml.ScalarNode) or node.tag.endswith(":null"):
        found = "nothing" if isinstance(node, yaml.ScalarNode) else f"a {node.id}"
        raise _error(_line(node), f"{what} is {found}, expected text")
    if len(node.value) > _LONGEST:
        size = f"{len(node.value)} characters long, expected {_LONGEST} at most"
        raise _error(_line(node), f"{what} is {size}")
    return str(node.value)


def _place(entry: yaml.Node, fields: Mapping[str, str]) -> Channel:
    for name in _PLACE:
        if name not in fields:
            raise _error(_line(entry), f"the note has no '{name}'")
    return _channel(entry, fields["layer"], fields["channel"])


def _channel(node: yaml.Node, layer: str, number: str) -> Channel:
    if not layer or not re.fullmatch("[0-9]{1,9}", number):
        what = f"'{layer}:{number}'" if layer else repr(number)
        reason = f"{what} names no channel, expected such as 'conv3:17'"
        raise _error(_line(node), reason)
    return layer, int(number)


def _note(entry: yaml.Node, fields: Mapping[str, str]) -> Note:
    if not fields.get("text", "").strip():
        raise _error(_line(entry), "the note has no 'text'")
    return Note(*(fields.get(name, "").strip() for name in _FIELDS))


def _check_channel(
    line: int, channel: Channel, layers: Mapping[str, int] | None
) -> None:
    layer, number = channel
    if layers is not None and number >= layers.get(layer, 0):
        known = ", ".join(f"{name} ({count})" for name, count in layers.items())
        what = f"no channel {number} of layer '{layer}', expected one of {known}"
        raise _error(line, what)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _error(line: int, what: str) -> FileFormatError:
    return FileFormatError(f"line {line}: {what}")

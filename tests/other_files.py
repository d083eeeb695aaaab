"""A file of every format that is read but those of games, and files that do harm.

Each is read by what a user calls; reading must end in a result or in an error of ours.
"""

import io
import json
import pickle
import shutil
import struct
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from conceptlrp.atlas.pages.home_page import strength_rows
from conceptlrp.networks import (
    OthelloNet,
    load_network,
    save_network,
)
from conceptlrp.networks.checkpoint import read_header
from conceptlrp.report import read_notes
from conceptlrp.selfplay import RunFolder, read_card, read_self_play
from conceptlrp.staging import read_marker
from conceptlrp.store import check_store, open_store
from conceptlrp.store.format.lock import lock_holder

NOTES = b"""conv1:1:
  text: looks for a corner
  author: Ada
  evidence: 14 of 16 boards
conv1:2: likes edges
"""
COUNTS = [
    {"format": "conceptlrp-selfplay", "version": 1, "size": 6, "name": "n"},
    {
        "moves": "c2b2",
        "values": [0.25, None],
        "visits": [{"c2": 3, "b3": 1}, {"b2": 2, "pa": 0}],
    },
]
CARD = {
    "about": {"network": "", "architecture": {"name": "OthelloNet"}, "options": {}},
    "rows": {
        "moves of people": {"positions": 40, "top1": 0.5, "top3": 0.75, "value": None},
        "endgames, network": {"positions": 8, "best_moves": 0.5, "disc_loss": 1.25},
        "network v random": {
            "wins": 3,
            "draws": 1,
            "losses": 0,
            "score": 0.875,
            "interval": [0.5, 1.0],
        },
    },
}
MARKER = {"encoding-type": "conceptlrp-atlas", "encoding-version": "1", "files": ["a"]}


@dataclass(frozen=True)
class OtherFile:
    """A sound file of a format, and what reads it."""

    name: str
    data: bytes
    read: Callable[[Path], object]


def other_files(store: Path) -> dict[str, OtherFile]:
    """Return a file of each format; those of stores stand in a copy of this one."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = OthelloNet(2, 6).eval()
    digest = open_store(store).manifest.network["digest"]
    card = {**CARD, "about": {**CARD["about"], "network": digest}}
    state = {"state_dict": network.state_dict()}
    lines = "".join(f"{json.dumps(line)}\n" for line in COUNTS)

    def shown(path: Path) -> object:
        return strength_rows(read_card(path), open_store(store))

    files = {
        "strength card": OtherFile("card.json", _json(card), shown),
        "self-play counts": OtherFile("games.jsonl", lines.encode(), read_self_play),
        "notes": OtherFile("notes.yaml", NOTES, read_notes),
        "network, safetensors": OtherFile(
            "n.safetensors", _saved(network), load_network
        ),
        "its header": OtherFile("n.safetensors", _saved(network), read_header),
        "network, zip": OtherFile("n.pth.tar", _torch(state), load_network),
        "network, pickles": OtherFile(
            "n.pth.tar", _torch(state, old=True), load_network
        ),
        "training checkpoint": OtherFile("checkpoint.pt", _checkpoint(), _resumed),
        "run.json": OtherFile("run.json", _json(_run()), _begun),
        "marker of a folder": OtherFile("atlas.json", _json(MARKER), _marked),
    }
    for name in ("manifest.json", "lock"):
        inside = store / name
        data = inside.read_bytes() if inside.is_file() else _json({"pid": 1})
        files[f"store's {name}"] = OtherFile(name, data, _in_store(store))
    return files


def _json(content: object) -> bytes:
    return json.dumps(content, indent=1).encode()


def _saved(network: OthelloNet) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "n.safetensors"
        save_network(network, path)
        return path.read_bytes()


def _torch(content: object, *, old: bool = False) -> bytes:
    written = io.BytesIO()
    torch.save(content, written, _use_new_zipfile_serialization=not old)
    return written.getvalue()


def _checkpoint() -> bytes:
    weight = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.AdamW([weight])
    weight.sum().backward()
    optimizer.step()
    state = {
        "network": {"weight": weight.detach()},
        "optimizer": optimizer.state_dict(),
    }
    return _torch({**state, "number": None, "curve": [{"steps": 1}], "seconds": 1.5})


def _run() -> dict[str, Any]:
    head = {"format": "conceptlrp-training", "version": 2}
    return {**head, "identity": {"seed": 0}, "iterations": [], "record": None}


def _resumed(path: Path) -> object:
    (path.parent / "run.json").write_bytes(_json(_run()))
    return RunFolder(path.parent, resume=True).load_checkpoint()


def _begun(path: Path) -> None:
    (path.parent / "checkpoint.pt").touch()
    RunFolder(path.parent, resume=True).begin({"seed": 0})


def _marked(path: Path) -> object:
    return read_marker(path.parent, path.name, "conceptlrp-atlas")


def _in_store(store: Path) -> Callable[[Path], object]:
    def read(path: Path) -> object:
        copy = path.parent / "copy.crp"
        if not copy.exists():
            shutil.copytree(store, copy)
        shutil.copyfile(path, copy / path.name)
        if path.name != "manifest.json":
            return lock_holder(copy)
        check_store(copy)
        return repr(open_store(copy))

    return read


_DEEP = "[" * 100_000
_DIGITS = "9" * 5000


def _pickle(body: bytes) -> bytes:
    return b"\x80\x02" + body + b"."


def _doubled(levels: int = 60) -> bytes:
    """Return the operations of a tuple that holds itself twice, again and again."""
    steps = (b"(h%ch%ct" % (i, i) + b"q%c" % (i + 1) for i in range(levels))
    return b"]q\0" + b"".join(steps)


def harmful() -> dict[str, tuple[str, bytes]]:
    """Return files that asked older readers for hours or more memory than there is.

    Each is of the name of a file of `other_files`, by whose reader it is read.
    """
    head = json.dumps(COUNTS[0])
    line = '{{"moves": "c2", "values": [{}], "visits": [{{"c2": {}}}]}}'
    card = '{{"about": {{"network": "{}"}}, "rows": {{"a": {}}}}}'
    run = '{{"format": "conceptlrp-training", "version": 2, "identity": {}}}'
    key = _doubled() + b"Ns"
    found: dict[str, tuple[str, bytes | str]] = {
        "a pickle whose key doubles": ("network, pickles", _pickle(b"}" + key)),
        "a pickle of a set that doubles": (
            "network, pickles",
            _pickle(b"c__builtin__\nset\n]" + _doubled() + b"a\x85R"),
        ),
        "an ordered dict whose key doubles": (
            "network, pickles",
            _pickle(b"ccollections\nOrderedDict\n]]" + _doubled() + b"aNaa\x85R"),
        ),
        "a storage whose key doubles": (
            "network, pickles",
            _pickle(
                b"(X\7\0\0\0storagectorch\nFloatStorage\n"
                + _doubled()
                + b"X\3\0\0\0cpuK\1NtQ"
            ),
        ),
        "the 2 billionth memory": ("network, pickles", b"\x80\x02]r\xff\xff\xff\x7f."),
        "text of 2 GiB": ("network, pickles", b"\x80\x02X\xff\xff\xff\x7f."),
        "a number of 2 GiB": ("network, pickles", b"\x80\x02\x8b\xff\xff\xff\x7f."),
        "a storage of 4 TiB": (
            "network, pickles",
            _pickle(b"ctorch\nFloatStorage\n\x8a\6" + bytes(5) + b"\4\x85R"),
        ),
        "keys of storages that double": (
            "network, pickles",
            b"".join(_pickle(b"N") for _ in range(3))
            + _pickle(b"}")
            + _pickle(key[:-2]),
        ),
        "a checkpoint whose key doubles": ("training checkpoint", _pickle(b"}" + key)),
        "a number as a key": (
            "network, pickles",
            b"".join(
                pickle.dumps(each, 2)
                for each in (1, 2, {}, {"model": {1 << 20_000: "a"}}, [])
            ),
        ),
        "notes 100,000 deep": ("notes", _DEEP),
        "notes of 100,000 keys in braces": ("notes", "{a: " * 50_000),
        "notes that refer to each other": (
            "notes",
            "a: &a {b: c}\n" + "".join(f"a{i}: &a{i} [*a, *a]\n" for i in range(5000)),
        ),
        "notes of 300 KB": ("notes", "- {layer: a, channel: 1}\n" * 12_000),
        "notes without an end of line": ("notes", "a" * 900_000),
        "notes of quotes": ("notes", '"' + "\\" * 900_001),
        "notes of indicators": ("notes", "? " * 100_000),
        "notes of dashes": ("notes", "- " * 100_000),
    }
    for label, text in {
        "100,000 deep": _DEEP,
        "of 5,000 digits": _DIGITS,
        "of 4,000 digits": _DIGITS[:4000],
        "1e400": "1e400",
        "NaN": "NaN",
        "a list": "[1]",
        "text": '"a"',
        "half a character": r'"\ud800"',
    }.items():
        found[f"a value {label}"] = (
            "self-play counts",
            f"{head}\n{line.format(text, 1)}\n",
        )
        found[f"a count {label}"] = (
            "self-play counts",
            f"{head}\n{line.format(0, text)}\n",
        )
        row = f'{{"top1": {text}, "top3": 1, "positions": {text}}}'
        found[f"a figure {label}"] = ("strength card", card.format("{}", row))
        found[f"a begun {label}"] = ("run.json", run.format(text))
        found[f"a marker {label}"] = (
            "marker of a folder",
            f'{{"encoding-type": {text}}}',
        )
        found[f"a manifest {label}"] = (
            "store's manifest.json",
            f'{{"digest": {text}}}',
        )
        found[f"a lock {label}"] = ("store's lock", f'{{"pid": {text}}}')
        told = json.dumps(
            {"__metadata__": {**_METADATA, "architecture": text}}
        ).encode()
        safe = struct.pack("<Q", len(told)) + told
        found[f"an architecture {label}"] = ("network, safetensors", safe)
    return {
        k: (name, data.encode() if isinstance(data, str) else data)
        for k, (name, data) in found.items()
    }


_METADATA = {
    "format": "conceptlrp-network",
    "encoding-version": "1",
    "digest": "",
    "training": "{}",
}


def network_of(digest: str, data: bytes) -> bytes:
    """Put the digest of a store's network into a card that has none."""
    return data.replace(b'"network": "{}"', f'"network": "{digest}"'.encode())

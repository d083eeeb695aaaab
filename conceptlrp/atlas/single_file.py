"""An atlas in one page, which its script takes apart into pages again.

What is inside the ``main`` element of each page is compressed by itself, so that a
page is unpacked when somebody goes there. The first page is there as it is.
"""

import json
import re
import zlib
from base64 import b64encode
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Final

from conceptlrp.errors import ConceptLRPError

#: Bytes that a page may have: more than this, browsers and mail refuse.
LARGEST: Final = 25_000_000

_MAIN: Final = re.compile(r"<main[^>]*>\n?(.*)</main>", re.DOTALL)
_TOP: Final = re.compile(r'<header class="top">\n?(.*?)</header>', re.DOTALL)
_TITLE: Final = re.compile(r"<title>(.*?)</title>", re.DOTALL)
_STYLE: Final = re.compile(r"<style>(.*?)</style>", re.DOTALL)
_LINKED: Final = re.compile(
    r'<(?:link rel="stylesheet"|script src=)[^>]*>(?:</script>)?\n?'
)
_POLICY: Final = re.compile(r'(Content-Security-Policy" content=")[^"]*')


def single_page(folder: Path, *, name: str) -> bytes:
    """Put the pages of an atlas into one."""
    first = (folder / "index.html").read_text("utf-8")
    scripts = [
        (folder / "index.js").read_text("utf-8"),
        f"window.ATLAS_PAGES={json.dumps(_packed(folder))};",
        (folder / "atlas.js").read_text("utf-8"),
        files("conceptlrp.atlas").joinpath("single.js").read_text("utf-8"),
    ]
    page = _LINKED.sub("", first)
    page = _POLICY.sub(lambda found: found[1] + _policy(scripts), page)
    style = (folder / "style.css").read_text("utf-8") + _pictures(folder)
    head = f"<style>{style}</style>" + "".join(f"<script>{s}</script>" for s in scripts)
    content = page.replace("</head>", head + "</head>", 1).encode()
    if len(content) > LARGEST:
        msg = (
            f"{name}: would be {len(content) / 1e6:.0f} MB, expected at most "
            f"{LARGEST / 1e6:.0f}; write a folder, or explain fewer layers"
        )
        raise ConceptLRPError(msg)
    return content


def _packed(folder: Path) -> dict[str, str]:
    """Compress title, header and content of every page, by address."""
    found = {}
    for path in sorted(folder.rglob("*.html")):
        text = path.read_text("utf-8")
        style = "".join(_STYLE.findall(text))
        title, top, main = (_part(each, text) for each in (_TITLE, _TOP, _MAIN))
        packed = json.dumps([title, top, main, _without_pictures(style)])
        compress = zlib.compressobj(9, wbits=-15)
        content = compress.compress(packed.encode()) + compress.flush()
        found[path.relative_to(folder).as_posix()] = b64encode(content).decode()
    return found


def _part(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return "" if found is None else found[1]


def _policy(scripts: list[str]) -> str:
    """Allow these scripts, and no others that somebody may have slipped in."""
    digests = (b64encode(sha256(each.encode()).digest()).decode() for each in scripts)
    allowed = " ".join(f"'sha256-{each}'" for each in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; "
        "img-src data:"
    )


def _pictures(folder: Path) -> str:
    """Define each picture once, as a variable of the style sheet."""
    found = []
    for path in sorted(folder.glob("thumbnails/*.png")):
        data = b64encode(path.read_bytes()).decode()
        variable = _variable(path.name)
        found.append(f'{variable}:url("data:image/png;base64,{data}")')
    return ":root{" + ";".join(found) + "}" if found else ""


def _without_pictures(style: str) -> str:
    return re.sub(
        r'url\("(?:\.\./)*thumbnails/([^"]+)"\)',
        lambda found: f"var({_variable(found[1])})",
        style,
    )


def _variable(name: str) -> str:
    return "--" + re.sub(r"[^a-z0-9-]", "_", name)

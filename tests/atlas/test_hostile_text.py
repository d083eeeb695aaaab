import re

import pytest

from conceptlrp.atlas import build_atlas
from conceptlrp.atlas.site import concept_page, layer_page
from conceptlrp.report import Note, layer_report
from conceptlrp.report.words.numbers import visible
from tests.atlas.conftest import KEPT, write_store
from tests.atlas.pages_read import Page

SEEDS = (
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "\"><b onmouseover='alert(1)'>",
    "' onfocus=alert(1) autofocus='",
    "javascript:alert(1)",
    "<!-- --><![CDATA[ ]]>",
    "&lt;b&gt; &amp; &#x3c;",
    "{{ 7 * 7 }}{% raw %}${7}",
    "</title></main></style><style>*{display:none}</style>",
    "../../../etc/passwd",
    "C:\\nul.html?x#y%2e%2e",
    "\u202egnp.exe\u202c\u2066\u2069",
    "שלום עולם",
    "مرحبا بالعالم",
    "a\x00b\x1b[31mc\x7f",
    "line\nbreak\ttab\rreturn",
    "\u2028\u2029\ufeff\u200b",
    "x" * 2000,
)
PAYLOADS = [
    f"{seed}{tail}" for tail in ("", *(f" {n}" for n in range(9))) for seed in SEEDS
]
LAYERS = {PAYLOADS[0]: 4, PAYLOADS[11]: 3, "\u202eevil": 3, "a" * 300: 3}


def squeezed(text):
    return "".join(text.split())


@pytest.fixture(scope="module")
def atlas(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    store = write_store(folder / "run.crp", layers=LAYERS)
    first = next(iter(LAYERS))
    notes = {
        (first, channel): Note("\n".join(texts), texts[0], texts[1], texts[2])
        for channel, texts in enumerate(PAYLOADS[n::4] for n in range(4))
    }
    return build_atlas(store, folder / "atlas", title=PAYLOADS[1], notes=notes)


@pytest.fixture(scope="module")
def pages(atlas):
    return {path: Page(path) for path in sorted(atlas.rglob("*.html"))}


def test_there_are_200_payloads():
    assert len(set(PAYLOADS)) == 200


def test_every_payload_is_shown_as_text(atlas, pages):
    first = next(iter(LAYERS))
    shown = squeezed(
        "".join(
            "".join(pages[atlas / concept_page(first, channel)].text)
            for channel in range(LAYERS[first])
        )
    )

    for payload in PAYLOADS:
        lines = payload.split("\n")
        for line in lines:
            assert squeezed(visible(line)) in shown, payload[:60]


def test_no_payload_becomes_markup(pages):
    known = {"atlas.js", "board.js", "circuit.js", "home.js", "index.js"}
    for path, page in pages.items():
        scripts = [values for tag, values in page.tags if tag == "script"]
        assert {values["src"].split("/")[-1] for values in scripts} <= known, path
        assert not {tag for tag, _ in page.tags} & {"img", "iframe", "b onmouseover"}
        for _, values in page.tags:
            assert not any(name.startswith("on") for name in values), path
            assert not (values.get("href") or "").startswith("javascript"), path


def test_no_control_and_no_override_of_direction_is_left(atlas):
    for path in atlas.rglob("*"):
        if path.suffix in (".html", ".js"):
            text = path.read_text(encoding="utf-8")
            found = re.search(
                "[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", text
            )
            assert found is None, (path, found)


def test_names_of_files_are_safe_and_unique(atlas):
    stems = [layer_page(layer) for layer in LAYERS]

    assert len(set(stems)) == len(LAYERS)
    for path in atlas.rglob("*"):
        assert re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,60}", path.name), path.name
    for stem in stems:
        assert (atlas / stem).is_file()


def test_every_layer_is_named_on_its_page(atlas, pages):
    for layer in LAYERS:
        assert squeezed(visible(layer)) in squeezed(
            "".join(pages[atlas / layer_page(layer)].text)
        )


def test_hostile_players_are_shown_as_text(tmp_path):
    players = [each.replace("\x00", "")[:200] for each in PAYLOADS[:40]]
    store = write_store(
        tmp_path / "run.crp", games=40, layers={"conv1": 4}, players=players
    )

    atlas = build_atlas(store, tmp_path / "atlas")

    for report in layer_report(store, "conv1", count=KEPT):
        page = Page(atlas / concept_page("conv1", report.channel))
        shown = squeezed("".join(page.text))
        for boards in report.strips.values():
            for board in boards.boards:
                for line in board.description.split("\n"):
                    assert squeezed(visible(line)) in shown

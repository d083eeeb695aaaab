"""Pages of positions: what gets one, what stands on it, where it leads."""

import html
import re
from pathlib import Path

import pytest
import torch
from torch import nn

from conceptlrp.atlas import build_atlas, build_single_file
from conceptlrp.atlas.pages.position_pages import write_position_pages
from conceptlrp.atlas.site import (
    ChosenPosition,
    Site,
    choose_positions,
    concept_page,
    position_page,
)
from conceptlrp.clustering import cluster
from conceptlrp.lrp.one_call import store_explainer
from conceptlrp.networks import adapt, demo_network
from conceptlrp.othello import Corpus, Position, square_name
from conceptlrp.report import position_report
from conceptlrp.report.stored_layer import StoredResults
from conceptlrp.report.words.numbers import percent
from conceptlrp.runs import KeepOptions, attribute_corpus
from tests.atlas.browser import browser as browser, chromium as chromium, violations
from tests.atlas.conftest import with_clusters
from tests.othello.playouts import random_games

LAYERS = ("conv2", "conv4")
LIMIT = 100_000


@pytest.fixture(scope="module")
def explained(tmp_path_factory):
    corpus = Corpus.from_games(random_games(6, seed=3)).sample(30, seed=1)
    return attribute_corpus(
        demo_network(),
        corpus,
        tmp_path_factory.mktemp("positions") / "run.crp",
        layers=LAYERS,
        keep=KeepOptions(references=8),
    )


@pytest.fixture(scope="module")
def clusterings(explained):
    found = cluster(
        explained, "conv4", estimator="kmeans", n_clusters=4, seed=0, save=False
    )
    return {"conv4": found}


def rows_of(chosen) -> list[int]:
    return [each.row for each in chosen]


def write(folder: Path, store, chosen) -> dict[str, str]:
    site = Site(
        folder=folder,
        store=store,
        target="played",
        title="<b>Atlas</b>",
        count=8,
        notes={},
    )
    write_position_pages(site, store_explainer(store, demo_network()), chosen)
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*.html"))
    }


@pytest.fixture(scope="module")
def chosen(explained, clusterings):
    return choose_positions(explained, clusterings, limit=10)


@pytest.fixture(scope="module")
def pages(tmp_path_factory, explained, chosen):
    return write(tmp_path_factory.mktemp("site"), explained, chosen)


def test_the_middle_of_every_cluster_is_chosen(chosen, clusterings) -> None:
    middles = {int(rows[0]) for rows in clusterings["conv4"].typical(1)}

    assert middles <= {each.row for each in chosen}
    assert [each.row for each in chosen] == sorted({each.row for each in chosen})


def test_boards_that_more_channels_share_are_chosen_first(explained) -> None:
    few, many = (choose_positions(explained, {}, limit=n) for n in (3, 12))

    counts = {
        each.row: sum(
            int(
                (explained.references(layer, "share-top").rows[:, :8] == each.row).sum()
            )
            for layer in LAYERS
        )
        for each in many
    }
    least = min(counts[each.row] for each in few)
    rest = [counts[each.row] for each in many if each not in few]
    assert len(few) == 3
    assert least >= max(rest)
    for each in many:
        assert each.reasons[0][0].endswith(f"boards of {counts[each.row]} channels")


def test_no_more_positions_are_chosen_than_asked_for(explained, clusterings) -> None:
    assert len(choose_positions(explained, clusterings, limit=2)) == 2


def test_rows_with_pages_are_known_before_any_is_written(tmp_path, explained) -> None:
    known = {"folder": tmp_path, "store": explained, "target": "played", "title": ""}

    site = Site(**known, count=8, notes={}, explains=True)

    assert site.position_rows == set(rows_of(choose_positions(explained, {})))
    assert Site(**known, count=8, notes={}).position_rows == set()


def test_every_chosen_position_has_a_light_page(pages, chosen) -> None:
    addresses = {position_page(each.row) for each in chosen}

    assert set(pages) == {*addresses, "positions/index.html"}
    assert max(len(text.encode()) for text in pages.values()) < LIMIT


def test_a_page_says_what_the_report_says(pages, explained, chosen) -> None:
    explainer = store_explainer(explained, demo_network())
    for each in chosen[:3]:
        text = pages[position_page(each.row)]
        position = explained.positions.position(each.row)

        report = position_report(explainer, position, count=4)

        shown = re.findall(r'<tr><th scope="row">(\w\w)</th>.*?</span>([^<]+)<', text)
        expected = [(p.move, percent(p.probability)) for p in report.policy]
        assert [(move, html.unescape(found)) for move, found in shown] == expected
        assert position.obf() in text
        for output in report.outputs:
            for layer in output.layers.values():
                for top in layer.top:
                    assert f'"../{concept_page(layer.layer, top.channel)}"' in text


def test_previous_and_next_lead_through_all_positions(pages, chosen) -> None:
    rows = [each.row for each in chosen]

    for place, row in enumerate(rows):
        links = re.findall(
            r'rel="(prev|next)" href="([^"]+)"', pages[position_page(row)]
        )
        expected = [("prev", f"../{position_page(r)}") for r in rows[:place][-1:]]
        expected += [("next", f"../{position_page(r)}") for r in rows[place + 1 :][:1]]
        assert set(links) == set(expected)


def test_the_same_store_gives_the_same_pages(tmp_path, explained, chosen) -> None:
    first, again = (write(tmp_path / n, explained, chosen[:2]) for n in "ab")

    assert first == again


class Plain(nn.Module):
    """A network without a value head and without an output for a pass."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(2, 4, 3, padding=1)
        self.relu = nn.ReLU()
        self.policy = nn.Linear(256, 64)

    def forward(self, planes):
        return self.policy(self.relu(self.conv1(planes)).flatten(1))


@pytest.mark.filterwarnings("ignore:.*no output for a pass")
def test_a_network_of_moves_alone_has_pages_also_where_it_must_pass(tmp_path) -> None:
    torch.manual_seed(0)
    network = adapt(Plain().eval())
    passing = Position.from_obf("XO" + "-" * 62 + " O")
    others = [Position.from_transcript(game) for game in ("f5d6", "f5f6", "f5d6c3")]
    corpus = Corpus.from_positions([passing, *others])
    store = attribute_corpus(network, corpus, tmp_path / "run.crp", targets=["best"])
    site = Site(
        folder=tmp_path, store=store, target="best", title="", count=8, notes={}
    )

    rows = [ChosenPosition(row, ()) for row in range(len(corpus))]
    write_position_pages(site, store_explainer(store, network), rows)

    pages = [(tmp_path / position_page(row)).read_text() for row in range(len(corpus))]
    assert ['class="circuit"' in page for page in pages] == [False, True, True, True]
    assert ["rather than" in page for page in pages] == [False, True, True, True]
    assert [re.findall(r".{20}\bnan\b.{20}", page) for page in pages] == [[]] * 4


def test_hostile_text_is_shown_as_text(tmp_path, explained) -> None:
    hostile = "<script>alert(1)</script>"

    pages = write(tmp_path, explained, [ChosenPosition(3, ((hostile, None),))])

    for text in pages.values():
        assert "<script>alert" not in text
        assert "<b>Atlas" not in text
        assert html.escape(hostile) in text


def test_every_channel_stands_with_its_name(pages, explained, chosen) -> None:
    names = StoredResults(explained, "played").names

    for each in chosen:
        text = pages[position_page(each.row)]
        links = re.findall(
            r'<a href="\.\./concepts/(conv\d)/c(\d+)\.html">[^<]*</a>(.{0,120})', text
        )
        assert links
        for layer, channel, rest in links:
            name = names.get((layer, int(channel)), "unnamed")
            assert html.escape(name, quote=False) in html.unescape(rest)


def test_totals_of_a_page_add_up(pages, chosen) -> None:
    for each in chosen:
        text = html.unescape(pages[position_page(each.row)])
        sums = re.findall(r"<strong>(.*?)</strong> = (.*?)</p>", text)

        assert len(sums) >= 2
        for total, parts in sums:
            numbers = [
                float(found.replace("\N{MINUS SIGN}", "-"))
                for found in re.findall(r"[+\N{MINUS SIGN}]?\d+\.?\d*(?=<|$)", parts)
            ]
            whole = total.split()[-1].replace("\N{MINUS SIGN}", "-")
            assert sum(numbers) == pytest.approx(float(whole), abs=1e-9)


def test_the_second_move_or_the_one_played_is_beside_the_best(
    pages, explained, chosen
) -> None:
    explainer = store_explainer(explained, demo_network())
    for each in chosen[:3]:
        text = pages[position_page(each.row)]
        corpus = explained.positions
        policy = position_report(explainer, corpus.position(each.row)).policy
        played = square_name(int(corpus.played[each.row]))
        other = policy[1].move if played == policy[0].move else played

        title = f"Move {policy[0].move} beside move {other}"
        assert title in text

        report = position_report(
            explainer, corpus.position(each.row), against=other, count=1
        )
        differences = [
            (abs(float(value)), f"{name} {channel}")
            for name, layer in report.contrast.layers.items()
            for channel, value in enumerate(layer.relevance)
        ]
        expected = [name for _, name in sorted(differences, reverse=True)[:12]]
        table = text[text.index('class="differences"') :]
        shown = re.findall(r'<th scope="row"><a [^>]*>([^<]+)<', table)[:12]
        assert shown == expected


def test_every_board_can_be_read_without_the_script(pages) -> None:
    for text in pages.values():
        boards = re.findall(r'<span class="bd"[^>]*>([^<]*)</span>', text)
        assert boards
        assert all(re.fullmatch("[-XO]{64}", each) for each in boards)


@pytest.fixture(scope="module")
def atlas(tmp_path_factory, explained, clusterings):
    folder = tmp_path_factory.mktemp("atlas")
    kept = with_clusters(explained, folder, *clusterings.values())
    return build_atlas(kept, folder / "atlas", network=demo_network())


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_right_in_a_browser(
    browser, atlas, explained, clusterings, scheme
) -> None:
    chosen = choose_positions(explained, clusterings)

    with browser.page(atlas / "index.html", color_scheme=scheme) as page:
        page.click(f"text={len(chosen)} positions in full")
        page.wait_for_url("**/positions/index.html")
        assert len(page.query_selector_all("a.board")) == len(chosen)
        assert violations(page) == []
        page.click("a.board >> nth=0")
        page.click("a[rel=next] >> nth=0")
        assert page.url.endswith(position_page(chosen[1].row))
        for each in page.query_selector_all("summary"):
            each.click()
        assert violations(page) == []
        page.click(".boards.small a >> nth=0")
        assert "/concepts/" in page.url


def first_page(atlas, chosen):
    return atlas / position_page(chosen[0].row)


def told(page) -> str:
    return page.inner_text(".circuit output")


@pytest.mark.slow
def test_the_slider_says_what_a_circuit_keeps(browser, atlas, chosen) -> None:
    with browser.page(first_page(atlas, chosen)) as page:
        page.click(".circuit summary")
        rows = [row.split("\t") for row in page.inner_text(".sizes tbody").split("\n")]
        slider = page.locator(".circuit .bar input")

        for key, row in (("Home", rows[0]), ("ArrowRight", rows[1]), ("End", rows[-2])):
            slider.press(key)

            size, output, kept = (cell.strip() for cell in row)
            assert f"{kept} of the output kept by {size} of" in told(page)
            assert f" {output}; with all of them {rows[-1][1].strip()}" in told(page)
            assert page.locator(".node:visible").count() == int(size)
        lines = page.locator(".wires path").count()
        assert lines > int(rows[-2][0]) / 2


@pytest.mark.slow
def test_a_channel_is_pinned_and_set_to_its_mean_by_keys(
    browser, atlas, chosen
) -> None:
    with browser.page(first_page(atlas, chosen)) as page:
        before = page.inner_text(".tier .output")
        rank = 3
        row = page.locator(".nodes tbody tr").nth(rank)
        cells = row.locator("td").all_text_contents()
        place = row.locator("th a").text_content()
        node = page.locator(f'.node[aria-label^="{place},"]')

        node.focus()
        page.keyboard.press("Enter")
        assert node.get_attribute("aria-pressed") == "true"
        assert page.locator(".wires .lit").count() > 0
        assert violations(page) == []
        page.locator(".pinned button").focus()
        page.keyboard.press("Enter")

        assert page.inner_text(".tier .output") == f"{before} \u2192 {cells[1]}"
        effect = page.inner_text(".pinned .effect")
        assert f"\u2192 {cells[2]};" in effect
        assert cells[3] in effect
        assert page.locator(".wires .lost").count() > 0
        assert page.locator(".wires .lit").count() == 0
        page.keyboard.press("Escape")
        assert page.locator(".wires .lost").count() == 0
        assert page.inner_text(".tier .output") == before


@pytest.mark.slow
def test_a_circuit_can_be_read_without_the_script(browser, atlas, chosen) -> None:
    with browser.page(first_page(atlas, chosen), java_script_enabled=False) as page:
        assert page.locator(".nodes tbody tr").first.is_visible()
        assert page.locator(".sizes tbody tr").first.is_visible()
        assert page.locator(".node").count() == 0


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 1300])
def test_position_pages_are_as_wide_as_the_window(
    browser, atlas, chosen, width
) -> None:
    size = {"width": width, "height": 800}
    for path in (first_page(atlas, chosen), atlas / "positions/index.html"):
        with browser.page(path, viewport=size) as page:
            overflow = "document.documentElement.scrollWidth - innerWidth"
            assert page.evaluate(overflow) <= 0


@pytest.mark.slow
def test_the_list_of_positions_is_short_on_a_phone(browser, atlas) -> None:
    size = {"width": 390, "height": 800}
    with browser.page(atlas / "positions/index.html", viewport=size) as page:
        boards = page.locator("a.board").count()
        height = page.evaluate("document.documentElement.scrollHeight")
        assert height < 1500 + 100 * boards


@pytest.mark.slow
def test_a_circuit_works_in_one_file(
    browser, tmp_path, explained, clusterings, chosen
) -> None:
    kept = with_clusters(explained, tmp_path, *clusterings.values())
    one = build_single_file(kept, tmp_path / "one.html", network=demo_network())

    with browser.page(one, f"#/{position_page(chosen[0].row)}") as page:
        page.locator(".node").first.click()
        page.locator(".pinned button").click()
        assert page.locator(".pinned .effect").is_visible()


@pytest.mark.slow
def test_every_link_of_a_page_leads_to_a_file(atlas) -> None:
    for path in (atlas / "positions").glob("*.html"):
        for link in re.findall(r'(?:href|src)="(?!data:)([^"#]+)', path.read_text()):
            assert (path.parent / link).is_file(), (path.name, link)

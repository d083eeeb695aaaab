"""What holds of every figure, whatever it shows."""

import os
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

from conceptlrp.figures.style import figure_bytes
from tests.figures.every import EVERY, digests
from tests.figures.reading import SVG, clipped, overlapping, svg_of

WIDTHS = (3.5, 7.2)


@pytest.fixture(scope="module")
def figures() -> dict[tuple[str, float], Figure]:
    return {(name, width): EVERY[name](width) for name in EVERY for width in WIDTHS}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", EVERY)
def test_a_figure_has_the_width_that_was_asked_for(figures, name, width):
    assert figures[name, width].get_size_inches()[0] == width


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", EVERY)
def test_no_text_is_cut_off_at_the_edge(figures, name, width):
    assert clipped(figures[name, width]) == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", EVERY)
def test_no_text_is_written_over_another(figures, name, width):
    assert overlapping(figures[name, width]) == []


@pytest.mark.parametrize("name", EVERY)
def test_no_type_is_smaller_than_a_reader_can_read(figures, name):
    sizes = {t.get_fontsize() for t in figures[name, 7.2].findobj(mpl.text.Text)}

    assert min(sizes) >= 5.5


@pytest.mark.parametrize("name", EVERY)
def test_hostile_text_is_text_in_svg(figures, name):
    root = svg_of(figures[name, 3.5])

    assert root.find(f".//{SVG}script") is None
    assert root.findall(f".//{SVG}text")


@pytest.mark.parametrize("name", EVERY)
def test_the_same_figure_has_the_same_bytes(figures, name):
    first, second = figures[name, 3.5], EVERY[name](3.5)

    assert figure_bytes(first, ".svg") == figure_bytes(second, ".svg")


@pytest.mark.slow
def test_files_are_the_same_in_another_process_whatever_is_set_there(tmp_path):
    (tmp_path / "matplotlibrc").write_text("font.size: 20\nsvg.fonttype: path\n")
    environment = {
        **os.environ,
        "PYTHONHASHSEED": "7",
        "MATPLOTLIBRC": str(tmp_path / "matplotlibrc"),
    }
    script = Path(__file__).with_name("every.py")

    done = subprocess.run(
        [sys.executable, script],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )

    found = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert found == {name: " ".join(digests(name)) for name in EVERY}


def test_drawing_leaves_the_settings_as_they_were(figures):
    with mpl.rc_context({"font.size": 21}):
        before = dict(mpl.rcParams)

        EVERY["board"](3.5)

        assert dict(mpl.rcParams) == before


@pytest.mark.slow
def test_no_window_is_ever_needed():
    code = (
        "import sys, conceptlrp.figures; assert 'matplotlib.pyplot' not in sys.modules"
    )

    assert subprocess.run([sys.executable, "-c", code], check=True).returncode == 0

"""The scripts of examples/ run, and show what they say that they show."""

import runpy
from pathlib import Path
from typing import Any

import pytest
import torch

from conceptlrp.networks import OthelloNet, save_network
from conceptlrp.othello import write_transcripts
from tests.lrp.conftest import randomize
from tests.othello.playouts import random_games

EXAMPLES = Path(__file__).parents[1] / "examples"
SCRIPTS = sorted(path.name for path in EXAMPLES.glob("*.py"))


def main_of(script: str) -> Any:
    return runpy.run_path(str(EXAMPLES / script))["main"]


@pytest.fixture(scope="module")
def atlas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the atlas of a tiny network, whose store the other scripts read."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("examples")
    save_network(randomize(OthelloNet(channels=5)), folder / "net.safetensors")  # type: ignore[arg-type]
    write_transcripts(random_games(3), folder / "games.txt")
    games = [str(folder / "net.safetensors"), str(folder / "games.txt")]
    pages: Path = main_of("build_atlas.py")(str(folder / "out"), *games, n=40)
    return pages


def test_every_script_has_a_test() -> None:
    assert SCRIPTS == [
        "build_atlas.py",
        "cluster_positions.py",
        "contrast_moves.py",
        "notebook.py",
        "report_features.py",
        "top_boards.py",
        "watch_concepts.py",
    ]


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_stays_short(script: str) -> None:
    assert len((EXAMPLES / script).read_text().splitlines()) < 60


def test_an_atlas_is_built_from_a_network_and_games(atlas: Path) -> None:
    assert (atlas / "index.html").is_file()
    assert len(list(atlas.glob("concepts/*/*.html"))) == 4 * 5
    assert len(list(atlas.glob("clusters/conv4/*.html"))) > 1
    assert (atlas.parent / "run.crp" / "manifest.json").is_file()


def test_the_features_of_a_layer_are_reported(
    atlas: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reports = main_of("report_features.py")(str(atlas.parent / "run.crp"), "conv3")

    text = capsys.readouterr().out
    assert [each.statistics.rank for each in reports] == [1, 2, 3, 4, 5]
    assert text.endswith(f"\n{reports[0].text()}\n")
    for report in reports:
        assert f"conv3:{report.channel} " in text


def test_the_boards_of_a_channel_are_printed(
    atlas: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    boards = main_of("top_boards.py")(str(atlas.parent / "run.crp"), "conv3", 1)

    text = capsys.readouterr().out
    assert 0 < len(boards) <= 3
    for position, played in zip(boards.positions, boards.played, strict=True):
        assert position.obf() in text
        assert f"played {played}" in text


def test_positions_are_clustered_by_an_estimator_of_the_user(
    atlas: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clustering = main_of("cluster_positions.py")(str(atlas.parent / "run.crp"), "conv3")

    text = capsys.readouterr().out
    assert "BisectingKMeans" in clustering.method
    assert clustering.sizes.sum() == 40
    assert text.count("cluster ") == clustering.n_clusters


def test_a_move_is_explained_against_another(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = main_of("contrast_moves.py")("f4", "b3", count=2)

    text = capsys.readouterr().out
    difference = found.explained[0, 0]
    assert f"logit of f4 minus logit of b3: {difference:+.2f}" in text
    assert text.count(" speaks for ") == 2 * len(found.channel_relevance)


@pytest.mark.parametrize("name", ["demo", "demo6"])
def test_a_concept_is_told_better_after_training(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = main_of("watch_concepts.py")(name=name, n=400)

    assert len(found) == 5
    for column in ("own corners", "takes corner"):
        assert found["trained"][column] > found["random"][column]
    assert found["trained"]["as trained"] == 1
    assert len(capsys.readouterr().out.splitlines()) == 6


@pytest.mark.slow
def test_the_cells_of_the_notebook_draw_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    found = runpy.run_path(str(EXAMPLES / "notebook.py"))

    cells = (EXAMPLES / "notebook.py").read_text().split("\n# %%")[1:]
    last = [cell.strip().splitlines()[-1] for cell in cells]
    drawn = [eval(line, found) for line in last if line.isidentifier()]
    assert len(last) == 8
    assert len(drawn) == 4
    assert all("<" in each._repr_html_() for each in drawn)

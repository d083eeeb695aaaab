"""A network with an operation that has no rule: allowed once, and marked everywhere."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import conceptlrp as cl
from conceptlrp.errors import NetworkError
from conceptlrp.evaluation import evaluate
from conceptlrp.explorer import ExplorerEngine
from conceptlrp.labelling import LabelOptions, interchange
from conceptlrp.lrp import Explainer
from conceptlrp.lrp.one_call import store_explainer
from conceptlrp.report.words.relevance import gradient_words
from conceptlrp.runs import KeepOptions
from tests.command_line import assert_one_line, run, succeed

MARK = (
    "1 operation without a rule is explained by its gradient: minimum ('minimum'); "
    "relevance does not add up there."
)
SLOW = "ignore:.*relevance goes through zennit's hooks"
pytestmark = [
    pytest.mark.filterwarnings(SLOW),
    pytest.mark.filterwarnings("ignore:.*is taken off"),
]


class Own(nn.Module):
    """A module of anyone: a dict of outputs, a value (N,) after its tanh."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.conv1, self.conv2 = nn.Conv2d(2, 4, 3), nn.Conv2d(4, 3, 3)
        self.other = nn.Conv2d(4, 4, 1)
        self.relu1, self.relu2 = nn.ReLU(), nn.ReLU()
        self.policy, self.head = nn.Linear(48, 65), nn.Linear(48, 1)

    def between(self, z: Tensor) -> Tensor:
        """Keep what lies between the layers as it is."""
        return z

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        z = self.between(self.relu1(self.conv1(x)))
        z = self.relu2(self.conv2(z)).flatten(1)
        value = torch.tanh(self.head(z)).squeeze(1)
        return {"policy": self.policy(z), "value": value}


class Unknown(Own):
    """The same with an operation that no rule is for."""

    def between(self, z: Tensor) -> Tensor:
        return torch.minimum(z, self.other(z))


def make() -> Own:
    """Return the module for the command line."""
    return Unknown().eval()


@pytest.fixture(scope="module", params=[Own, Unknown])
def own(request: pytest.FixtureRequest, tmp_path_factory: Any) -> tuple[Own, cl.Store]:
    """A module and its store."""
    module = request.param().eval()
    games = cl.Corpus.read("demo").sample(60, seed=1)
    path = tmp_path_factory.mktemp("own") / "run.crp"
    store = cl.attribute_corpus(
        module,
        games,
        path,
        targets=["best", "value"],
        keep=KeepOptions(references=2),
        run=cl.RunOptions(allow_gradient=request.param is Unknown),
    )
    return module, store


def test_a_store_names_its_gradients(own: Any) -> None:
    module, store = own

    plan = store.manifest.plan
    expected = ("minimum ('minimum')",) if isinstance(module, Unknown) else ()
    assert plan.gradients == expected
    assert "gradients" not in plan.composite["name"]
    assert gradient_words(plan.gradients) == (MARK if expected else "")


CALLS: dict[str, Any] = {
    "ablate": lambda s, n: cl.ablate(s, n, n_positions=8, save=False),
    "atlas": lambda s, n: cl.build_atlas(s, s.path.parent / "atlas", network=n),
    "empty board": lambda s, n: cl.figures.empty_board(s, n, composites=["epsilon"]),
    "explorer": lambda s, n: ExplorerEngine(store_explainer(s, n), s),
    "interchange": lambda s, n: interchange(s, n, n_random=1, save=False),
    "label": lambda s, n: cl.label(
        s, n, options=LabelOptions(n_maps=4, n_random=1), save=False
    ),
    "report": lambda s, n: cl.position_report(n, "f5d6c3", store=s),
}
#: What needs the native engine, and says so of another.
NATIVE: dict[str, Any] = {
    "circuit": lambda s, n: cl.circuit(s, n, method="once", n_edges=1, save=False),
    "evaluate": lambda s, n: evaluate(
        s, n, composites=["epsilon"], n_positions=8, n_cascade=2, save=False
    ),
    "graph": lambda s, n: cl.graph(s, n, n_positions=8, save=False),
}


@pytest.mark.parametrize("call", CALLS)
def test_what_asks_for_a_network_takes_that_of_anyone(call: str, own: Any) -> None:
    module, store = own

    assert CALLS[call](store, module) is not None


@pytest.mark.parametrize(
    "call", [pytest.param("evaluate", marks=pytest.mark.slow), "circuit", "graph"]
)
def test_what_needs_rules_takes_it_too_or_says_so(call: str, own: Any) -> None:
    module, store = own
    refused = ""

    try:
        NATIVE[call](store, module)
    except cl.ConceptLRPError as error:
        refused = str(error)

    assert not refused or isinstance(module, Unknown)
    assert not refused or re.search("minimum|native engine", refused)


def test_every_view_says_where_relevance_does_not_add_up(
    own: Any, tmp_path: Path
) -> None:
    module, store = own
    said = isinstance(module, Unknown)

    atlas = cl.build_atlas(store, tmp_path / "atlas", network=module)
    engine = ExplorerEngine(store_explainer(store, module), store)
    position = cl.position_report(module, "f5d6c3", store=store)

    pages = list(atlas.rglob("*.html"))
    assert len(pages) > 8
    mark = MARK.replace("'", "&#39;")
    assert all((mark in page.read_text()) is said for page in pages)
    report = cl.channel_report(store, "conv1", 0)
    assert (MARK in report.warnings) is said
    assert (MARK in " ".join(report.text().split())) is said
    assert (MARK in engine.board_note) is said
    assert (mark in position._repr_html_()) is said
    assert (MARK in cl.compare(store, store).remarks) is said


def test_without_leave_it_is_refused(tmp_path: Path) -> None:
    games = cl.Corpus.read("demo").sample(8, seed=1)

    with pytest.raises(NetworkError, match=r"no rule for minimum.*allow_gradient"):
        cl.attribute_corpus(Unknown().eval(), games, tmp_path / "run.crp")
    with pytest.raises(NetworkError, match="no rule for minimum"):
        cl.explain(Unknown().eval(), "f5d6c3")
    found = cl.explain(Unknown().eval(), "f5d6c3", allow_gradient=True)
    assert found.gradients == ("minimum ('minimum')",)
    assert repr(found).endswith("; minimum ('minimum') by gradient)")
    assert Explainer(Unknown().eval(), allow_gradient=True).gradients


def test_the_command_line_allows_it_once(tmp_path: Path) -> None:
    store = tmp_path / "run.crp"
    name = f"{__name__}:make"
    words = ("attribute", name, "demo", "--sample", 30, "--out", store)
    network = ("--network", name)

    refused = run(*words)
    made = run(*words, "--allow-gradient")

    assert_one_line(refused, 1, "no rule for minimum")
    assert made.code == 0, made.err
    again = run(*words, "--allow-gradient", "--resume")
    assert again.code == 0, again.err
    assert run("ablate", store, *network, "--positions", 4).code == 0
    assert "minimum ('minimum')" in succeed("info", store)
    shown = run("explain", name, "f5d6c3", "--allow-gradient")
    assert MARK in " ".join(shown.out.split())

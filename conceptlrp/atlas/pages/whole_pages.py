"""Pages about the whole atlas: evaluation, concept graph, positions, other stores."""

from collections.abc import Sequence
from dataclasses import dataclass

from conceptlrp.atlas.pages.compare_page import compare_page, write_compare_page
from conceptlrp.atlas.pages.evaluation_page import (
    EVALUATION_PAGE,
    write_evaluation_page,
)
from conceptlrp.atlas.pages.graph_page import GRAPH_PAGE, write_graph_page
from conceptlrp.atlas.pages.position_pages import write_position_pages
from conceptlrp.atlas.position_choice import choose_positions
from conceptlrp.atlas.site import Site
from conceptlrp.concept_graph import load_graph
from conceptlrp.evaluation import load_evaluation
from conceptlrp.lrp import Explainer
from conceptlrp.report.wording import plural
from conceptlrp.store import Store

__all__ = ["PageLink", "write_whole_pages"]


@dataclass(frozen=True)
class PageLink:
    """A page that the first page links to.

    Attributes
    ----------
    href, text : str
        Its address and what it is called.
    """

    href: str
    text: str


def write_whole_pages(
    site: Site, explainer: Explainer | None, others: Sequence[Store]
) -> tuple[PageLink, ...]:
    """Write what an atlas has beside its layers.

    Returns: the pages, in the order in which they are worth reading.
    """
    write_evaluation_page(site, load_evaluation(site.store))
    found = [PageLink(EVALUATION_PAGE, "How far to believe it")]
    graph = load_graph(site.store)
    if graph is not None and site.target in graph.targets:
        write_graph_page(site, graph)
        found.append(PageLink(GRAPH_PAGE, "Concept graph"))
    if explainer is not None:
        chosen = choose_positions(site.store, site.clusterings, target=site.target)
        write_position_pages(site, explainer, chosen)
        name = f"{plural(len(chosen), 'position')} in full"
        found.append(PageLink("positions/index.html", name))
    for number, other in enumerate(others):
        compared = write_compare_page(site, other, number)
        found.append(PageLink(compare_page(number), f"Beside {compared.names[1]}"))
    return tuple(found)

"""The verb that explains positions live, in a browser."""

from typing import Annotated

import typer

from conceptlrp.cli.inputs import store_network
from conceptlrp.cli.options import StoreNetwork, StorePath, Weights
from conceptlrp.errors import ConceptLRPError


def serve(
    store: StorePath,
    network: StoreNetwork = None,
    weights: Weights = None,
    host: Annotated[
        str, typer.Option(help="Name or address to listen at.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port; 0 for any free one.")
    ] = 8000,
    atlas: Annotated[
        str | None,
        typer.Option(
            help="Atlas of the store to link to: a folder, served too, or an address."
        ),
    ] = None,
) -> None:
    """Explain positions that you play in a browser, until Ctrl-C."""
    try:
        from conceptlrp.explorer import ExplorerEngine, explorer_app, run_server
        from conceptlrp.explorer.app import bound_socket
    except ImportError as error:
        msg = (
            "the explorer needs starlette and uvicorn; "
            "pip install 'conceptlrp[explorer]'"
        )
        raise ConceptLRPError(msg) from error
    from conceptlrp.lrp.one_call import store_explainer
    from conceptlrp.store import open_store

    opened = open_store(store)
    net = store_network(opened, network, weights)
    with bound_socket(host, port) as listener:
        engine = ExplorerEngine(store_explainer(opened, net), opened)
        app = explorer_app(engine, hosts=(host,), atlas=atlas)
        shown = f"[{host}]" if ":" in host else host
        typer.echo(f"http://{shown}:{listener.getsockname()[1]}/ (Ctrl-C to stop)")
        run_server(app, listener)

"""Networks on disk: our safetensors file, and alpha-zero-general's checkpoint.

A file of ours is safetensors, so it holds numbers and text only. Its header says
what the numbers are:

    format            "conceptlrp-network"
    encoding-version  "1"
    architecture      JSON: {"name": "OthelloNet", "channels": 64, "size": 8}; see
                      `BoardNetwork.architecture`
    digest            sha256 of the weights (see `weights_digest`)
    training          JSON: an account of the training

alpha-zero-general's ``.pth.tar`` is a pickle in spite of its name; it is read by
`conceptlrp.networks.weights`, which runs no code from it.
"""

import json
import os
from pathlib import Path
from typing import Any, TypeAlias

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from conceptlrp.errors import CheckpointError, NetworkError, check_type
from conceptlrp.files import write_whole
from conceptlrp.jsontext import loads
from conceptlrp.networks.adapting import adapt, is_wrapped
from conceptlrp.networks.architectures import BoardNetwork
from conceptlrp.networks.digest import network_digest, rounded_weights, weights_digest
from conceptlrp.networks.references import is_reference, network_from_code
from conceptlrp.networks.weights import (
    check_architecture,
    check_given,
    is_pickle,
    load_weights,
    provenance,
    read_tensors,
)
from conceptlrp.shipped import SHIPPED, demo_path

FORMAT = "conceptlrp-network"
ENCODING_VERSION = "1"
_LARGEST_HEADER = 1 << 24

#: A network, its file, "package.module:function", or "demo" or "demo6", which ship.
AnyNetwork: TypeAlias = nn.Module | str | os.PathLike[str]


def checked_network(network: AnyNetwork) -> BoardNetwork:
    """Return a network: loaded where it is named, adapted where it is anyone's."""
    if isinstance(network, str | os.PathLike):
        return load_network(network)
    if isinstance(network, BoardNetwork):
        return network
    if isinstance(network, nn.Module) and network.training and not is_wrapped(network):
        msg = "the network is in training mode; call network.eval() first"
        raise NetworkError(msg)
    try:
        return adapt(network)
    except NetworkError as error:
        if "; pass " not in str(error):
            raise
        msg = f"{error}; conceptlrp.adapt(module, ...) takes it"
        raise NetworkError(msg) from error


def load_network(
    path: str | os.PathLike[str], *, weights: str | os.PathLike[str] | None = None
) -> BoardNetwork:
    """Read a network from our file or alpha-zero-general's, or call what makes it.

    Parameters
    ----------
    path : path
        What the file is follows from its content, not from its name; or "demo" or
        "demo6" for a network that ships, an `OthelloNet` of 64 channels on 8 x 8 or
        6 x 6 squares; or "package.module:function", a function without arguments that
        returns a module or what `adapt` made of it. It is imported and called.
    weights : path, optional
        Tensors for the network of such a function, from torch.save or in safetensors.

    Returns
    -------
    BoardNetwork
        An `OthelloNet` or a `ResidualTower`, in float32 and in evaluation mode, or the
        network of the function, adapted if it is another module.

    Raises
    ------
    CheckpointError
        If the file is none of the two, is damaged, runs code when it is read, holds
        numbers that are not finite, or is neither network; the message names the
        first tensor that does not fit. Or if there is no such function.
    NetworkError
        If the module of the function is no board network; see `adapt`.
    """
    check_type(path, str | os.PathLike, "path", "a str or Path")
    if is_reference(path):
        tensors = None if weights is None else Path(weights)
        network = network_from_code(str(path), tensors)
        network.origin = {"name": str(path), "reference": str(path)}
        if tensors is not None:
            network.origin["name"] += f" ({tensors.name})"
            network.origin["weights"] = str(tensors.absolute())
            network.origin |= provenance(tensors)
        return network
    if weights is not None:
        msg = (
            f"{path}: a file has weights of its own; they go with a network that is "
            "named as package.module:function"
        )
        raise CheckpointError(msg)
    if isinstance(path, str) and path in SHIPPED:
        network = _read_network(demo_path(SHIPPED[path].network))
        network.origin = {"name": path, "reference": path}
        return network
    file = Path(path)
    if not file.exists() and file.suffix not in (".safetensors", ".pth", ".tar", ".pt"):
        msg = (
            f"{file}: no such file, expected weights (.safetensors, .pth.tar), "
            f"{' or '.join(map(repr, SHIPPED))}, or package.module:function"
        )
        raise CheckpointError(msg)
    network = _read_network(file)
    network.origin = {"name": file.name, "reference": str(file.absolute())}
    network.origin |= provenance(file, has_digest=not is_pickle(file))
    return network


def _read_network(file: Path) -> BoardNetwork:
    check_given(file)
    if is_pickle(file):
        return load_weights(read_tensors(file), file)
    header = read_header(file)
    network = load_weights(_read_tensors(file), file)
    said, found = header["architecture"], network.architecture
    if said != found:
        msg = f"{file}: the header says {said}, the weights are {found}"
        raise CheckpointError(msg)
    _check_digest(network, header["digest"], file)
    return network


def save_network(
    network: BoardNetwork,
    path: str | os.PathLike[str],
    *,
    training: dict[str, Any] | None = None,
    dtype: torch.dtype = torch.float32,
    overwrite: bool = False,
) -> None:
    """Write a network with a header that says what it is and how it was trained.

    The file is complete or not there: it is written beside its place and moved.

    Parameters
    ----------
    network : OthelloNet or ResidualTower
        Any mode and device.
    path : path
        Where to write, usually ``NAME.safetensors``.
    training : dict, optional
        JSON-ready account of the training.
    dtype : torch.float32 or torch.float16
        Precision in the file. The header's digest is that of the rounded weights,
        which is what `load_network` gives back.
    overwrite : bool
        Replace a file that is at `path`.

    Raises
    ------
    OutputExistsError
        If there is something at `path` already.
    CheckpointError
        If the file cannot be written.
    ValueError
        If `dtype` is another one or too small for the weights, or the network is of
        a class that could not be loaded again.
    """
    check_architecture(network)
    tensors = rounded_weights(network, dtype)
    header = {
        "format": FORMAT,
        "encoding-version": ENCODING_VERSION,
        "architecture": json.dumps(network.architecture),
        "digest": weights_digest(tensors),
        "training": json.dumps(training or {}),
    }
    content = save(tensors, metadata=header)
    token = FORMAT.encode()
    write_whole(path, content, overwrite=overwrite, error=CheckpointError, token=token)


def read_header(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read the header of a file of ours, ``architecture`` and ``training`` as dicts."""
    file = Path(path)
    _check_header_size(file)
    try:
        with safe_open(file, framework="pt") as opened:
            header = dict(opened.metadata() or {})
    except (SafetensorError, OSError) as error:
        msg = (
            f"{file}: neither a safetensors file nor a checkpoint of "
            f"alpha-zero-general ({error})"
        )
        raise CheckpointError(msg) from error
    _check_header(header, file)
    try:
        for key in ("architecture", "training"):
            header[key] = loads(header[key])
    except (TypeError, ValueError) as error:
        msg = f"{file}: the header's {key} is not JSON ({error})"
        raise CheckpointError(msg) from error
    return header


def _check_header_size(file: Path) -> None:
    """Refuse a header that would take long to parse; it begins with its length."""
    try:
        with file.open("rb") as opened:
            size = int.from_bytes(opened.read(8), "little")
    except OSError as error:
        msg = f"{file}: cannot be read: {(error.strerror or str(error)).lower()}"
        raise CheckpointError(msg) from error
    if _LARGEST_HEADER < size <= file.stat().st_size:
        msg = f"{file}: header of {size} bytes, expected {_LARGEST_HEADER} at most"
        raise CheckpointError(msg)


def _check_header(header: dict[str, Any], file: Path) -> None:
    if header.get("format") != FORMAT:
        msg = f"{file}: a safetensors file, but not one of a conceptlrp network"
        raise CheckpointError(msg)
    version = header.get("encoding-version")
    if version != ENCODING_VERSION:
        msg = (
            f"{file}: encoding version {version}, this release reads version "
            f"{ENCODING_VERSION}; upgrade conceptlrp"
        )
        raise CheckpointError(msg)
    missing = {"architecture", "digest", "training"} - header.keys()
    if missing:
        msg = f"{file}: the header lacks {', '.join(sorted(missing))}"
        raise CheckpointError(msg)


def _read_tensors(file: Path) -> dict[str, Tensor]:
    with safe_open(file, framework="pt") as opened:
        return {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118


def _check_digest(network: BoardNetwork, digest: str, file: Path) -> None:
    found = network_digest(network)
    if found != digest:
        msg = (
            f"{file}: the weights have digest {found[:12]}, the header says "
            f"{str(digest)[:12]}; the file was changed, get it again"
        )
        raise CheckpointError(msg)

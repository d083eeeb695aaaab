"""Checkpoints made to harm: none runs code, takes long, or asks for much memory."""

import collections
import pickle
import re
import resource
import sys
import time
import types
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import conceptlrp
from conceptlrp.errors import CheckpointError
from conceptlrp.networks import load_network
from tests.networks.azg_twin import OthelloNNet

SECONDS, MEBIBYTES = 1.0, 100


@pytest.fixture(autouse=True)
def small_and_quick(twin: OthelloNNet, tmp_path: Path) -> Iterator[None]:
    """Refuse a test that takes long, or lets the process grow."""
    # What is loaded once, such as the unpickler, is no matter of the file.
    torch.save({"state_dict": twin.state_dict()}, tmp_path / "good.pth.tar")
    load_network(tmp_path / "good.pth.tar")
    before, start = peak_memory(), time.process_time()
    yield
    assert time.process_time() - start < SECONDS
    assert peak_memory() - before < MEBIBYTES


def peak_memory() -> float:
    """Return the largest size of this process so far, in MiB."""
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


class Gadget:
    """Pickles as a call of a function that is found by name."""

    def __init__(self, module: str, name: str, *arguments: object) -> None:
        self.call = _Named(module, name)
        self.arguments = arguments

    def __reduce__(self) -> tuple[Any, tuple[object, ...]]:
        return self.call, self.arguments


class _Named:
    """Pickles as a global, without being imported here."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name

    def __call__(self) -> None:
        """Be callable, as pickle demands of what it is to call."""

    def __reduce__(self) -> str:
        return self.name


class _Pickler(pickle._Pickler):
    """Writes globals by the names they were given."""

    def save_global(self, obj: Any, name: str | None = None) -> None:
        if isinstance(obj, _Named):
            self.write(f"c{obj.module}\n{obj.name}\n".encode())
            self.memoize(obj)
        else:
            super().save_global(obj, name)


def pickled(content: object, path: Path) -> bytes:
    with path.open("wb") as file:
        _Pickler(file, protocol=2).dump(content)
    return path.read_bytes()


TOUCH = "touch {ran}"
GADGETS: dict[str, tuple[str, str, tuple[object, ...]]] = {
    "os.system": ("os", "system", (TOUCH,)),
    "posix.system": ("posix", "system", (TOUCH,)),
    "os.popen": ("os", "popen", (TOUCH,)),
    "os.execlp": ("os", "execlp", ("touch", "touch", "{ran}")),
    "subprocess.call": ("subprocess", "call", (["touch", "{ran}"],)),
    "subprocess.Popen": ("subprocess", "Popen", (["touch", "{ran}"],)),
    "subprocess.getoutput": ("subprocess", "getoutput", (TOUCH,)),
    "pty.spawn": ("pty", "spawn", (["touch", "{ran}"],)),
    "eval": ("builtins", "eval", ("open('{ran}', 'w')",)),
    "exec": ("builtins", "exec", ("open('{ran}', 'w')",)),
    "open": ("builtins", "open", ("{ran}", "w")),
    "__import__": ("builtins", "__import__", ("antigravity",)),
    "getattr": ("builtins", "getattr", (collections, "OrderedDict")),
    "importlib": ("importlib", "import_module", ("antigravity",)),
    "runpy": ("runpy", "run_path", ("{ran}",)),
    "pathlib": ("pathlib", "Path.touch", ("{ran}",)),
    "shutil": ("shutil", "rmtree", ("{ran}",)),
    "torch.load": ("torch", "load", ("{ran}",)),
    "torch.hub": ("torch.hub", "load", ("{ran}",)),
    "timeit": ("timeit", "timeit", ("open('{ran}', 'w')",)),
    "pickle.loads": ("pickle", "loads", (b"cos\nsystem\n(Vtouch {ran}\ntR.",)),
    "code object": ("types", "CodeType", (0,) * 16),
}


def filled(value: object, ran: Path) -> object:
    """Put the file that a gadget would make into its arguments."""
    if isinstance(value, str):
        return value.replace("{ran}", str(ran))
    if isinstance(value, bytes):
        return value.replace(b"{ran}", str(ran).encode())
    if isinstance(value, list):
        return [filled(each, ran) for each in value]
    return None if isinstance(value, types.ModuleType) else value


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("name", GADGETS)
def test_a_gadget_is_refused_and_not_called(
    name: str, zipped: bool, tmp_path: Path
) -> None:
    module, function, arguments = GADGETS[name]
    ran, path = tmp_path / "it-ran", tmp_path / "best.pth.tar"
    gadget = Gadget(module, function, *(filled(each, ran) for each in arguments))
    content = pickled({"state_dict": gadget}, path)
    if zipped:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("best/data.pkl", content)
            archive.writestr("best/version", "3\n")

    with pytest.raises(CheckpointError, match=rf"asks for {module}\.{function}"):
        load_network(path)

    assert not ran.exists()


def expanded(path: Path) -> None:
    """Write a few bytes that are a tensor of a million channels."""
    weight = torch.zeros(1, 1, 1, 1).expand(1 << 20, 1, 3, 3)
    policy = torch.zeros(1, 1).expand(65, 512)
    state = {"conv1.weight": weight, "fc3.weight": policy}
    torch.save({"state_dict": state}, path)


def terabyte(path: Path) -> None:
    torch.save({"state_dict": {"x": torch.zeros(1).expand(1 << 40)}}, path)


def deflated(path: Path) -> None:
    torch.save({"state_dict": {"x": torch.zeros(1 << 16)}}, path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def nested(path: Path) -> None:
    """Write a pickle of lists in lists, deeper than any stack."""
    path.write_bytes(b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".")


def long_header(path: Path) -> None:
    """Write a safetensors file whose header never seems to end."""
    with path.open("wb") as file:
        file.write((1 << 30).to_bytes(8, "little") + b"{")
        file.truncate((1 << 30) + 8)


def claiming_header(path: Path) -> None:
    """Write a safetensors file whose tensor would be a terabyte."""
    entry = b'{"x":{"dtype":"F32","shape":[%d],"data_offsets":[0,%d]}}'
    entry %= (1 << 40, 1 << 42)
    path.write_bytes(len(entry).to_bytes(8, "little") + entry)


@pytest.mark.parametrize(
    "write", [expanded, terabyte, deflated, nested, long_header, claiming_header]
)
def test_a_file_that_would_unpack_to_much_is_refused(
    write: Callable[[Path], None], tmp_path: Path
) -> None:
    path = tmp_path / "bomb"
    write(path)

    with pytest.raises(CheckpointError, match="bomb: ") as info:
        load_network(path)

    assert "\n" not in str(info.value)


def test_nothing_that_runs_code_reads_files() -> None:
    package = Path(conceptlrp.__file__).parent
    unsafe = re.compile(
        r"weights_only=False|(?<!cloud)pickle\.loads?\(|allow_pickle=True"
    )

    found = [
        path.name for path in package.rglob("*.py") if unsafe.search(path.read_text())
    ]

    assert found == []

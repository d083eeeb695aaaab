"""What was derived from a store, as `store.results`: the one way in and out.

Results are frozen dataclasses, see `kinds`. A field of one of these names means the
same in each of them: `target` and `layer` what it is about, `targets` all targets of
the store, `layers` a mapping by layers of the store or at least all of its layers,
`network` and `corpus` the digests of what it was made from. The file has that of the
baseline too, none where relevance is above zero.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from conceptlrp import __version__
from conceptlrp.errors import OutputExistsError, StoreError
from conceptlrp.store.format.lock import run_lock
from conceptlrp.store.format.manifest import Manifest, read_manifest, rereading
from conceptlrp.store.results.codec import Sizes, decode, encode, read_header
from conceptlrp.store.results.kinds import (
    KINDS,
    Kind,
    kind_of,
    listed,
    replace_listed,
    whole_file,
)

if TYPE_CHECKING:
    from conceptlrp.store.opened import OpenedStore

R = TypeVar("R")

_ENCODING: Final = {"encoding-type": "conceptlrp-result", "encoding-version": "1"}
_MADE_OF: Final = ("network", "corpus", "baseline")
_HEADER: Final = (*_ENCODING, "kind", "version", *_MADE_OF, "conceptlrp")


@dataclass(frozen=True)
class SavedResult:
    """A result that a store holds; what it is about is empty where it is about all."""

    kind: str
    target: str
    layer: str
    name: str
    file: str


@dataclass(frozen=True)
class MissingResult:
    """A result that a store does not hold, and the command line that adds it."""

    kind: str
    target: str
    layer: str
    command: str


class Results:
    """Everything that was derived from one store."""

    def __init__(self, store: "OpenedStore") -> None:
        self._store = store

    def save(self, result: Any, *, overwrite: bool = False) -> Path:
        """Save a result in the folder of the store that it was derived from.

        Whatever moment the process dies at, the store has the former result or this
        one, whole. Unless `overwrite` replaces it, one that is there of the same kind,
        target and layer raises `OutputExistsError`. A result of another network,
        corpus, target or layer than the store's, or of a run that is not complete,
        raises `StoreError`. Returns the file, named after what the result is about and
        its hash.
        """
        kind, folder = kind_of(type(result)), self._store.path
        words: dict[str, str] = {key: str(getattr(result, key)) for key in kind.about}
        about = {"kind": kind.name, **words}
        self._refuse_foreign(result, kind, about)
        header = {
            **_ENCODING,
            "kind": kind.name,
            "version": str(kind.version),
            # Files of plain relevance are as they were before there were baselines.
            **{name: digest for name, digest in self._origin.items() if digest},
            "conceptlrp": __version__,
        }
        with run_lock(folder):
            manifest = read_manifest(folder)
            self._refuse_taken(manifest, about, overwrite=overwrite)
            content = encode(result, header, self._sizes(about))
            self._store.manifest = replace_listed(folder, manifest, about, content)
        return folder / str(listed(self._store.manifest, about))

    @rereading
    def get(
        self,
        result: type[R],
        *,
        target: int | str = 0,
        layer: str | None = None,
        name: str = "",
    ) -> R | None:
        """Read a result by its dataclass, such as `Ablation`, None where there is none.

        `target` and `layer` matter where it is about one, `name` where there are
        several of a kind, empty for the one of all positions. A file that is damaged,
        or of another network, corpus, baseline or version, raises `StoreError`, whose
        message names the verb that makes it anew.
        """
        kind = kind_of(result)
        about = self._about(kind, target, layer, name)
        manifest = self._store.current_manifest()
        if (file := listed(manifest, about)) is None:
            return None
        path = whole_file(self._store.path, manifest, file)
        return self._read(path, result, kind, about)

    def find(
        self,
        result: type[Any],
        *,
        target: int | str = 0,
        layer: str | None = None,
        name: str = "",
    ) -> Path | None:
        """Return the file of a result, None where the store has none."""
        about = self._about(kind_of(result), target, layer, name)
        file = listed(self._store.current_manifest(), about)
        return None if file is None else self._store.path / file

    def check_free(
        self,
        result: type[Any],
        *,
        target: int | str = 0,
        layer: str | None = None,
        name: str = "",
        overwrite: bool = False,
    ) -> None:
        """Refuse a result that could not be saved, before it is computed."""
        about = self._about(kind_of(result), target, layer, name)
        self._refuse_taken(self._store.current_manifest(), about, overwrite=overwrite)

    def list(self) -> tuple[SavedResult, ...]:
        """Return what the store holds, by kind, target and layer."""
        found = [
            SavedResult(
                entry.about["kind"],
                entry.about.get("target", ""),
                entry.about.get("layer", ""),
                entry.about.get("name", ""),
                name,
            )
            for name, entry in self._store.current_manifest().files.items()
            if entry.about.get("kind") in KINDS
        ]
        return tuple(sorted(found, key=self._order))

    def missing(self, *, target: int | str | None = None) -> tuple[MissingResult, ...]:
        """Return what the store could hold and does not, for all targets or one."""
        store, manifest = self._store, self._store.current_manifest()
        wanted = store.targets
        if target is not None:
            wanted = (store.targets[store.target_index(target)],)
        found = [
            MissingResult(
                kind.name, each, layer, self._command(kind, about, overwrite=False)
            )
            for kind in KINDS.values()
            for each in (wanted if "target" in kind.about else ("",))
            for layer in (store.layers if "layer" in kind.about else ("",))
            if listed(manifest, about := _about_of(kind, each, layer)) is None
        ]
        return tuple(sorted(found, key=self._order))

    @rereading
    def provenance(
        self, result: type[Any], *, target: int | str = 0, layer: str | None = None
    ) -> dict[str, str]:
        """Return what a result was made from and by, empty where there is none."""
        manifest = self._store.current_manifest()
        file = listed(manifest, self._about(kind_of(result), target, layer, ""))
        if file is None:
            return {}
        own = _HEADER[len(_ENCODING) :]
        return read_header(whole_file(self._store.path, manifest, file), own)

    @property
    def _origin(self) -> dict[str, str]:
        manifest = self._store.manifest
        return {
            name: str(getattr(manifest, name).get("digest", "")) for name in _MADE_OF
        }

    def _about(
        self, kind: Kind, target: int | str, layer: str | None, name: str
    ) -> dict[str, str]:
        """Name what a result is about, once the store has that target and layer."""
        store, home = self._store, kind.home.partition(":")[2]
        if "layer" in kind.about:
            if layer is None:
                msg = f"{home} is about one layer, expected layer='...'"
                raise ValueError(msg)
            self._check_layer(layer)
        chosen = store.targets[store.target_index(target)]
        return _about_of(kind, chosen, layer or "", name)

    def _check_layer(self, layer: str) -> None:
        """Refuse what is neither a layer nor several that are joined."""
        if not set(layer.split("+")) <= set(self._store.layers):
            self._store.channels(layer)

    def _read(
        self, path: Path, result: type[R], kind: Kind, about: Mapping[str, str]
    ) -> R:
        cure = f"run '{self._command(kind, about)}'"
        header = read_header(path, _HEADER)
        expected = {
            **_ENCODING,
            "kind": kind.name,
            "version": str(kind.version),
            **self._origin,
        }
        for name, value in expected.items():
            if header[name] != value:
                msg = (
                    f"{path}: has {name} {header[name][:40] or 'unknown'}, expected "
                    f"{value[:40]}; {cure}"
                )
                raise StoreError(msg)
        try:
            found = decode(path, result, self._sizes(about))
            self._refuse_foreign(found, kind, about)
        except StoreError as error:
            text = str(error)
            named = text if text.startswith(str(path)) else f"{path}: {text}"
            msg = f"{named}; {cure}"
            raise StoreError(msg) from error
        return found

    def _refuse_foreign(
        self, result: Any, kind: Kind, about: Mapping[str, str]
    ) -> None:
        """Refuse a result of another store."""
        store, name = self._store, type(result).__name__
        words: dict[str, str] = {key: about[key] for key in kind.about}
        origin = {name: self._origin[name] for name in ("network", "corpus")}
        expected: dict[str, Any] = {**origin, **words, "targets": store.targets}
        for field, value in expected.items():
            found = getattr(result, field, value)
            if found != value:
                msg = f"{name} is of {field} {found}, the store has {value}"
                raise StoreError(msg)
        if about.get("target", store.targets[0]) not in store.targets:
            msg = f"{name} is of target '{about['target']}', which the store lacks"
            raise StoreError(msg)
        if "layer" in about:
            self._check_layer(about["layer"])
        layers = getattr(result, "layers", None)
        if layers is None:
            return
        is_table = isinstance(layers, Mapping)
        odd = set(layers) - set(store.layers) if is_table else ()
        lost = () if is_table else set(store.layers) - set(layers)
        for layer in (*odd, *lost):
            has = "the store" if layer in odd else name
            msg = f"{name} is of layers {', '.join(layers)}: {has} lacks '{layer}'"
            raise StoreError(msg)

    def _refuse_taken(
        self, manifest: Manifest, about: Mapping[str, str], *, overwrite: bool
    ) -> None:
        folder = self._store.path
        if not manifest.is_complete:
            msg = f"{folder}: the run is not complete; resume it before it gets results"
            raise StoreError(msg)
        taken = listed(manifest, about)
        if taken is not None and not overwrite:
            msg = (
                f"{folder / taken}: exists already; pass overwrite=True or "
                "--overwrite to replace it; reports and pages show what is there"
            )
            raise OutputExistsError(msg)

    def _sizes(self, about: Mapping[str, str]) -> Sizes:
        """Return the lengths of axes that a store knows."""
        store = self._store
        channels = {layer: store.channels(layer) for layer in store.layers}
        known = {"T": len(store.targets), "S": store.manifest.board_size}
        if about.get("layer") in channels:
            known["C"] = channels[about["layer"]]
        return Sizes(known, channels)

    def _command(
        self, kind: Kind, about: Mapping[str, str], *, overwrite: bool = True
    ) -> str:
        # Verbs explain the first target and all layers unless they are told others.
        target = about.get("target", "")
        return kind.command(
            str(self._store.path),
            target="" if target == self._store.targets[0] else target,
            layer=about.get("layer", ""),
            name=about.get("name", ""),
            overwrite=overwrite,
        )

    def _order(self, found: SavedResult | MissingResult) -> tuple[int, ...]:
        store, kinds = self._store, [*KINDS]
        places = (
            (found.kind, kinds),
            (found.target, store.targets),
            (found.layer, store.layers),
        )
        return tuple(
            each.index(key) if key in each else len(each) for key, each in places
        )


def _about_of(kind: Kind, target: str, layer: str, name: str = "") -> dict[str, str]:
    values = {"target": target, "layer": layer, "name": name}
    words: dict[str, str] = {key: values[key] for key in kind.about}
    return {"kind": kind.name, **words}

"""An evaluation of composites in the store whose network was evaluated."""

import json
from pathlib import Path
from typing import Any, Final

from conceptlrp.errors import StoreError
from conceptlrp.evaluation.result import CompositeEvaluation
from conceptlrp.store import Store
from conceptlrp.store.derived import check_origin, derived_file, save_derived

#: Name of the file.
EVALUATION: Final = "evaluation.json"
_HEADER: Final = {
    "encoding-type": "conceptlrp-evaluation",
    "encoding-version": "1",
}
_REMEDY: Final = "conceptlrp evaluate"


def save_evaluation(
    found: CompositeEvaluation, store: Store, *, overwrite: bool = False
) -> Path:
    """Save an evaluation of composites in the folder of a store.

    Parameters
    ----------
    found : CompositeEvaluation
        Of the store's network on positions of the store.
    store : Store
        The store.
    overwrite : bool
        Replace the evaluation that is there.

    Returns
    -------
    Path
        ``evaluation.json`` in the folder of the store.

    Raises
    ------
    OutputExistsError
        When there is an evaluation and it must not be replaced.
    StoreError
        When it is of another network or corpus, or cannot be written.
    """
    path = store.path / EVALUATION
    origin = {"network": found.network, "corpus": found.corpus}
    check_origin(path, origin, store.manifest, remedy=_REMEDY)
    content = {**_HEADER, **found.to_dict()}
    text = json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False)
    save_derived(store.path, EVALUATION, f"{text}\n".encode(), overwrite=overwrite)
    return path


def load_evaluation(store: Store) -> dict[str, Any] | None:
    """Load the evaluation of composites that a store holds.

    Parameters
    ----------
    store : Store
        The store.

    Returns
    -------
    dict or None
        As `CompositeEvaluation.to_dict` has it; None where nothing was saved.

    Raises
    ------
    StoreError
        When the file is damaged, or of another network or corpus.
    """
    path = derived_file(store.path, EVALUATION)
    if path is None:
        return None
    content = _read(path)
    header = {key: content.pop(key, None) for key in _HEADER}
    if header != _HEADER:
        kind, version = header.values()
        msg = (
            f"{path}: holds {kind or 'something'} of version {version or 'unknown'}, "
            f"expected {' of version '.join(_HEADER.values())}; run '{_REMEDY}'"
        )
        raise StoreError(msg)
    origin = {kind: str(content.get(kind, "")) for kind in ("network", "corpus")}
    check_origin(path, origin, store.manifest, remedy=_REMEDY)
    return content


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        msg = f"{path}: is damaged or no JSON; run '{_REMEDY} --overwrite'"
        raise StoreError(msg) from error
    if not isinstance(content, dict):
        msg = f"{path}: is damaged: holds no object; run '{_REMEDY} --overwrite'"
        raise StoreError(msg)
    return content

"""JSON text that ends in a digest of itself, so that any changed byte shows."""

import hashlib
import json
from pathlib import Path
from typing import Any

from conceptlrp.errors import StoreError

_LARGEST = 1 << 28
_TAIL = ',\n  "digest": "{}"\n}}\n'


def seal(content: dict[str, Any]) -> bytes:
    """Return JSON text with the SHA-256 of all that stands before it as last entry."""
    body = json.dumps(content, indent=2).removesuffix("\n}").encode()
    return body + _TAIL.format(hashlib.sha256(body).hexdigest()).encode()


def read_sealed(path: Path, what: str) -> dict[str, Any]:
    """Read what `seal` wrote.

    Returns: without the digest.
    """
    try:
        if path.stat().st_size > _LARGEST:
            msg = f"{path}: not {what} ({path.stat().st_size} bytes are too many)"
            raise StoreError(msg)
        text = path.read_bytes()
        content = json.loads(text)
        found = content.pop("digest")
    except OSError as error:
        msg = f"{path}: cannot be read: {(error.strerror or str(error)).lower()}"
        raise StoreError(msg) from error
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        msg = f"{path}: not {what} ({error!r})"
        raise StoreError(msg) from None
    if not _is_intact(text, found):
        msg = f"{path}: damaged, its text does not agree with its digest"
        raise StoreError(msg)
    return dict(content)


def _is_intact(text: bytes, digest: Any) -> bool:
    tail = _TAIL.format(digest).encode()
    body = text.removesuffix(tail)
    return body != text and hashlib.sha256(body).hexdigest() == digest

from .estimates import (
    Estimate as Estimate,
)
from .intervals import (
    LEAST_GAMES as LEAST_GAMES,
)
from .ranks import (
    stratified_auroc as stratified_auroc,
    stratified_correlation as stratified_correlation,
)

__all__ = [
    "LEAST_GAMES",
    "Estimate",
    "stratified_auroc",
    "stratified_correlation",
]

from .estimates import (
    LEAST_GAMES as LEAST_GAMES,
    Estimate as Estimate,
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

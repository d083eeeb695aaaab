from .estimates import (
    Estimate as Estimate,
)
from .ranks import (
    stratified_auroc as stratified_auroc,
    stratified_correlation as stratified_correlation,
)

__all__ = [
    "Estimate",
    "stratified_auroc",
    "stratified_correlation",
]

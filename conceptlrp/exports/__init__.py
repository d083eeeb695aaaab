"""Stores in the formats of other programs."""

__all__: list[str] = []

"""Figures for papers, drawn with matplotlib."""

__all__: list[str] = []

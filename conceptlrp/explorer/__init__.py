"""Pages that explain a position while it is set up or played."""

__all__: list[str] = []

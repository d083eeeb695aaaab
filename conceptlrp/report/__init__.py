"""What is known of a channel or a position, gathered in one place."""

__all__: list[str] = []

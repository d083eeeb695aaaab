"""Reference boards: the positions on which a channel matters most."""

from conceptlrp.reference.boards import ReferenceBoards, reference_boards

__all__ = ["ReferenceBoards", "reference_boards"]

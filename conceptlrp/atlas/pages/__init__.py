"""The kinds of pages of an atlas, a module each."""

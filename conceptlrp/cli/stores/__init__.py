"""Verbs that fill, look after and ask a store."""

"""Verbs about games and the networks that play them."""

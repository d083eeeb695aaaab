"""Verbs that say what channels do."""

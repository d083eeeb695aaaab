"""Verbs that make pages, figures and files of what a store holds."""

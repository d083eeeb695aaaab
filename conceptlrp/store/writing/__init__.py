"""Filling a store: start, shards, end, and packing it another way."""

"""Results that are derived from a store: saved, found, listed and checked alike."""

"""The native propagation: rules as linear maps, swept down and up a network."""

"""One tab a file: a function that lays it out, wires it, and returns what other tabs may touch."""

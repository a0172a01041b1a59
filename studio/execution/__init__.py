"""The queue: who carries out runs, how far they are, and those of earlier processes."""

"""A drawn paper-doll world with full ground truth: `sample` a spec, `caption` it, `render` it.

It trains the bundled family from scratch, and it measures what that family has learnt.
"""

"""The page. It knows the door (studio.open) and no more: no torch, no engine."""

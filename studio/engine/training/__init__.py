"""DreamBooth: what is learnt from photos, step by step, and which checkpoint is taken."""

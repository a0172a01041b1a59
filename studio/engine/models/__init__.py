"""Base models in memory: their files, loading, the shared pipelines, schedulers."""

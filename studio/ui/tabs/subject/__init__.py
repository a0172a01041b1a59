"""The tab Subject."""

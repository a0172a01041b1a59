"""The tab Retouch."""

"""The tab Dress."""

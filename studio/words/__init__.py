"""Words of prompts, identifiers and names."""

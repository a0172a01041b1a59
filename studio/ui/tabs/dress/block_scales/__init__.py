"""How outfits act: the folded panel of Dress."""

"""From requests to pictures: drawing, outfits, repainting, grids."""

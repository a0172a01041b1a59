"""Pixels without torch: photos, masks, what is put back into a picture, grids."""

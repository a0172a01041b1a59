"""What shall be painted where the mask is, and what came of it: the right side and the foot of Retouch."""

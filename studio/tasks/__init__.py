"""What can be asked for: one module for each kind of request, which settles its open choices before the work."""

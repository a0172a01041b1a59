"""What is in a picture: detection, segmentation, captions, and measures of pictures."""

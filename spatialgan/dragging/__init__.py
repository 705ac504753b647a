"""Dragging points of an image to targets, by optimizing what the image is made from."""

METHOD = "coarse+latent+centers"  # the default key of DRAGS

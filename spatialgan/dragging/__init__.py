"""Dragging points of an image to where they should be."""

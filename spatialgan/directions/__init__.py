"""Directions: what of an image's styles changes one region of it, and as little as possible elsewhere."""

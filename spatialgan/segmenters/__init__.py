"""Segmenters: networks that find the objects in an image, how they are trained and how well they do."""

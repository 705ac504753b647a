"""Extractors: networks whose features distances between sets of images are measured in."""

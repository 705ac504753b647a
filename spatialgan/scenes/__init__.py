"""Scenes: one image as data, its file format, and the edits that map a scene to a scene."""

"""Pictures of scenes: overlays, strips, films, galleries."""

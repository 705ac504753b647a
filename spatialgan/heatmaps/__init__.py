"""Layouts (what is where), how they are drawn at random, and how they become heatmaps."""

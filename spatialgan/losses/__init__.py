"""Objectives: adversarial losses, and the alignment of heatmaps with D's attention."""

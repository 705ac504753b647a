"""What one does with a trained generator: move its heatmaps and look."""

"""Spatially steerable GANs: heatmaps in the generator, aligned with the attention of the discriminator."""

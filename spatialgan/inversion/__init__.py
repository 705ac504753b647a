"""Inversion: the scene of a model whose image comes closest to a photo.

Read in one direction: `photo` (any picture file to the square that a model can show), `starts` (which scenes to
begin with), `unknowns` (what is optimized), `perceptual` (what counts as close), `invert` (the loop), `inverted`
(the scene, its numbers and its strip). `encoder` and `encoder_training` make and use a network that guesses a start.
"""

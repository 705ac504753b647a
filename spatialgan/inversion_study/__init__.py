"""How well models invert photos, as results: numbers, table and picture (params/inversions.yaml).

Read in one direction: `methods` (the ways to invert), `kept` (many inversions, which survive a kill), `editing` and
`centers` (what is measured), `study` (one model's document), `picture`, `page` and `write`.
"""

SEGMENTER = "torchvision"  # that sees the objects of the Co-move Ratio

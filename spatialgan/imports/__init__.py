"""Models of other programs: their files are read as inert data, their weights put into our networks.

Nothing in such a file is ever run, imported or unpickled. From the bottom up: `opcodes` splits a pickle into
instructions, `machine` follows the few that build data, `storages` reads the tensors inside, `checkpoint` knows
the names that may occur, `parts` looks things up in the result, `generators` and `discriminators` translate
weights, `model` writes the snapshot.
"""

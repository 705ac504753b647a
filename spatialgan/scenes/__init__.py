"""Scenes: one image as editable data, from a JSON document to pixels.

Read in one direction: `document` (text to checked data, no model needed), `spatialgan.models.opened` (the
model that the document names), `complete` (what the document leaves out is drawn), `render` (to pixels).
`edits` maps a scene to a scene; `scene_file` reads and writes files.
"""

"""The studio: a page in the browser on which a person moves objects and sees the image follow.

`admission.py` says which requests are accepted, `app.py` what the answers are, `answers.py` how scenes become
answers, `dragging.py` how a drag is streamed, `discriminators.py` whose attention is shown, `worker.py` who computes,
`serve.py` how it all starts. The page is in `static/`: plain ES modules, CSS and one HTML file. Needs the extra "studio".
"""

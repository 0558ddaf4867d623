"""Reviewing: a local page on which a person reads situations, scores their answers, edits, accepts and rejects them.

``library`` reads the files and notices changes, ``editing`` and ``values`` change them, ``log`` keeps decisions,
``blind`` hides which answer is which until it was scored, ``progress`` counts, ``reviewing`` joins these, ``server``
and ``guard`` serve them to the page.
"""

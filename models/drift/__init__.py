"""How far newer rows lie from older ones: asked of whole samples by batch, of a few records by serving.

rows of both sides -> distances -> InputDrift -> panels -> DriftFound
rows of one side   -> InputReference (kept with a report) -> the other side, whenever it comes
"""

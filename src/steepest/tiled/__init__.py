"""The engine for images larger than memory, without public functions of its own.

A function of a room makes a `TileRequest`, and a `TiledImage` of it, which chooses tiles, workers
and the workspace. `TiledImage.survey` reads every tile once: statistics, and the image on a coarse
grid. Then `TiledImage.run` does the room's `TileJob` on every tile, as often as it takes. Jobs put
arrays under names in the workspace, and what they return is journaled, so that interrupted work
goes on. `Passes` and `TiledDual` are the dual iteration by such jobs, for flows and contours. At
the end, `write_result` copies an array from the workspace to ``out``, whole chunks at a time.

Functions work by tiles where `steepest.core.tiles.works_by_tiles` says so.
"""

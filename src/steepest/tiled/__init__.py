"""The engine for images larger than memory: windows, passes, the workspace and its journal.

It has no public functions. The rooms above have tile jobs of their own, and their functions work by
tiles where `steepest.core.tiles.works_by_tiles` says so.
"""

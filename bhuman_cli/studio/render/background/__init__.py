"""Backgrounds of a video: pictures, clips, captured pages, cut-outs."""

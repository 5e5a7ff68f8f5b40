"""Files that a rendered row leaves: MP4, GIF, thumbnail, share page."""

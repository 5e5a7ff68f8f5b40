"""The local renderer: a template and one row's values in; MP4, GIF, thumbnail and share page out."""

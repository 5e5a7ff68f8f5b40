"""What happens after the render: media files on disk, a page to look at, cells for a mail merge."""

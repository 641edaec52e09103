"""Where a reply came from: the attention that the Transformer paid while it wrote, as a picture or as a page."""

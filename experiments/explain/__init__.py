"""One picture in, an editable scene out."""

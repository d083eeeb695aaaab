"""What reports say in words: the text, the pages and the explorer read these."""

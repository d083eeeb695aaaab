"""Files of games and corpora: what Corpus reads and writes, a module each format."""

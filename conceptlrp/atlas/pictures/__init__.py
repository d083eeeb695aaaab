"""Pictures and charts that stand on the pages of an atlas."""

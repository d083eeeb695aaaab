"""What lies in the folder of a store, and how its files say what they are."""

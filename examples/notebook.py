"""What one channel has learned, as the cells of a notebook.

Editors run the cells between ``# %%`` one by one; `jupytext --to ipynb notebook.py`
makes a notebook of them. The last line of each cell draws itself there.
"""

# %% The network and the games that ship; each position once, mirror images included
import conceptlrp as cl

network = cl.load_network("demo")
corpus = cl.Corpus.read("demo").unique(symmetry=True).sample(400, seed=0).turn(seed=0)
corpus

# %% Relevance of every channel of a layer at all positions, kept on disk
store = cl.attribute_corpus(
    network, corpus, "notebook.crp", targets="value", layers="conv3"
)
store

# %% The channels of the layer, those that carry most of the value first
layer = cl.layer_report(store, "conv3")
layer

# %% The boards of the first of them
channel = int(layer.frame().sort_values("rank").index[0])
boards = cl.reference_boards(store, "conv3", channel)
boards

# %% What the network loses without each channel
cl.ablate(store, network, n_positions=100)

# %% Positions that use the same channels
cl.cluster(store, "conv3", n_clusters=4)

# %% Everything that the store now knows of the channel
cl.channel_report(store, "conv3", channel)

# %% Why this move, at the first of its boards
cl.explain(network, boards.positions[0], "best")

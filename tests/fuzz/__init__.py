"""Mutated inputs: `python -m tests.fuzz --target NAME --seconds N --seed S`, and `--list` for the targets.

The target `wheels`, whole wheels through the gate and into an environment:

corpus.py      small valid wheels, member by member
hostile.py     names, numbers and texts that mutations put in
bytewise.py    mutations of a file
structural.py  mutations of its members
lawless.py     what then becomes of RECORD
mutate.py      (seed, index) -> one mutant, always the same
looking.py     what is in a folder and in an archive, read with nothing of pipper
trial.py       one mutant: gate, unpacking, installing, removing, and what must hold
run.py         many mutants, in several processes, counted

All other targets, each the reader of one kind of text from outside:

grammars/      examples, readers and writers
texts.py       mutations of words and lines
trees.py       mutations of documents
parsing.py     one mutant: a value or a typed error, in bounded time and memory; and many of them
shelves.py     a store for readers that take one
"""

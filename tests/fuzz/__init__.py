"""Mutated wheels through the gate and into an environment: `python -m tests.fuzz --count N --seed S --jobs J`.

corpus.py      small valid wheels, member by member
hostile.py     names, numbers and texts that mutations put in
bytewise.py    mutations of a file
structural.py  mutations of its members
lawless.py     what then becomes of RECORD
mutate.py      (seed, index) -> one mutant, always the same
looking.py     what is in a folder and in an archive, read with nothing of pipper
trial.py       one mutant: gate, unpacking, installing, removing, and what must hold
run.py         many mutants, in several processes, counted
"""

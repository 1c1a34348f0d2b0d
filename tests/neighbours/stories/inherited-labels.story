# A container that carries the project of a trial is taken for a part of it, though compose did not make it.
# N1: borrower 2 was ended: it runs, and no benchmark made it
{"at":69915437,"harness":{"up":{"benchmark":"terminal-bench","trial":2,"service":true}}}
{"at":79660866,"impostor":{"borrows":{"trial":2}}}

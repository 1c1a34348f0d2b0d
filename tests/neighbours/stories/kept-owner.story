# A task of a swarm service, which swarm keeps, is removed: the safeguard kept-owner was taken out.
# N1: service 1 was removed: its maker keeps it
{"at":34042043,"ci":{"service":{"number":1}}}

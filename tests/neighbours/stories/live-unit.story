# A container that has ended is removed while its project runs: the safeguard live-unit was taken out.
# N1: impostor 0 init was removed: its unit lives
{"at":751463381,"impostor":{"project":{"number":0,"benchmark":"harbor"}}}

# A project that is named like a trial is taken for Harbor's, whatever compose file made it.
# N1: impostor 2 web was ended: it runs, and no benchmark made it
{"at":69617834,"impostor":{"project":{"number":2,"benchmark":"harbor"}}}

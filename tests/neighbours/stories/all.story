# The safeguards let everything through.
# N1: service 1 was removed: its maker keeps it
{"at":34042043,"ci":{"service":{"number":1}}}

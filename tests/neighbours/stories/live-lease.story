# What a job runs under a live lease is removed: the safeguard live-lease was taken out.
# N1: job 1 container 2 was removed: its lease is live
{"at":54269109,"job":{"begins":{"job":1}}}
{"at":97342974,"job":{"runs":{"job":1,"container":2,"runs":false}}}

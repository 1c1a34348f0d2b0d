# What was ended is removed, though its unit came back in between: members are compared before the first request.
# N1: trial 0 db was removed: it has just ended
{"at":107115955,"harness":{"up":{"benchmark":"harbor","trial":0,"service":true}}}
{"at":107828556,"nature":{"crowded":{"per_second":6}}}
{"at":107835083,"harness":{"ends":{"trial":0}}}
{"at":114146659,"operator":{"run":{"policy":"harbor","min_age":3600}}}
{"at":114149037,"harness":{"restarts":{"trial":0}}}

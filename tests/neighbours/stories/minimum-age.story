# Something is removed before it is old enough: the safeguard minimum-age was taken out.
# N1: run red was removed: it is too young
{"at":260145396,"developer":{"run":{"name":"red","runs":false}}}
{"at":263035946,"operator":{"run":{"policy":"aggressive","min_age":3600}}}
